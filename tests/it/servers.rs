//! Servers in the field: every form of URL, TLS, schemas, roles, and the messages when a server
//! refuses access. A password is never shown.

use crate::{
    dump::{dump, rows, run},
    home::{Home, Ran},
    postgres::{OwnServer, own_server, own_server_with_tls},
};

const PASSWORD: &str = "S3cret/pass word";
const PASSWORD_IN_URL: &str = "S3cret%2Fpass%20word";

/// Creates a home whose database is `name` on `server`, accessed by its superuser.
async fn home_at(server: &OwnServer, name: &str) -> Home {
    run(&server.url("postgres"), &format!("CREATE DATABASE {name}")).await;
    let mut home = Home::sqlite().await;
    home.database = server.url(name);
    home.heygen.add_avatar("a", |_| ());
    home.heygen.add_photo("p");
    home
}

/// Asserts exit code 74, with one or two lines that contain `words` and no password.
fn refused(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.code, 74, "{ran:?}");
    assert!(ran.stderr.lines().count() <= 2, "{ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{word}: {ran:?}");
    }
    discreet(ran);
}

fn discreet(ran: &Ran) {
    for secret in [PASSWORD, PASSWORD_IN_URL, "S3cret"] {
        assert!(!format!("{ran:?}").contains(secret), "{ran:?}");
    }
}

/// Returns the URL of `database` with another user and password.
fn url_of(server: &OwnServer, user: &str, password: &str, database: &str) -> String {
    format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", server.port())
}

