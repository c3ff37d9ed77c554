//! The SQL statements that several files of the store share, or that belong to none of them.

use super::{conn::Engine, registry::register, table::POLLS};
use crate::catalog::{catalogue::Catalogue, kind::Kind};

/// Commits the transaction.
pub const COMMIT: &str = "COMMIT";
/// Rolls the transaction back.
pub const ROLLBACK: &str = "ROLLBACK";
/// Begins a read within a poll's transaction that can be rolled back separately.
pub const SAVEPOINT: &str = "SAVEPOINT reading";
/// Rolls that read back and releases the locks that it took.
pub const ROLLBACK_TO_SAVEPOINT: &str = "ROLLBACK TO SAVEPOINT reading";

register! {
    /// The number of the last migration.
    pub const APPLIED = "SELECT max(version) FROM _heygen_sync_migrations";

    /// The number of the last poll.
    pub const LAST_POLL_ID = "SELECT coalesce(max(poll_id), 0) FROM polls";

    /// The last good polls of an account's catalogue, newest first: (account, catalogue, how many).
    pub const RECENT_GOOD = "SELECT observed_at, api_version, trigger FROM polls \
         WHERE account = $1 AND catalogue = $2 AND outcome <> 'failed' \
         ORDER BY observed_at DESC LIMIT $3";

    /// For each `missing_since` the last good poll of its catalogue before it: (account).
    pub fn listed_before(kind: Kind) {
        let (table, catalogue) = (kind.table, kind.catalogue);
        format!(
            "SELECT m.missing_since, p.observed_at, p.api_version, p.trigger \
             FROM (SELECT DISTINCT missing_since FROM {table} \
                   WHERE account = $1 AND missing_since IS NOT NULL) AS m \
             JOIN polls AS p ON p.account = $1 AND p.catalogue = '{catalogue}' \
                  AND p.outcome <> 'failed' AND p.observed_at = \
                  (SELECT max(q.observed_at) FROM polls AS q WHERE q.account = $1 \
                   AND q.catalogue = '{catalogue}' AND q.outcome <> 'failed' \
                   AND q.observed_at < m.missing_since)"
        )
    }

    /// Every item ever seen, in no particular order: (account).
    pub fn items(kind: Kind) {
        let (table, id) = (kind.table, kind.id);
        format!(
            "SELECT {id}, version, missing_since, removed_at IS NOT NULL, fingerprint, extra, {} \
             FROM {table} WHERE account = $1",
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
            "SELECT {id}, CASE WHEN missing_since IS NULL THEN fingerprint END FROM {table} \
             WHERE account = $1"
        )
    }

    /// The schema changes of an account's catalogue, oldest first: (account, catalogue).
    pub const SCHEMA_CHANGES = "SELECT s.kind, s.field, s.change, s.json_type, p.observed_at \
         FROM schema_changes AS s JOIN polls AS p ON p.poll_id = s.poll_id \
         WHERE s.account = $1 AND p.catalogue = $2 ORDER BY s.poll_id, s.kind, s.field";

    /// The stored links, with the signed URL only if it may have to be compared: (a day from now).
    pub const LINKS = "SELECT url, signed_url IS NOT NULL, expires_at, \
         CASE WHEN expires_at IS NULL OR expires_at < $1 THEN signed_url END FROM assets";

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

    /// Whether any poll of the API did not fail, and whether any of one version did not: (account,
    /// catalogue, version).
    pub const ANY_GOOD = "SELECT \
         EXISTS (SELECT 1 FROM polls WHERE account = $1 AND catalogue = $2 AND outcome <> 'failed' \
              AND trigger <> 'file'), \
         EXISTS (SELECT 1 FROM polls WHERE account = $1 AND catalogue = $2 AND outcome <> 'failed' \
              AND trigger <> 'file' AND api_version = $3)";

    /// The version that the last poll of the API requested: (account, catalogue).
    pub const LAST_ASKED = "SELECT api_version FROM polls \
         WHERE account = $1 AND catalogue = $2 AND trigger <> 'file' ORDER BY poll_id DESC LIMIT 1";

    /// Whether any poll of an account did not fail, and whether any requested the API: (account).
    pub const HISTORY = "SELECT \
         EXISTS (SELECT 1 FROM polls WHERE account = $1 AND outcome <> 'failed'), \
         EXISTS (SELECT 1 FROM polls WHERE account = $1 AND trigger <> 'file')";

    /// The number of polls that found a version gone since its last good poll, as far as they count, and
    /// when the first and the last of them began: (account, catalogue, version).
    pub const SUPERSEDED = "SELECT count(*), min(started_at), max(started_at) FROM polls \
         WHERE account = $1 AND catalogue = $2 AND api_version = $3 AND superseded \
         AND trigger IN ('manual', 'schedule') \
         AND poll_id > coalesce((SELECT max(g.poll_id) FROM polls AS g WHERE g.account = $1 \
              AND g.catalogue = $2 AND g.api_version = $3 AND g.outcome <> 'failed' \
              AND g.trigger <> 'file'), 0)";

    /// The last notice of a version of the API before a poll, unless it has this text: (account, catalogue,
    /// version, poll, text).
    pub const NOTICE = "SELECT poll_id, warning FROM polls WHERE account = $1 \
         AND catalogue = $2 AND api_version = $3 AND poll_id < $4 AND trigger <> 'file' \
         AND warning IS NOT NULL AND warning <> $5 ORDER BY poll_id DESC LIMIT 1";

    /// The ids of the items that are not removed: (account).
    pub fn current_ids(kind: Kind) {
        format!(
            "SELECT {} FROM {} WHERE account = $1 AND removed_at IS NULL",
            kind.id, kind.table
        )
    }

    /// Whether any item of a catalogue is not removed: (account).
    pub fn any_current(catalogue: Catalogue) {
        let one = |kind: Kind| {
            let table = kind.table;
            format!("EXISTS (SELECT 1 FROM {table} WHERE account = $1 AND removed_at IS NULL)")
        };
        let all: Vec<String> = Kind::of(catalogue).map(one).collect();
        format!("SELECT {}", all.join(" OR "))
    }

    /// The number of items that are not removed and were first seen by a time, and how many of these are
    /// not missing: (account, time).
    pub fn known_until(kind: Kind) {
        format!(
            "SELECT count(*), count(*) FILTER (WHERE missing_since IS NULL) FROM {} \
             WHERE account = $1 AND removed_at IS NULL AND first_seen_at <= $2",
            kind.table
        )
    }

    /// When the last good poll of another version was observed, and how many held polls of this version
    /// followed it: (account, catalogue, version).
    pub const SWITCHED = "WITH other AS (SELECT max(poll_id) AS poll_id, \
              max(observed_at) AS observed_at FROM polls \
              WHERE account = $1 AND catalogue = $2 AND api_version <> $3 AND outcome <> 'failed') \
         SELECT other.observed_at, (SELECT count(*) FROM polls AS h WHERE h.account = $1 \
              AND h.catalogue = $2 AND h.api_version = $3 AND h.outcome = 'held' AND h.poll_id > other.poll_id) FROM other";

    /// Uses the open transaction, so that it does not time out as idle.
    pub const KEEP_ALIVE = "SELECT 1";

    /// Every id ever seen, with one of its names.
    pub fn named(kind: Kind) {
        let (table, id, name) = (kind.table, kind.id, kind.label);
        format!(
            "SELECT {id} AS id, max({name}) AS name FROM {table} GROUP BY {id} ORDER BY {id}"
        )
    }

    /// Whether an account is known: (account).
    pub const ACCOUNT = "SELECT polls FROM accounts WHERE account = $1";

    /// Renames an account everywhere, by the foreign keys' cascade: (old, new).
    pub const RENAME = "UPDATE accounts SET account = $2 WHERE account = $1";

    /// The accounts, by name.
    pub const ACCOUNTS = "SELECT account FROM accounts ORDER BY account";

    /// The last poll of an account's catalogue: (account, catalogue).
    pub fn last_poll() {
        format!(
            "SELECT {} FROM polls WHERE account = $1 AND catalogue = $2 \
             ORDER BY poll_id DESC LIMIT 1",
            POLLS.list("")
        )
    }

    /// The last good poll of an account's catalogue: (account, catalogue).
    pub fn last_good_poll() {
        format!(
            "SELECT {} FROM polls WHERE account = $1 AND catalogue = $2 AND outcome <> 'failed' \
             ORDER BY observed_at DESC LIMIT 1",
            POLLS.list("")
        )
    }

    /// The last held poll of an account's catalogue: (account, catalogue).
    pub fn last_held_poll() {
        format!(
            "SELECT {} FROM polls WHERE account = $1 AND catalogue = $2 AND outcome = 'held' \
             ORDER BY observed_at DESC LIMIT 1",
            POLLS.list("")
        )
    }

    /// The ids of the items that are not removed and have been missing since a time or longer: (account,
    /// time).
    pub fn missing_until(kind: Kind) {
        format!(
            "SELECT {} FROM {} WHERE account = $1 AND removed_at IS NULL AND missing_since <= $2",
            kind.id, kind.table
        )
    }

    /// A poll and those before it since the last one that did not fail, each with the digest of its
    /// account's previous poll: (poll).
    pub fn archived() {
        format!(
            "SELECT {}, (SELECT b.digest FROM polls AS b \
                  WHERE b.account = p.account AND b.poll_id < p.poll_id \
                  ORDER BY b.poll_id DESC LIMIT 1) AS previous_digest FROM polls AS p \
             WHERE p.poll_id <= $1 AND p.poll_id > coalesce((SELECT max(g.poll_id) FROM polls AS g \
                  WHERE g.poll_id < $1 AND g.outcome <> 'failed'), 0) ORDER BY p.poll_id",
            POLLS.list("p.")
        )
    }

    /// The number of failed polls of a catalogue after one: (account, catalogue, poll).
    pub const FAILED_SINCE = "SELECT count(*) FROM polls \
         WHERE account = $1 AND catalogue = $2 AND poll_id > $3 AND outcome = 'failed'";

    /// The numbers of current, missing and removed items: (account).
    pub fn item_counts(kind: Kind) {
        format!(
            "SELECT count(*) FILTER (WHERE removed_at IS NULL), \
             count(*) FILTER (WHERE removed_at IS NULL AND missing_since IS NOT NULL), \
             count(*) FILTER (WHERE removed_at IS NOT NULL) FROM {} WHERE account = $1",
            kind.table
        )
    }

    /// The newest schema changes of a catalogue's lists, without those of the first poll of each list:
    /// (account, catalogue).
    pub const SCHEMA_NEWS = "SELECT p.observed_at, s.kind, s.field, s.change, s.json_type \
         FROM schema_changes AS s JOIN polls AS p ON p.poll_id = s.poll_id \
         WHERE s.account = $1 AND p.catalogue = $2 AND s.poll_id > (SELECT min(f.poll_id) FROM schema_changes AS f \
              WHERE f.account = s.account AND f.kind = s.kind) \
         ORDER BY s.poll_id DESC, s.kind, s.field LIMIT 10";

    /// The number of previews in each state.
    pub const ASSETS_BY_STATE =
        "SELECT state, count(*) FROM assets GROUP BY state ORDER BY state";

    /// The previews whose download failed and is retried.
    pub const FAILED_ASSETS =
        "SELECT url, last_error, next_attempt_at FROM assets WHERE state = 'failed' ORDER BY url";

    /// The previews that the configuration leaves out by their host or size.
    pub const LEFT_OUT_ASSETS = "SELECT url, last_error, next_attempt_at FROM assets \
         WHERE state = 'skipped' AND last_error IS NOT NULL ORDER BY url";

    /// The next expiry of a link whose preview is not saved; only signed links have one, and not every
    /// reader may read the links.
    pub const NEXT_EXPIRY =
        "SELECT min(expires_at) FROM assets WHERE state IN ('pending', 'failed')";

    /// Every version of an item: (id[, account]).
    pub fn versions(kind: Kind, of_account: bool) {
        let id = kind.id;
        let condition = if of_account { " AND account = $2" } else { "" };
        format!(
            "SELECT {} FROM {} WHERE {id} = $1{condition} ORDER BY account, version",
            version_columns(kind),
            kind.history
        )
    }
}

/// Returns the list of the item's own columns, each with a prefix.
pub fn columns(kind: Kind, prefix: &str) -> String {
    let names = kind.columns.iter().map(|column| format!("{prefix}{}", column.name));
    names.collect::<Vec<_>>().join(", ")
}

/// Returns the list of the columns that are read of a version.
pub(super) fn version_columns(kind: Kind) -> String {
    format!(
        "account, {}, version, valid_from, valid_to, opened_by, closed_by, opened_poll, \
         closed_poll, opened_after, closed_after, extra, {}",
        kind.id,
        columns(kind, "")
    )
}
