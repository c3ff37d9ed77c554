//! The rules of history, one file per rule, each tested on both engines.
//!
//! The polls of a test are numbered from 1 and observed at 01:00, 02:00 … of 2026-01-01
//! ([`crate::world::hour`]).

mod absent_and_null;
mod append_only;
mod copies;
mod foreign;
mod guard;
mod learned;
mod links;
mod not_a_catalogue;
mod nothing_lost;
mod observed_at;
mod one_at_a_time;
mod one_transaction;
mod removals;
mod restored;
mod same_answer;
mod signatures;
mod unreadable;

use crate::world::World;

impl World {
    /// Returns every version: `id|version|opened_by|closed_by`.
    async fn versions(&mut self) -> Vec<String> {
        self.lines(
            "SELECT avatar_id AS id, version, opened_by, closed_by FROM avatar_history
             WHERE avatar_id <> 'p'
             UNION ALL SELECT talking_photo_id, version, opened_by, closed_by
             FROM talking_photo_history WHERE talking_photo_id <> 'p' ORDER BY id, version",
        )
        .await
    }

    /// Returns every changed field: `poll|id|version|field|old|new`.
    async fn field_changes(&mut self) -> Vec<String> {
        self.lines(
            "SELECT poll_id, item_id, version, field, old_value, new_value FROM field_changes
             ORDER BY poll_id, item_id, field",
        )
        .await
    }

    /// Returns a poll's schema changes of avatars: `field|change|type|example`.
    async fn schema_changes(&mut self, poll: u32) -> Vec<String> {
        self.lines(&format!(
            "SELECT field, change, json_type, example FROM schema_changes
             WHERE kind = 'avatar' AND poll_id = {poll} ORDER BY field"
        ))
        .await
    }

    /// Returns the avatars: `id|missing_since|removed_at`, both times as hours.
    async fn standing(&mut self) -> Vec<String> {
        self.lines(
            "SELECT avatar_id, missing_since, removed_at FROM avatars WHERE avatar_id <> 'p'
             ORDER BY avatar_id",
        )
        .await
        .into_iter()
        .map(|line| line.replace("2026-01-01T", "").replace(":00:00.000Z", ""))
        .collect()
    }

    /// Counts the rows of a table.
    pub async fn count(&mut self, table: &str) -> u32 {
        self.cell(&format!("SELECT count(*) FROM {table}")).await.parse().unwrap()
    }
}