#[tokio::test]
async fn every_form_of_a_url_leads_to_the_same_database() {
    let server = own_server().await;
    let mut home = home_at(&server, "forms").await;
    let tcp = server.url("forms");
    let forms = [
        tcp.clone(),
        tcp.replace("postgres://", "postgresql://"),
        server.socket_url("forms"),
        format!("{tcp}?sslmode=disable"),
        format!("{tcp}?sslmode=prefer&application_name=own"),
        format!("{tcp}?options[search_path]=public"),
    ];
    for form in &forms {
        home.database = form.clone();
        assert_eq!(home.sync(&[]).0, 0, "{form}");
    }
    // The environment completes the URL, as usual with PostgreSQL.
    let port = server.port().to_string();
    let password = tcp.split(['@', ':']).nth(2).unwrap();
    let env = [("PGHOST", "127.0.0.1"), ("PGPORT", &*port), ("PGUSER", "postgres")];
    let env = [&env[..], &[("PGPASSWORD", password)]].concat();
    home.database = "postgres:///forms".into();
    let ran = home.run_with(&env, &["sync"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(rows(&tcp, "SELECT poll_id FROM polls").await.len(), forms.len() + 1);
}

#[tokio::test]
async fn without_a_user_the_user_of_the_operating_system_connects() {
    let server = own_server().await;
    let mut home = home_at(&server, "nameless").await;
    let id = std::process::Command::new("id").arg("-un").output().unwrap().stdout;
    let user = String::from_utf8(id).unwrap().trim().to_owned();
    run(&server.url("postgres"), &format!("CREATE ROLE \"{user}\" SUPERUSER LOGIN")).await;
    home.database = server.socket_url("nameless").replace("&user=postgres", "");
    for env in [&[][..], &[("PGUSER", "")]] {
        let ran = home.run_with(env, &["sync"]);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let owner =
        format!("SELECT 1 FROM pg_tables WHERE tablename = 'polls' AND tableowner = '{user}'");
    assert_eq!(rows(&server.url("nameless"), &owner).await.len(), 1);
    // The variable still takes precedence.
    let ran = home.run_with(&[("PGUSER", "nobody at all")], &["status"]);
    assert!(ran.code == 74 && ran.stderr.contains("nobody at all"), "{ran:?}");
}

#[tokio::test]
async fn a_parameter_that_is_not_known_is_refused_before_anything_is_written() {
    let server = own_server().await;
    let mut home = home_at(&server, "misspelt").await;
    let url = server.url("misspelt");
    run(&url, "CREATE SCHEMA heygen").await;
    for (parameter, words) in [
        ("schema=heygen", ["'schema'", "options[search_path]=SCHEMA"]),
        ("search_path=heygen", ["'search_path'", "options[search_path]=SCHEMA"]),
        ("currentSchema=heygen", ["'currentSchema'", "options[search_path]=SCHEMA"]),
        ("sslmod=verify-full", ["'sslmod'", "sslmode"]),
        ("connect_timeout=5", ["'connect_timeout'", "options[NAME]"]),
    ] {
        home.database = format!("{url}?{parameter}");
        for verb in ["sync", "status", "check"] {
            let ran = home.run(&[verb]);
            assert_eq!(ran.code, 78, "{parameter}: {ran:?}");
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(words.iter().all(|word| said.contains(word)), "{ran:?}");
        }
    }
    assert!(rows(&url, "SELECT 1 FROM pg_tables WHERE tablename = 'polls'").await.is_empty());
}

#[tokio::test]
async fn a_password_that_is_not_encoded_is_in_no_message() {
    let mut home = Home::sqlite().await;
    for password in
        ["S3cret/x", "1/S3cret", "a@S3cret", "a@b/S3cret", "1?S3cret", "1#S3cret", "1?S3cret=1"]
    {
        home.database = format!("postgres://u:{password}@127.0.0.1:1/x");
        for args in [&["sync", "-vv"][..], &["status"], &["check"], &["sync", "--dry-run"]] {
            let ran = home.run(args);
            assert!([74, 78].contains(&ran.code), "{password}: {ran:?}");
            discreet(&ran);
        }
        let ran = home.run(&["copy", "--from", &home.database, "--to", "x.db"]);
        discreet(&ran);
    }
}

#[tokio::test]
async fn a_server_with_tls_is_verified_or_refused() {
    let server = own_server_with_tls().await;
    let ca = server.ca_file().display().to_string();
    run(&format!("{}?sslmode=require", server.url("postgres")), "CREATE DATABASE tls").await;
    let mut home = Home::sqlite().await;
    let plain = server.url("tls");
    home.database = format!("{plain}?sslmode=verify-full&sslrootcert={ca}");
    assert_eq!(home.sync(&[]).0, 0);
    let stranger = own_server_with_tls().await;
    let wrong = [
        // No trusted authority, another authority, another name, no TLS.
        (format!("{plain}?sslmode=verify-full"), "certificate"),
        (
            format!("{plain}?sslmode=verify-full&sslrootcert={}", stranger.ca_file().display()),
            "certificate",
        ),
        (format!("{plain}?sslmode=verify-ca"), "certificate"),
        (
            format!("{plain}?sslmode=verify-full&sslrootcert={ca}")
                .replace("localhost", "127.0.0.1"),
            "certificate",
        ),
        (format!("{plain}?sslmode=disable"), "no encryption"),
    ];
    for (url, word) in wrong {
        home.database = url;
        refused(&home.run(&["sync"]), &["cannot open postgres://", word]);
    }
    // A server without TLS, although it is required.
    let open = own_server().await;
    home.database = format!("{}?sslmode=verify-full&sslrootcert={ca}", open.url("postgres"));
    refused(&home.run(&["sync"]), &["TLS"]);
}

#[tokio::test]
async fn two_schemas_of_one_database_know_nothing_of_each_other() {
    let server = own_server().await;
    let mut home = home_at(&server, "two").await;
    let url = server.url("two");
    run(&url, "CREATE SCHEMA one; CREATE SCHEMA \"Two\"; CREATE TABLE invoices (id bigint)").await;
    let [one, two] =
        ["one", "\"Two\""].map(|schema| format!("{url}?options[search_path]={schema}"));
    home.database = one.clone();
    let gate = home.heygen.delay_next();
    let first = home.start(&["sync"]);
    let opener = tokio::task::spawn_blocking(|| gate.wait_reached()).await.unwrap();
    assert_eq!(home.run(&["sync"]).code, 75);
    home.database = two.clone();
    assert_eq!(home.sync(&[]).0, 0);
    assert_eq!(home.sync(&[]).0, 0);
    opener.release();
    assert!(first.wait_with_output().unwrap().status.success());
    assert_eq!(rows(&one, "SELECT poll_id FROM polls").await.len(), 1);
    assert_eq!(rows(&two, "SELECT poll_id FROM polls").await.len(), 2);
    // Nothing is created beside other people's tables.
    home.database = url.clone();
    refused(&home.run(&["sync"]), &["invoices", "options[search_path]=", "CREATE SCHEMA"]);
    let ours = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(rows(&url, ours).await.len(), 1);
    home.database = format!("{url}?options[search_path]=three");
    refused(&home.run(&["sync"]), &["search_path", "CREATE SCHEMA"]);
    refused(&home.run(&["status"]), &["search_path", "CREATE SCHEMA"]);
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why_and_what_to_do() {
    let server = own_server().await;
    let mut home = home_at(&server, "doors").await;
    let superuser = server.url("doors");
    assert_eq!(home.sync(&[]).0, 0);
    run(&superuser, &format!("CREATE ROLE stranger LOGIN PASSWORD '{PASSWORD}'")).await;
    let open =
        |user: &str, password: &str, database: &str| url_of(&server, user, password, database);
    let cases = [
        (open("stranger", "S3cret", "doors"), "check user, password"),
        (open("nobody", PASSWORD_IN_URL, "doors"), "check user, password"),
        (open("stranger", PASSWORD_IN_URL, "nowhere"), "CREATE DATABASE"),
        // May connect, but read and create nothing.
        (open("stranger", PASSWORD_IN_URL, "doors"), "permission denied"),
        ("postgres://u:S3cret@127.0.0.1:1/x".to_owned(), "check that the server is up"),
        ("postgres:///x?host=/nowhere&user=u&password=S3cret".to_owned(), "check that the server"),
    ];
    for (url, word) in cases {
        home.database = url;
        for args in [&["sync", "-vv"][..], &["status"], &["copy", "--from", "x.db", "--to", "y.db"]]
        {
            let ran = home.run(args);
            discreet(&ran);
            if args[0] != "copy" {
                refused(&ran, &[word]);
            }
        }
        let ran = home.run(&["check"]);
        discreet(&ran);
        assert_ne!(ran.code, 0, "{ran:?}");
    }
    run(&server.url("postgres"), "CREATE DATABASE empty").await;
    home.database = open("stranger", PASSWORD_IN_URL, "empty");
    refused(&home.run(&["sync"]), &["permission denied", "grant the missing privilege"]);
    // After a login by password, the password is in no table and no output either.
    run(&server.url("postgres"), "CREATE DATABASE own OWNER stranger").await;
    home.database = open("stranger", PASSWORD_IN_URL, "own");
    for args in [&["sync", "-vv"][..], &["status"], &["changes"], &["check"]] {
        let ran = home.run(args);
        assert_eq!(ran.code, 0, "{ran:?}");
        discreet(&ran);
    }
    assert!(!dump(&home.database).await.join("\n").contains("S3cret"));
}

#[tokio::test]
async fn a_server_that_only_reads_is_read_and_not_written() {
    let server = own_server().await;
    let home = home_at(&server, "standby").await;
    assert_eq!(home.sync(&[]).0, 0);
    run(&server.url("postgres"), "ALTER DATABASE standby SET default_transaction_read_only = on")
        .await;
    refused(&home.run(&["sync"]), &["this server is read-only; use the primary"]);
    for verb in [&["status"][..], &["changes"], &["history", "a"], &["check"]] {
        assert_eq!(home.run(verb).code, 0, "{verb:?}");
    }
    assert_eq!(home.sync(&["--dry-run"]).0, 0);
    run(&server.url("postgres"), "CREATE DATABASE blank").await;
    run(&server.url("postgres"), "ALTER DATABASE blank SET default_transaction_read_only = on")
        .await;
    let ran = home.run(&["--database", &server.url("blank"), "sync"]);
    refused(&ran, &["this server is read-only; use the primary"]);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let home = Home::postgres().await;
    home.heygen.add_avatar("a", |_| ());
    assert_eq!(home.sync(&[]).0, 0);
    let newer = "INSERT INTO _heygen_sync_migrations \
                 SELECT 9999, 'later', installed_on, success, checksum, execution_time \
                 FROM _heygen_sync_migrations LIMIT 1";
    run(&home.database, newer).await;
    let before = dump(&home.database).await;
    for verb in ["sync", "status"] {
        refused(&home.run(&[verb]), &["newer version", "upgrade this program"]);
    }
    assert_eq!(before, dump(&home.database).await);
}

#[tokio::test]
async fn whatever_a_server_has_as_defaults_two_accounts_may_poll_at_once() {
    let server = own_server().await;
    for level in ["repeatable read", "serializable"] {
        let name = level.replace(' ', "_");
        let home = home_at(&server, &name).await;
        let isolation = format!("default_transaction_isolation = '{level}'");
        for what in [&*isolation, "statement_timeout = '3s'"] {
            run(&server.url("postgres"), &format!("ALTER DATABASE {name} SET {what}")).await;
        }
        home.sync(&[]);
        let gate = home.heygen.delay_next();
        home.heygen.add_avatar("b", |_| ());
        let slow = home.start(&["sync", "--format", "json"]);
        let gate = tokio::task::spawn_blocking(|| gate.wait_reached()).await.unwrap();
        // While idle it holds neither a transaction id nor a snapshot.
        let idle = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' \
                    AND application_name LIKE 'heygen-sync%' \
                    AND backend_xid IS NULL AND backend_xmin IS NULL";
        assert_eq!(rows(&server.url(&name), idle).await, [[Some("1".to_owned())]]);
        let other = home.file("other.json", home.heygen.body());
        assert_eq!(home.run(&["sync", "--account", "other", "--from", &other]).code, 0);
        gate.release();
        let slow = Ran::from(slow.wait_with_output().unwrap());
        assert_eq!(slow.code, 0, "{level}: {slow:?}");
        assert_eq!(home.run(&["verify"]).code, 0);
    }
}

#[tokio::test]
async fn a_schema_with_anything_of_others_is_left_alone() {
    let server = own_server().await;
    for thing in [
        "CREATE VIEW accounts AS SELECT 1 AS one",
        "CREATE MATERIALIZED VIEW sums AS SELECT 1 AS one",
        "CREATE TABLE invoices (id bigint)",
    ] {
        run(&server.url("postgres"), "DROP DATABASE IF EXISTS theirs").await;
        let home = home_at(&server, "theirs").await;
        run(&server.url("theirs"), thing).await;
        refused(&home.run(&["sync"]), &["contains other tables", "search_path"]);
    }
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_name_is_refused() {
    let server = own_server().await;
    run(
        &server.url("postgres"),
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    )
    .await;
    let mut home = Home::sqlite().await;
    home.database = server.url("latin");
    home.heygen.add_avatar("a", |_| ());
    refused(&home.run(&["sync"]), &["LATIN1", "ENCODING 'UTF8'"]);
}
