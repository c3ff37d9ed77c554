//! `verify`, as an auditor meets it.

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
        let summary = "All seals, versions and tables agree (1 accounts, 2 polls, 3 versions were read)\n";
        assert_eq!(ran.stderr, summary);
        assert_eq!(home.run(&["verify", "-q"]).stderr, "");
    }

    async fn an_edit_is_told_with_its_poll_and_row(home: Home) {
        two_polls(&home);
        edit(&home, "UPDATE avatar_history SET gender = 'robot' WHERE version = 1").await;
        let ran = home.run(&["verify", "--format", "ndjson"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(ran.stdout, @r#"
            {"poll_id":1,"account":"default","table":"polls","row":"1","finding":"its digest does not fit: this row, the digest before it or rows that the poll wrote were edited, deleted or inserted"}
            {"poll_id":2,"account":"default","table":"field_changes","row":"'mira' version 2 field 'gender'","finding":"the row is missing: the version differs in this field"}
            "#);
        }
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
        assert!(ran.stderr.contains("but poll 2 was altered") && ran.code == 1, "{ran:?}");
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
