//! Rule 10: history is append-only.

use crate::world::{World, body, on_all};

const LISTS: [&str; 7] = [
    r#"{"avatar_id":"a","gender":"x"},{"avatar_id":"b"}"#,
    r#"{"avatar_id":"a","gender":"y"},{"avatar_id":"b"}"#,
    r#"{"avatar_id":"b","gender":null}"#,
    r#"{"avatar_id":"a","gender":"y"},{"avatar_id":"b","n":1}"#,
    "",
    r#"7,{"avatar_id":"a"}"#,
    r#"{"avatar_id":"b","n":2}"#,
];

/// The columns of a version that are written when it opens.
const OPENING: &str = "SELECT account, avatar_id, version, valid_from, opened_by, opened_poll, opened_after, \
     avatar_name, gender, preview_image_url, preview_video_url, premium, type, tags, default_voice_id, extra \
     FROM avatar_history";
/// The columns that are written when a version closes.
const CLOSING: &str = "SELECT account, avatar_id, version, valid_to, closed_by, closed_poll, closed_after \
     FROM avatar_history WHERE valid_to IS NOT NULL";
/// Tables that only grow.
const GROWING: [&str; 3] = ["polls", "field_changes", "schema_changes"];

on_all! {
    async fn rows_once_written_stand_for_ever(world: World) {
        let mut seen: Vec<(String, String)> = vec![];
        for list in LISTS {
            world.poll_file(body(list, "")).await;
            let mut now = vec![];
            for sql in [OPENING, CLOSING].map(str::to_owned).into_iter().chain(GROWING.map(|table| format!("SELECT * FROM {table}"))) {
                now.extend(world.lines(&sql).await.into_iter().map(|row| (sql.clone(), row)));
            }
            for row in &seen {
                assert!(now.contains(row), "{row:?} is gone");
            }
            seen = now;
        }
        assert!(world.count("avatar_history").await > 5);
    }

    async fn versions_of_an_item_do_not_overlap_and_one_at_most_is_open(world: World) {
        for list in LISTS {
            world.poll_file(body(list, "")).await;
            let overlaps = "avatar_history AS one JOIN avatar_history AS other
                ON one.avatar_id = other.avatar_id AND one.version < other.version
                WHERE one.valid_to IS NULL OR one.valid_to > other.valid_from";
            assert_eq!(world.count(overlaps).await, 0);
        }
    }

    async fn the_open_version_is_the_item(world: World) {
        for list in LISTS {
            world.poll_file(body(list, "")).await;
            let sql = |table: &str, open: &str| format!("SELECT avatar_id, version, valid_from, gender, extra
                FROM {table} WHERE {open} IS NULL ORDER BY avatar_id");
            assert_eq!(
                world.lines(&sql("avatars", "removed_at")).await,
                world.lines(&sql("avatar_history", "valid_to")).await
            );
        }
    }
}
