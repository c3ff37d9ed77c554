//! The rows that both engines write in the same way.

use chrono::{DateTime, Utc};

use super::{
    diff::Diff,
    list::{Kind, Lists},
};

pub const ACCOUNT: &str = "default";
pub const SQLITE: &str = include_str!("../../migrations/sqlite/0001_catalogue.sql");
pub const POSTGRES: &str = include_str!("../../migrations/postgres/0001_catalogue.sql");

/// What is known of a poll before the comparison.
pub struct Poll<'a> {
    pub source: &'a str,
    pub started_at: DateTime<Utc>,
    pub observed_at: DateTime<Utc>,
    pub bytes: usize,
    pub sha256: String,
}

#[derive(Default)]
pub struct Counts {
    pub added: usize,
    pub changed: usize,
    pub removed: usize,
}

impl Counts {
    pub fn add<T>(&mut self, diff: &Diff<'_, T>) {
        self.added += diff.added.len();
        self.changed += diff.changed.len();
        self.removed += diff.removed.len();
    }
}

pub enum Cell<'a> {
    Text(&'a str),
    Json(&'a str),
    Number(i64),
    Time(DateTime<Utc>),
}

/// Returns the row of `polls`.
pub fn poll_row<'a>(
    poll_id: i64,
    poll: &'a Poll<'_>,
    lists: &Lists<'_>,
    counts: &Counts,
) -> Vec<(&'static str, Cell<'a>)> {
    let number = |number: usize| Cell::Number(number as i64);
    let mut row = vec![
        ("poll_id", Cell::Number(poll_id)),
        ("account", Cell::Text(ACCOUNT)),
        ("trigger", Cell::Text("manual")),
        ("api_version", Cell::Text("v2")),
        ("source", Cell::Text(poll.source)),
        ("started_at", Cell::Time(poll.started_at)),
        ("observed_at", Cell::Time(poll.observed_at)),
        ("finished_at", Cell::Time(Utc::now())),
        ("outcome", Cell::Text("succeeded")),
        ("avatars_listed", number(lists.avatars.len())),
        ("talking_photos_listed", number(lists.talking_photos.len())),
        ("added", number(counts.added)),
        ("changed", number(counts.changed)),
        ("removed", number(counts.removed)),
        ("restored", Cell::Number(0)),
        ("learned", Cell::Number(0)),
        ("missing", Cell::Number(0)),
        ("duplicates", Cell::Number(0)),
        ("rejected", Cell::Number(0)),
        ("held", Cell::Number(0)),
        ("policy", Cell::Json(r#"{"after_polls":1,"max_share":0.2,"min_count":20}"#)),
        ("http_status", Cell::Number(200)),
        ("response_bytes", number(poll.bytes)),
        ("response_sha256", Cell::Text(&poll.sha256)),
        ("tool_version", Cell::Text(env!("CARGO_PKG_VERSION"))),
    ];
    // Tables that have the column require it.
    if SQLITE.contains("    catalogue TEXT NOT NULL") {
        row.push(("catalogue", Cell::Text("avatars")));
    }
    row
}

/// Returns the columns of a kind, each converted by `name`.
pub fn columns(kind: &Kind, name: impl Fn(&str) -> String) -> String {
    kind.columns.iter().map(|(column, _)| name(column)).collect::<Vec<_>>().join(", ")
}
