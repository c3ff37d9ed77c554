//! The SQL statements that several files of the store share, or that belong to none of them.

use super::{
    conn::Engine,
    registry::register,
    row::{GOOD, good},
    table::{self, POLLS},
};
use crate::catalog::kind::Kind;

/// Commits the transaction.
pub const COMMIT: &str = "COMMIT";
/// Rolls the transaction back.
pub const ROLLBACK: &str = "ROLLBACK";

register! {
    /// The number of the last migration.
    pub const APPLIED = "SELECT max(version) FROM _heygen_sync_migrations";

    /// The number of the last poll.
    pub const LAST_POLL_ID = "SELECT coalesce(max(poll_id), 0) FROM polls";

    /// The last good polls of an account's catalogue, newest first: (account, catalogue, how many).
    pub const RECENT_GOOD = concat!("SELECT observed_at, api_version, trigger FROM polls \
         WHERE account = $1 AND catalogue = $2 AND ", good!(), " \
         ORDER BY observed_at DESC LIMIT $3");

    /// For each `missing_since` the last good poll of its catalogue before it: (account).
    pub fn listed_before(kind: Kind) {
        let (table, catalogue) = (kind.table, kind.catalogue);
        format!(
            "SELECT m.missing_since, p.observed_at, p.api_version, p.trigger \
             FROM (SELECT DISTINCT missing_since FROM {table} \
                   WHERE account = $1 AND missing_since IS NOT NULL) AS m \
             JOIN polls AS p ON p.account = $1 AND p.catalogue = '{catalogue}' \
                  AND p.{GOOD} AND p.observed_at = \
                  (SELECT max(q.observed_at) FROM polls AS q WHERE q.account = $1 \
                   AND q.catalogue = '{catalogue}' AND q.{GOOD} \
                   AND q.observed_at < m.missing_since)"
        )
    }

    /// Every item ever seen, in no particular order: (account).
    pub fn items(kind: Kind) {
        let (table, id) = (kind.table, kind.id);
        format!(
            "SELECT {id}, version, missing_since, removed_at IS NOT NULL AS removed, fingerprint, \
             extra, {} FROM {table} WHERE account = $1",
            columns(kind, "")
        )
    }

    /// The items of [`items`] with these ids: (account, ids as a JSON array).
    pub fn items_of(engine: Engine, kind: Kind) {
        let ids = engine.each_string("$2");
        let sql = items(kind);
        format!("{} AND {} IN (SELECT t.value FROM {ids})", sql.as_str(), kind.id)
    }

    /// Every item ever seen, in no particular order, with its fingerprint while it is listed: (account).
    pub fn fingerprints(kind: Kind) {
        let (table, id) = (kind.table, kind.id);
        format!(
            "SELECT {id}, CASE WHEN missing_since IS NULL THEN fingerprint END AS fingerprint \
             FROM {table} WHERE account = $1"
        )
    }

    /// The schema changes of an account's catalogue, oldest first: (account, catalogue).
    pub const SCHEMA_CHANGES = "SELECT s.kind, s.field, s.change, s.json_type, p.observed_at \
         FROM schema_changes AS s JOIN polls AS p ON p.poll_id = s.poll_id \
         WHERE s.account = $1 AND p.catalogue = $2 ORDER BY s.poll_id, s.kind, s.field";

    /// The stored links, with the signed URL only if it may have to be compared: (a day from now).
    pub const LINKS = "SELECT url, signed_url IS NOT NULL AS signed, expires_at, \
         CASE WHEN expires_at IS NULL OR expires_at < $1 THEN signed_url END AS signed_url \
         FROM assets";

    /// The links of [`LINKS`] with these URLs: (a day from now, URLs as a JSON array).
    pub fn links_of(engine: Engine) {
        let urls = engine.each_string("$2");
        format!("{LINKS} WHERE url IN (SELECT t.value FROM {urls})")
    }

    /// The digest of an account's latest poll: (account).
    pub const DIGEST = "SELECT digest FROM accounts WHERE account = $1";

    /// Upserts the head of an account: (account, poll, digest).
    pub const HEAD = "INSERT INTO accounts (account, last_poll_id, polls, digest) \
         VALUES ($1, $2, 1, $3) ON CONFLICT (account) DO UPDATE \
         SET last_poll_id = excluded.last_poll_id, polls = accounts.polls + 1, digest = excluded.digest";

    /// Whether an account is known: (account).
    pub const ACCOUNT = "SELECT polls FROM accounts WHERE account = $1";

    /// Renames an account everywhere, by the foreign keys' cascade: (old, new).
    pub const RENAME = "UPDATE accounts SET account = $2 WHERE account = $1";

    /// The accounts, by name.
    pub const ACCOUNTS = "SELECT account FROM accounts ORDER BY account";

    /// The last good poll of an account's catalogue: (account, catalogue).
    pub fn last_good_poll() {
        format!(
            "SELECT {} FROM polls WHERE account = $1 AND catalogue = $2 AND {GOOD} \
             ORDER BY observed_at DESC LIMIT 1",
            POLLS.list("")
        )
    }

    /// Every version of an item: (id[, account]).
    pub fn versions(kind: Kind, of_account: bool) {
        let id = kind.id;
        let condition = if of_account { " AND account = $2" } else { "" };
        format!(
            "SELECT {} FROM {} WHERE {id} = $1{condition} ORDER BY account, version",
            version_columns(kind, ""),
            kind.history
        )
    }
}

/// Returns the list of the item's own columns, each with a prefix.
pub fn columns(kind: Kind, prefix: &str) -> String {
    let names = kind.columns.iter().map(|column| format!("{prefix}{}", column.name));
    names.collect::<Vec<_>>().join(", ")
}

/// Returns the list of the columns of a version, each with a prefix.
pub(super) fn version_columns(kind: Kind, prefix: &str) -> String {
    table::find(kind.history).map_or(String::new(), |table| table.list(prefix))
}
