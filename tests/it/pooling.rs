//! Behind PgBouncer in transaction mode everything works; if it would drop the URL's options, that
//! is reported, and no other schema is written to.

use std::sync::mpsc;

use crate::{
    dump::{dump, rows, run},
    home::{Home, Ran},
    postgres::{Pooler, own_server},
};

const ACCOUNTS: [&str; 12] = ["account-0", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

#[tokio::test]
async fn polls_and_readers_share_a_few_backends() {
    let server = own_server().await;
    run(&server.url("postgres"), "CREATE DATABASE pooled").await;
    let pooler = Pooler::start(&server, 2, "");
    let mut home = Home::sqlite().await;
    home.database = pooler.url("pooled");
    for n in 0..300 {
        home.heygen.add_avatar(&format!("{n}"), |_| ());
    }
    let body = home.file("list.json", home.heygen.body());
    assert_eq!(home.run(&["sync", "--account", "account-0", "--from", &body]).code, 0);
    // Twelve accounts poll at once, with readers in between: statements run on changing backends.
    all_at_once(&home, 1..12, |account| vec![vec!["sync", "--account", account, "--from", &body]]);
    for accounts in [0..4, 4..8, 8..12, 0..4, 4..8, 8..12] {
        all_at_once(&home, accounts, |account| {
            vec![
                vec!["sync", "--account", account, "--from", &body],
                vec!["status"],
                vec!["changes", "--account", account, "--limit", "7", "--format", "ndjson"],
                vec!["history", "7", "--account", account],
            ]
        });
    }
    let polls = rows(&server.url("pooled"), "SELECT poll_id FROM polls ORDER BY poll_id").await;
    assert_eq!(polls.len(), 36);
    let items = rows(&server.url("pooled"), "SELECT avatar_id FROM avatars").await;
    assert_eq!(items.len(), 12 * 300);
    let versions = rows(&server.url("pooled"), "SELECT version FROM avatar_history").await;
    assert_eq!(versions.len(), 12 * 300);
}

/// Runs the commands that `verbs` returns for each account, all at once, until they end.
fn all_at_once<'a>(
    home: &Home,
    accounts: std::ops::Range<usize>,
    verbs: impl Fn(&'static str) -> Vec<Vec<&'a str>>,
) {
    let (say, said) = mpsc::channel();
    let mut started = 0;
    for account in accounts {
        for verb in verbs(ACCOUNTS[account]) {
            let (child, say) = (home.start(&verb), say.clone());
            std::thread::spawn(move || {
                let _ = say.send(Ran::from(child.wait_with_output().unwrap()));
            });
            started += 1;
        }
    }
    said.iter().take(started).for_each(|ran| succeeded(&ran));
}

fn succeeded(ran: &Ran) {
    assert_eq!(ran.code, 0, "{ran:?}");
    for line in ran.stdout.lines().filter(|line| line.starts_with('{')) {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["change"], "added", "{line}");
    }
}

#[tokio::test]
async fn the_lock_and_a_copy_work_through_a_pooler() {
    let server = own_server().await;
    for name in ["pooled", "target"] {
        run(&server.url("postgres"), &format!("CREATE DATABASE {name}")).await;
    }
    let pooler = Pooler::start(&server, 3, "");
    let mut home = Home::sqlite().await;
    home.database = pooler.url("pooled");
    home.heygen.add_photo("p");
    let gate = home.heygen.delay_next();
    let first = home.start(&["sync"]);
    let opener = tokio::task::spawn_blocking(|| gate.wait_reached()).await.unwrap();
    let second = home.run(&["sync"]);
    assert_eq!(second.code, 75, "{second:?}");
    assert!(second.stderr.contains(&format!("pid {} ", first.id())), "{second:?}");
    opener.release();
    assert!(first.wait_with_output().unwrap().status.success());
    let copied = home.run(&["copy", "--from", &home.database, "--to", &pooler.url("target")]);
    assert_eq!(copied.code, 0, "{copied:?}");
    assert_eq!(dump(&server.url("pooled")).await, dump(&server.url("target")).await);
}

#[tokio::test]
async fn a_pooler_that_drops_the_search_path_is_found_out() {
    let server = own_server().await;
    run(&server.url("postgres"), "CREATE DATABASE pooled").await;
    run(&server.url("pooled"), "CREATE SCHEMA heygen").await;
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname IN ('public', 'heygen')";
    let mut home = Home::sqlite().await;
    home.heygen.add_photo("p");
    for settings in ["", "ignore_startup_parameters = options"] {
        let pooler = Pooler::start(&server, 3, settings);
        home.database = format!("{}&options[search_path]=heygen", pooler.url("pooled"));
        for verb in ["sync", "status"] {
            let ran = home.run(&[verb]);
            // Newer poolers than Debian's may support it, which is fine as well.
            if ran.code != 0 {
                assert_eq!(ran.code, 74, "{ran:?}");
                assert!(ran.stderr.contains("ALTER ROLE"), "{settings}: {ran:?}");
                assert!(rows(&server.url("pooled"), tables).await.is_empty());
            }
        }
    }
    run(&server.url("pooled"), "ALTER ROLE postgres SET search_path = heygen").await;
    let pooler = Pooler::start(&server, 3, "");
    home.database = pooler.url("pooled");
    assert_eq!(home.sync(&[]).0, 0);
    let ours = rows(&server.url("pooled"), tables).await;
    assert_eq!(ours.len(), heygen_sync::store::table::TABLES.len() + 2, "{ours:?}");
    assert_eq!(rows(&server.url("pooled"), "SELECT * FROM heygen.polls").await.len(), 1);
}
