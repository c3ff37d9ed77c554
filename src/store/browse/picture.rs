//! The state of an item's picture, as SQL.

use super::scope::ItemsSql;
use crate::{
    store::conn::{Fault, Row},
    time::Timestamp,
};

/// The picture or video of an item: the stored content, and until when its link works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemPreview {
    /// The hash of the stored content.
    pub stored: Option<String>,
    /// Until when its link works; `None` if there is no link, or HeyGen no longer has its content.
    pub live_until: Option<Timestamp>,
}

impl ItemPreview {
    /// Reads its two columns: the hash, and [`super::sql::Sql::live_until`].
    pub(super) fn read(row: &Row, stored: &str, live: &str) -> Result<Self, Fault> {
        Ok(Self { stored: row.text(stored)?, live_until: row.time(live)? })
    }
}

/// Returns the SQL of the state of an item's picture, as a number: 0 stored; 1 not fetched yet, or at a past
/// time not stored; 2 failed and retried; 3 gone at HeyGen; 4 without URL. `stored` is the condition that a
/// past time's picture is stored.
pub(super) fn class(items: &ItemsSql, stored: &str) -> String {
    let url = items.image_url;
    match (items.has_image, items.past) {
        (false, _) => "4".into(),
        (true, true) => {
            format!("CASE WHEN {url} IS NULL THEN 4 WHEN {stored} THEN 0 ELSE 1 END")
        }
        (true, false) => format!(
            "CASE WHEN {url} IS NULL THEN 4 WHEN a.file IS NOT NULL THEN 0 \
             WHEN a.state = 'gone' THEN 3 WHEN a.state = 'failed' THEN 2 ELSE 1 END"
        ),
    }
}

/// Returns the condition that the picture is not stored and its signed URL will expire.
pub(super) fn at_risk(items: &ItemsSql) -> &'static str {
    match items.has_image && !items.past {
        true => "(a.expires_at IS NOT NULL AND a.file IS NULL AND a.state <> 'gone')",
        false => "FALSE",
    }
}
