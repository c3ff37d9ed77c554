//! `copy`: there and back without loss, and never into a target that is not empty.

use std::{path::Path, time::Duration};

use heygen_sync::time::Clock;

use crate::{
    dump::{dump, dump_of_history, quoted, rows, run},
    fake::Kind,
    home::{Home, Ran},
    postgres::{TestDatabase, database},
};

/// Returns the path of a file in a test's folder, as `--database` and `copy` take it.
fn file(home: &Home, name: &str) -> String {
    home.folder().join(name).display().to_string()
}

fn copy(home: &Home, from: &str, to: &str) -> Ran {
    home.run(&["copy", "--from", from, "--to", to])
}

fn copied(home: &Home, from: &str, to: &str) {
    let ran = copy(home, from, to);
    assert_eq!(ran.code, 0, "{ran:?}");
}

/// Makes a history with an example of everything that a table can contain.
async fn eventful(home: &Home) -> String {
    let heygen = &home.heygen;
    for id in ["a", "b", "c", "ä\u{1F600}"] {
        heygen.add_avatar(id, |avatar| {
            avatar.set("tags", serde_json::json!(["NEW", "a\"b\\c", ""]));
        });
    }
    for id in ["p", "q", "r"] {
        heygen.add_photo(id);
    }
    heygen.add_group("g");
    heygen.add_voice("v", true);
    let all = r#"["avatars", "avatar_groups", "voices"]"#;
    let ran = home.run_with(&[("HEYGEN_SYNC_API__CATALOGUES", all)], &["sync"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    heygen.push_raw_record(
        Kind::Avatar,
        r#"{"avatar_id":"odd","avatar_name":null,"premium":"yes","n":1e300,"i":9007199254740993,
            "big":1180591620717411303425,"x":{"b":[1.50,1e5,-0.0],"a":null},"t":"tab\there"}"#,
    );
    heygen.push_raw_record(Kind::TalkingPhoto, "7");
    heygen.rename(Kind::Avatar, "a", "Another name");
    heygen.set(Kind::TalkingPhoto, "p", "new_field", serde_json::json!({"k": [true, 0.1]}));
    home.sync(&[]);
    heygen.fail_next(503);
    home.sync(&[]);
    heygen.remove(Kind::Avatar, "b");
    heygen.unset_field(Kind::Avatar, "gender");
    home.sync(&[]);
    home.run(&["sync", "--account", "other", "--from", &home.file("o.json", heygen.body())]);
    let database = match home.is_sqlite() {
        true => file(home, &home.database),
        false => home.database.clone(),
    };
    // As the mirror, the outbox and the seal write it.
    run(
        &database,
        "UPDATE assets SET state = 'mirrored', sha256 = 'ab', file = 'ab.webp', bytes = 7,
             content_type = 'image/webp', etag = '\"x\"', last_modified = 'Sun', attempts = 2,
             next_attempt_at = '2026-01-02T03:04:05.678Z', last_error = 'none';
         INSERT INTO asset_versions SELECT url, '2026-01-02T03:04:05.678Z', 'ab', 'ab.webp',
             9007199254740993, NULL, NULL FROM assets;
         INSERT INTO notices VALUES (1, 1, 'default', 'webhook', 'changes', '{\"a\":[1,2.5]}',
             '2026-01-02T03:04:05.001Z', 3, NULL, NULL, 'no answer');
         UPDATE accounts SET digest = 'cd';
         UPDATE polls SET digest = 'cd' WHERE poll_id > 1",
    )
    .await;
    database
}

async fn there_and_back(home: &Home, source: &str, server: &TestDatabase) {
    let (back, again) = (file(home, "back.db"), database().await);
    copied(home, source, server.url());
    copied(home, server.url(), &back);
    copied(home, &back, again.url());
    let whole = dump(source).await;
    assert!(whole.len() > 30, "{whole:#?}");
    for table in heygen_sync::store::table::TABLES.iter() {
        assert!(whole.iter().any(|row| row.starts_with(table.name)), "no row in {}", table.name);
    }
    for other in [server.url(), &back, again.url()] {
        assert_eq!(whole, dump(other).await);
    }
    says_the_same(home, source, &[server.url(), &back, again.url()]);
}

/// Asserts that the copies give every reader the same bytes as the source.
fn says_the_same(home: &Home, source: &str, copies: &[&str]) {
    let asked: [&[&str]; 8] = [
        &["changes", "--format", "ndjson"],
        &["changes", "--format", "csv"],
        &["history", "a", "--format", "ndjson"],
        &["history", "odd", "--format", "json"],
        &["export", "--format", "csv", "--account", "default", "--kind", "avatar"],
        &["export", "--format", "json"],
        &["export", "--format", "ndjson"],
        &["export", "--format", "api", "--account", "default"],
    ];
    for verb in asked {
        let said = |database: &str| home.run(&[verb, &["--database", database]].concat());
        let first = said(source);
        assert!(first.code == 0 && first.stdout.len() > 100, "{verb:?} {first:?}");
        for copy in copies {
            assert_eq!(first.stdout, said(copy).stdout, "{verb:?} of {copy}");
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_from_a_file_to_a_server_and_back() {
    let home = Home::sqlite().await;
    let source = eventful(&home).await;
    there_and_back(&home, &source, &database().await).await;
    assert_eq!(quoted(&source).await, quoted(&file(&home, "back.db")).await);
}

#[tokio::test]
async fn nothing_is_lost_from_a_server_to_a_file_and_back() {
    let home = Home::postgres().await;
    let source = eventful(&home).await;
    there_and_back(&home, &source, &database().await).await;
}

#[tokio::test]
async fn a_file_can_be_copied_to_a_file() {
    let home = Home::sqlite().await;
    let source = eventful(&home).await;
    copied(&home, &source, "other.db");
    assert_eq!(quoted(&source).await, quoted(&file(&home, "other.db")).await);
}

#[tokio::test]
async fn random_histories_come_back_as_they_were() {
    for seed in 0..4 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let home = Home::sqlite().await;
        for poll in 0..6 {
            for n in 0..dice.usize(..30) {
                home.heygen.add_avatar(&format!("{poll}-{n}"), |_| ());
                home.heygen.add_photo(&format!("{poll}-{n}"));
            }
            for n in 0..dice.usize(..8) {
                let id = format!("new-{poll}-{n}");
                home.heygen.add_avatar(&id, |_| ());
                let value = match dice.u8(..5) {
                    0 => serde_json::json!(dice.f64() * 10f64.powi(dice.i32(-300..300))),
                    1 => serde_json::json!(dice.i64(..)),
                    2 => serde_json::json!([dice.char(..).to_string(), null, dice.bool()]),
                    3 => serde_json::json!(dice.char(..).to_string()),
                    _ => serde_json::Value::Null,
                };
                home.heygen.set(Kind::Avatar, &id, &format!("f{}", dice.u8(..4)), value);
                home.heygen.rename(Kind::Avatar, &id, &dice.char(..).to_string());
            }
            home.heygen.shuffle(dice.u64(..));
            home.sync(&[]);
        }
        let (source, server) = (file(&home, "heygen.db"), database().await);
        let back = file(&home, "back.db");
        copied(&home, &source, server.url());
        copied(&home, server.url(), &back);
        assert_eq!(dump(&source).await, dump(server.url()).await, "seed {seed}");
        assert_eq!(quoted(&source).await, quoted(&back).await, "seed {seed}");
        for place in [&*source, server.url(), &back] {
            let proof = home.run(&["verify", "--database", place]);
            assert_eq!(proof.code, 0, "seed {seed}: {proof:?}");
        }
    }
}

#[tokio::test]
async fn more_rows_than_travel_at_once_arrive_in_full() {
    let home = Home::sqlite().await;
    for n in 0..4_500 {
        home.heygen.add_avatar(&format!("{n:05}"), |_| ());
    }
    // A few items that are as large as many.
    for n in 0..3 {
        let text = "x".repeat(3 << 20);
        home.heygen.add_avatar(&format!("large {n}"), |avatar| avatar.set("essay", text));
    }
    home.sync(&[]);
    let (source, server) = (file(&home, "heygen.db"), database().await);
    copied(&home, &source, server.url());
    assert_eq!(dump(&source).await, dump(server.url()).await);
}

#[tokio::test]
async fn a_sync_goes_on_where_the_source_was() {
    let home = Home::sqlite().await;
    let source = eventful(&home).await;
    let server = database().await;
    copied(&home, &source, server.url());
    home.heygen.rename(Kind::TalkingPhoto, "q", "Renamed after the move");
    home.heygen.remove(Kind::Avatar, "c");
    home.heygen.add_avatar("b", |_| ());
    // The same time for both databases, after all earlier polls.
    let time = Clock::system().now().plus(Duration::from_secs(60)).to_string();
    let at = ["--observed-at", &*time];
    let body = home.file("next.json", home.heygen.body());
    for place in [&*source, server.url()] {
        let ran = home.run(&[&["--database", place, "sync", "--from", &body][..], &at].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    assert_eq!(dump_of_history(&source).await, dump_of_history(server.url()).await);
    let news = home.run(&["--database", server.url(), "changes", "--since", &time]);
    assert!(news.stdout.contains("restored") && news.stdout.contains("Renamed"), "{news:?}");
}

#[tokio::test]
async fn a_target_that_is_not_empty_is_left_alone() {
    let home = Home::sqlite().await;
    let source = eventful(&home).await;
    let server = database().await;
    copied(&home, &source, server.url());
    copied(&home, &source, "second.db");
    for target in [server.url(), "second.db"] {
        let before = dump(&target.replace("second.db", &file(&home, "second.db"))).await;
        let ran = copy(&home, &source, target);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains("is not empty (table accounts)"), "{ran:?}");
        assert_eq!(before, dump(&target.replace("second.db", &file(&home, "second.db"))).await);
    }
    let foreign = database().await;
    run(foreign.url(), "CREATE TABLE invoices (id bigint)").await;
    let ran = copy(&home, &source, foreign.url());
    assert_eq!(ran.code, 74, "{ran:?}");
    assert!(ran.stderr.contains("invoices") && ran.stderr.contains("search_path"), "{ran:?}");
    run(&format!("{}?mode=rwc", file(&home, "foreign.db")), "CREATE TABLE invoices (id)").await;
    assert_eq!(copy(&home, &source, "foreign.db").code, 74);
}

#[tokio::test]
async fn a_database_is_not_copied_onto_itself() {
    let home = Home::sqlite().await;
    let source = eventful(&home).await;
    std::os::unix::fs::symlink(&source, home.folder().join("alias.db")).unwrap();
    for alias in ["heygen.db", "sqlite:heygen.db", "./heygen.db", "alias.db"] {
        let ran = copy(&home, "heygen.db", alias);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains("onto itself"), "{ran:?}");
    }
    let home = Home::postgres().await;
    let source = eventful(&home).await;
    let ran = copy(&home, &source, &source);
    assert!(ran.code == 2 && ran.stderr.contains("onto itself"), "{ran:?}");
    // By another name it is recognised as not empty, if not as the source.
    let ran = copy(&home, &source, &format!("{source}?application_name=x&options[a.b]=c"));
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[tokio::test]
async fn a_source_that_is_not_there_makes_no_target() {
    let home = Home::sqlite().await;
    let ran = copy(&home, "nothing.db", "new.db");
    assert_eq!(ran.code, 74, "{ran:?}");
    assert!(!Path::new(&file(&home, "new.db")).exists());
    assert!(!Path::new(&file(&home, "nothing.db")).exists());
}

#[tokio::test]
async fn a_copy_and_a_poll_of_its_target_keep_out_of_each_others_way() {
    let home = Home::sqlite().await;
    home.heygen.add_avatar("a", |_| ());
    home.sync(&[]);
    let source = file(&home, "heygen.db");
    let server = database().await;
    for target in [server.url(), &file(&home, "target.db")] {
        let gate = home.heygen.delay_next();
        let poller = home.start(&["--database", target, "sync"]);
        let opener = tokio::task::spawn_blocking(|| gate.wait_reached()).await.unwrap();
        let ran = copy(&home, &source, target);
        assert_eq!(ran.code, 75, "{ran:?}");
        assert!(ran.stderr.contains(&format!("pid {}", poller.id())), "{ran:?}");
        opener.release();
        assert!(poller.wait_with_output().unwrap().status.success());
        assert_eq!(rows(target, "SELECT poll_id FROM polls").await.len(), 1);
    }
}
