//! `verify`, as an auditor uses it.

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::home::{Home, at_home};

fn two_polls(home: &Home) {
    home.heygen.add_avatar("mira", |avatar| avatar.set("avatar_name", "Mira"));
    home.heygen.add_photo("keeper");
    assert_eq!(home.sync(&[]).0, 0);
    home.heygen.rename(crate::fake::Kind::Avatar, "mira", "Mira Standing");
    assert_eq!(home.sync(&[]).0, 0);
}

async fn edit(home: &Home, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    if home.is_sqlite() {
        let url = format!("sqlite://{}", home.folder().join(&home.database).display());
        let mut file = sqlx::SqliteConnection::connect(&url).await.unwrap();
        file.execute(sql).await.unwrap();
    } else {
        let mut server = sqlx::PgConnection::connect(&home.database).await.unwrap();
        server.execute(sql).await.unwrap();
    }
}

fn digest_of(home: &Home, poll: &str) -> String {
    let shown = home.run(&["verify", "--show", poll]);
    assert_eq!((shown.code, shown.stderr.as_str()), (0, ""));
    Sha256::digest(shown.stdout.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

at_home! {
    async fn an_untouched_database_verifies(home: Home) {
        two_polls(&home);
        let ran = home.run(&["verify", "--format", "json"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "[]\n"));
        // Without a terminal nothing is printed: cron mails every word.
        assert_eq!(ran.stderr, "");
        let plain = home.run(&["verify"]);
        assert_eq!((plain.stdout.as_str(), plain.stderr.as_str()), ("", ""));
        assert_eq!(home.run(&["verify", "-q"]).stderr, "");
    }

    async fn an_edit_is_told_with_its_poll_and_row(home: Home) {
        two_polls(&home);
        edit(&home, "UPDATE avatar_history SET gender = 'robot' WHERE version = 1").await;
        let ran = home.run(&["verify", "--format", "ndjson"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(ran.stdout, @r#"
            {"poll_id":1,"account":"default","table":"polls","row":"1","finding":"its digest does not match: this row, the digest before it or rows that the poll wrote were edited, deleted or inserted"}
            {"poll_id":2,"account":"default","table":"field_changes","row":"'mira' version 2 field 'gender'","finding":"the row is missing: the version differs in this field"}
            "#);
        }
    }

    async fn a_digest_proves_nothing_once_what_its_polls_wrote_stands_otherwise(home: Home) {
        two_polls(&home);
        let second = digest_of(&home, "2");
        edit(&home, "UPDATE avatars SET gender = 'robot'").await;
        let ran = home.run(&["verify", "--against", &second]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains("Not proven: poll 2"), "{ran:?}");
    }

    async fn numbers_and_times_out_of_all_bounds_are_findings(home: Home) {
        two_polls(&home);
        edit(&home, "UPDATE polls SET observed_at = NULL WHERE poll_id = 2").await;
        edit(&home, "UPDATE avatar_history SET version = -9223372036854775808 WHERE version = 1").await;
        let ran = home.run(&["verify"]);
        assert_eq!(ran.code, 1, "{ran:?}");
    }

    async fn what_is_no_time_is_told_and_nothing_is_written(home: Home) {
        two_polls(&home);
        let never = if home.is_sqlite() { "never" } else { "infinity" };
        edit(&home, &format!("UPDATE avatars SET missing_since = '{never}'")).await;
        let ran = home.run(&["sync"]);
        assert_eq!(ran.code, 74, "{ran:?}");
        assert!(ran.stderr.contains("is not a time"), "{ran:?}");
        assert_eq!(home.count("SELECT 1 FROM polls").await, 2);
    }

    async fn a_digest_proves_nothing_beside_rows_of_polls_that_never_were(home: Home) {
        two_polls(&home);
        let second = digest_of(&home, "2");
        let ghost = "INSERT INTO avatar_history (account, avatar_id, version, valid_from, opened_by,
            opened_poll, extra) SELECT account, 'ghost', 1, valid_from, 'added', -3, extra
            FROM avatar_history WHERE version = 1";
        let unbound = match home.is_sqlite() {
            true => format!("PRAGMA foreign_keys = OFF; {ghost}"),
            false => format!("SET session_replication_role = replica; {ghost}"),
        };
        edit(&home, &unbound).await;
        let ran = home.run(&["verify", "--against", &second]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains("Not proven") && !ran.stderr.contains("Proven:"), "{ran:?}");
    }

    async fn a_noted_digest_proves_what_it_seals_and_no_more(home: Home) {
        two_polls(&home);
        let (first, second) = (digest_of(&home, "1"), digest_of(&home, "2"));
        let ran = home.run(&["verify", "--against", &first]);
        assert_eq!(ran.code, 0);
        assert!(ran.stderr.contains("Proven: the digest seals poll 1 of account 'default'"), "{ran:?}");
        edit(&home, "UPDATE polls SET host = 'elsewhere' WHERE poll_id = 2").await;
        let ran = home.run(&["verify", "--against", &first]);
        assert!(ran.stderr.contains("\nProven") && ran.code == 1, "{ran:?}");
        let ran = home.run(&["verify", "--against", &second]);
        assert!(ran.stderr.contains("but the rows of poll 2 are not") && ran.code == 1, "{ran:?}");
        let ran = home.run(&["verify", "--against", &"ab".repeat(32)]);
        assert!(ran.stderr.contains("no poll has this digest") && ran.code == 1, "{ran:?}");
    }

    async fn renaming_an_account_breaks_no_seal(home: Home) {
        two_polls(&home);
        let noted = digest_of(&home, "2");
        assert_eq!(home.run(&["account", "rename", "default", "press"]).code, 0);
        assert_eq!(home.run(&["verify", "--against", &noted]).code, 0);
        assert_eq!(digest_of(&home, "2"), noted);
    }

    async fn what_cannot_be_asked_is_a_usage_error(home: Home) {
        two_polls(&home);
        assert_eq!(home.run(&["verify", "--show", "3"]).code, 2);
        assert_eq!(home.run(&["verify", "--against", "12ab"]).code, 2);
    }
}
