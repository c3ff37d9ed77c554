//! The SQL texts, said once where both engines mean the same, side by side where they do not.
//!
//! Bulk writes build theirs in [`super::bulk`]. [`all`] lists every text here, for a test that
//! prepares each on both engines.

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::{conn::Engine, server::ServerSql, table::POLLS};
use crate::catalog::{catalogue::Catalogue, kind::Kind};

/// The number of the last migration.
pub const APPLIED: &str = "SELECT max(version) FROM _heygen_sync_migrations";

/// SQLite: a file that readers need not write beside.
pub const WITHOUT_LOG: &str = "PRAGMA journal_mode = DELETE";
/// Ends it for good.
pub const COMMIT: &str = "COMMIT";
/// Undoes it.
pub const ROLLBACK: &str = "ROLLBACK";

/// The last poll that opened or closed a version.
pub const LAST_CHANGE: &str = "SELECT poll_id FROM polls \
     WHERE added + changed + removed + restored + learned > 0 ORDER BY poll_id DESC LIMIT 1";
/// The number of the last poll.
pub const LAST_POLL_ID: &str = "SELECT coalesce(max(poll_id), 0) FROM polls";

/// The last good polls of an account's catalogue, newest first: (account, catalogue, how many).
pub const RECENT_GOOD: &str = "SELECT observed_at, api_version, trigger FROM polls \
     WHERE account = $1 AND catalogue = $2 AND outcome <> 'failed' \
     ORDER BY observed_at DESC LIMIT $3";

/// For each `missing_since` the good poll of its catalogue before it: (account).
pub fn listed_before(kind: Kind) -> SqlStr {
    let (table, catalogue) = (kind.table, kind.catalogue);
    AssertSqlSafe(format!(
        "SELECT m.missing_since, p.observed_at, p.api_version, p.trigger \
         FROM (SELECT DISTINCT missing_since FROM {table} \
               WHERE account = $1 AND missing_since IS NOT NULL) AS m \
         JOIN polls AS p ON p.account = $1 AND p.catalogue = '{catalogue}' \
              AND p.outcome <> 'failed' AND p.observed_at = \
              (SELECT max(q.observed_at) FROM polls AS q WHERE q.account = $1 \
               AND q.catalogue = '{catalogue}' AND q.outcome <> 'failed' \
               AND q.observed_at < m.missing_since)"
    ))
    .into_sql_str()
}

/// Every item ever seen, in no order: (account).
pub fn items(kind: Kind) -> SqlStr {
    let (table, id) = (kind.table, kind.id);
    AssertSqlSafe(format!(
        "SELECT {id}, version, missing_since, removed_at IS NOT NULL, fingerprint, extra, {} \
         FROM {table} WHERE account = $1",
        columns(kind, "")
    ))
    .into_sql_str()
}

/// The items of [`items`] with these ids: (account, ids as a JSON array).
pub fn items_of(engine: Engine, kind: Kind) -> SqlStr {
    let ids = engine.each_string("$2");
    let sql = items(kind);
    AssertSqlSafe(format!("{} AND {} IN (SELECT t.value FROM {ids})", sql.as_str(), kind.id))
        .into_sql_str()
}

/// Every item ever seen, in no order, with what its records are recognised by while it is listed:
/// (account).
pub fn fingerprints(kind: Kind) -> SqlStr {
    let (table, id) = (kind.table, kind.id);
    AssertSqlSafe(format!(
        "SELECT {id}, CASE WHEN missing_since IS NULL THEN fingerprint END FROM {table} \
         WHERE account = $1"
    ))
    .into_sql_str()
}

/// The item's own columns, each with a prefix.
pub fn columns(kind: Kind, prefix: &str) -> String {
    let names = kind.columns.iter().map(|column| format!("{prefix}{}", column.name));
    names.collect::<Vec<_>>().join(", ")
}

/// The account's schema changes, oldest first: (account).
pub const SCHEMA_CHANGES: &str = "SELECT s.kind, s.field, s.change, s.json_type, p.observed_at \
     FROM schema_changes AS s JOIN polls AS p ON p.poll_id = s.poll_id \
     WHERE s.account = $1 AND p.catalogue = $2 ORDER BY s.poll_id, s.kind, s.field";

/// The stored links; the signed URL itself only where it may have to be compared: (a day from
/// now).
pub const LINKS: &str = "SELECT url, signed_url IS NOT NULL, expires_at, \
     CASE WHEN expires_at IS NULL OR expires_at < $1 THEN signed_url END FROM assets";

/// The links of [`LINKS`] with these URLs: (a day from now, URLs as a JSON array).
pub fn links_of(engine: Engine) -> SqlStr {
    let urls = engine.each_string("$2");
    AssertSqlSafe(format!("{LINKS} WHERE url IN (SELECT t.value FROM {urls})")).into_sql_str()
}

/// The digest of an account's latest poll: (account).
pub const DIGEST: &str = "SELECT digest FROM accounts WHERE account = $1";
/// The head of an account: (account, poll, digest).
pub const HEAD: &str = "INSERT INTO accounts (account, last_poll_id, polls, digest) \
     VALUES ($1, $2, 1, $3) ON CONFLICT (account) DO UPDATE \
     SET last_poll_id = excluded.last_poll_id, polls = accounts.polls + 1, digest = excluded.digest";
/// Sets a reading apart within a poll's transaction.
pub const SAVEPOINT: &str = "SAVEPOINT reading";
/// Undoes it, and with it the locks that it took.
pub const ROLLBACK_TO_SAVEPOINT: &str = "ROLLBACK TO SAVEPOINT reading";

/// Whether a poll of the API did not fail, and one of a version: (account, catalogue, version).
pub const ANY_GOOD: &str = "SELECT \
     EXISTS (SELECT 1 FROM polls WHERE account = $1 AND catalogue = $2 AND outcome <> 'failed' \
          AND trigger <> 'file'), \
     EXISTS (SELECT 1 FROM polls WHERE account = $1 AND catalogue = $2 AND outcome <> 'failed' \
          AND trigger <> 'file' AND api_version = $3)";

/// The version that the last poll of the API asked: (account, catalogue).
pub const LAST_ASKED: &str = "SELECT api_version FROM polls \
     WHERE account = $1 AND catalogue = $2 AND trigger <> 'file' ORDER BY poll_id DESC LIMIT 1";

/// Whether any poll of an account did not fail, and whether any asked the API: (account).
pub const HISTORY: &str = "SELECT \
     EXISTS (SELECT 1 FROM polls WHERE account = $1 AND outcome <> 'failed'), \
     EXISTS (SELECT 1 FROM polls WHERE account = $1 AND trigger <> 'file')";

/// The polls that found a version gone since its last good one, as far as they count, and when the
/// first of them began: (account, catalogue, version).
pub const SUPERSEDED: &str = "SELECT count(*), min(started_at), max(started_at) FROM polls \
     WHERE account = $1 AND catalogue = $2 AND api_version = $3 AND superseded \
     AND trigger IN ('manual', 'schedule') \
     AND poll_id > coalesce((SELECT max(g.poll_id) FROM polls AS g WHERE g.account = $1 \
          AND g.catalogue = $2 AND g.api_version = $3 AND g.outcome <> 'failed' \
          AND g.trigger <> 'file'), 0)";

/// What a version of the API announced last before a poll, unless it was just this: (account,
/// catalogue, version, poll, text).
pub const NOTICE: &str = "SELECT poll_id, warning FROM polls WHERE account = $1 \
     AND catalogue = $2 AND api_version = $3 AND poll_id < $4 AND trigger <> 'file' \
     AND warning IS NOT NULL AND warning <> $5 ORDER BY poll_id DESC LIMIT 1";

/// The ids of the items that are not removed: (account).
pub fn current_ids(kind: Kind) -> SqlStr {
    AssertSqlSafe(format!(
        "SELECT {} FROM {} WHERE account = $1 AND removed_at IS NULL",
        kind.id, kind.table
    ))
    .into_sql_str()
}

/// Whether any item of a catalogue is not removed: (account).
pub fn any_current(catalogue: Catalogue) -> SqlStr {
    let one = |kind: Kind| {
        let table = kind.table;
        format!("EXISTS (SELECT 1 FROM {table} WHERE account = $1 AND removed_at IS NULL)")
    };
    let all: Vec<String> = Kind::of(catalogue).map(one).collect();
    AssertSqlSafe(format!("SELECT {}", all.join(" OR "))).into_sql_str()
}

/// How many items that are not removed were first seen until a time, and how many of these are not
/// missing: (account, time).
pub fn known_until(kind: Kind) -> SqlStr {
    AssertSqlSafe(format!(
        "SELECT count(*), count(*) FILTER (WHERE missing_since IS NULL) FROM {} \
         WHERE account = $1 AND removed_at IS NULL AND first_seen_at <= $2",
        kind.table
    ))
    .into_sql_str()
}

/// When the last good poll of another version was, and how many held ones of this version came
/// after it: (account, catalogue, version).
pub const SWITCHED: &str = "WITH other AS (SELECT max(poll_id) AS poll_id, \
          max(observed_at) AS observed_at FROM polls \
          WHERE account = $1 AND catalogue = $2 AND api_version <> $3 AND outcome <> 'failed') \
     SELECT other.observed_at, (SELECT count(*) FROM polls AS h WHERE h.account = $1 \
          AND h.catalogue = $2 AND h.api_version = $3 AND h.outcome = 'held' AND h.poll_id > other.poll_id) FROM other";

/// Takes part in the open transaction, so that it does not count as idle.
pub const KEEP_ALIVE: &str = "SELECT 1";

/// The accounts that ever listed an item of this id: (id).
pub fn holders(kind: Kind) -> SqlStr {
    let (table, id) = (kind.table, kind.id);
    AssertSqlSafe(format!("SELECT account FROM {table} WHERE {id} = $1 ORDER BY account"))
        .into_sql_str()
}

/// Every id ever seen, with a name of it.
pub fn named(kind: Kind) -> SqlStr {
    let (table, id, name) = (kind.table, kind.id, kind.label);
    AssertSqlSafe(format!(
        "SELECT {id} AS id, max({name}) AS name FROM {table} GROUP BY {id} ORDER BY {id}"
    ))
    .into_sql_str()
}

/// Whether an account is known: (account).
pub const ACCOUNT: &str = "SELECT polls FROM accounts WHERE account = $1";
/// Renames an account everywhere, by the foreign keys' cascade: (old, new).
pub const RENAME: &str = "UPDATE accounts SET account = $2 WHERE account = $1";

/// The accounts, by name.
pub const ACCOUNTS: &str = "SELECT account FROM accounts ORDER BY account";

/// The last poll of an account's catalogue: (account, catalogue).
pub fn last_poll() -> SqlStr {
    AssertSqlSafe(format!(
        "SELECT {} FROM polls WHERE account = $1 AND catalogue = $2 \
         ORDER BY poll_id DESC LIMIT 1",
        POLLS.list("")
    ))
    .into_sql_str()
}

/// The last good poll of an account's catalogue: (account, catalogue).
pub fn last_good_poll() -> SqlStr {
    AssertSqlSafe(format!(
        "SELECT {} FROM polls WHERE account = $1 AND catalogue = $2 AND outcome <> 'failed' \
         ORDER BY observed_at DESC LIMIT 1",
        POLLS.list("")
    ))
    .into_sql_str()
}

/// The last held poll: (account, catalogue).
pub fn last_held_poll() -> SqlStr {
    AssertSqlSafe(format!(
        "SELECT {} FROM polls WHERE account = $1 AND catalogue = $2 AND outcome = 'held' \
         ORDER BY observed_at DESC LIMIT 1",
        POLLS.list("")
    ))
    .into_sql_str()
}

/// The ids of the items that are not removed and missing since a time or longer: (account, time).
pub fn missing_until(kind: Kind) -> SqlStr {
    AssertSqlSafe(format!(
        "SELECT {} FROM {} WHERE account = $1 AND removed_at IS NULL AND missing_since <= $2",
        kind.id, kind.table
    ))
    .into_sql_str()
}

/// A poll and those before it since the last one that did not fail, with the digest of each one's
/// account's poll before: (poll).
pub fn archived() -> SqlStr {
    AssertSqlSafe(format!(
        "SELECT {}, (SELECT b.digest FROM polls AS b \
              WHERE b.account = p.account AND b.poll_id < p.poll_id \
              ORDER BY b.poll_id DESC LIMIT 1) AS previous_digest FROM polls AS p \
         WHERE p.poll_id <= $1 AND p.poll_id > coalesce((SELECT max(g.poll_id) FROM polls AS g \
              WHERE g.poll_id < $1 AND g.outcome <> 'failed'), 0) ORDER BY p.poll_id",
        POLLS.list("p.")
    ))
    .into_sql_str()
}

/// How many polls of a catalogue failed after one: (account, catalogue, poll).
pub const FAILED_SINCE: &str = "SELECT count(*) FROM polls \
     WHERE account = $1 AND catalogue = $2 AND poll_id > $3 AND outcome = 'failed'";

/// Current, missing and removed items: (account).
pub fn item_counts(kind: Kind) -> SqlStr {
    AssertSqlSafe(format!(
        "SELECT count(*) FILTER (WHERE removed_at IS NULL), \
         count(*) FILTER (WHERE removed_at IS NULL AND missing_since IS NOT NULL), \
         count(*) FILTER (WHERE removed_at IS NOT NULL) FROM {} WHERE account = $1",
        kind.table
    ))
    .into_sql_str()
}

/// The newest changes of the fields of a catalogue's lists, after the first reading of each list:
/// (account, catalogue).
pub const SCHEMA_NEWS: &str = "SELECT p.observed_at, s.kind, s.field, s.change, s.json_type \
     FROM schema_changes AS s JOIN polls AS p ON p.poll_id = s.poll_id \
     WHERE s.account = $1 AND p.catalogue = $2 AND s.poll_id > (SELECT min(f.poll_id) FROM schema_changes AS f \
          WHERE f.account = s.account AND f.kind = s.kind) \
     ORDER BY s.poll_id DESC, s.kind, s.field LIMIT 10";

/// The previews by state.
pub const ASSETS_BY_STATE: &str =
    "SELECT state, count(*) FROM assets GROUP BY state ORDER BY state";

/// The previews that failed and are tried again.
pub const FAILED_ASSETS: &str =
    "SELECT url, last_error, next_attempt_at FROM assets WHERE state = 'failed' ORDER BY url";

/// The previews that the configuration leaves out by what they are: by their host, their size.
pub const LEFT_OUT_ASSETS: &str = "SELECT url, last_error, next_attempt_at FROM assets \
     WHERE state = 'skipped' AND last_error IS NOT NULL ORDER BY url";

/// When the next link expires of a preview that is not saved; only signed ones have an expiry, and
/// not every reader may see the links.
pub const NEXT_EXPIRY: &str =
    "SELECT min(expires_at) FROM assets WHERE state IN ('pending', 'failed')";

/// Every version of an item: (id[, account]).
pub fn versions(kind: Kind, of_account: bool) -> SqlStr {
    let id = kind.id;
    let condition = if of_account { " AND account = $2" } else { "" };
    AssertSqlSafe(format!(
        "SELECT {} FROM {} WHERE {id} = $1{condition} ORDER BY account, version",
        version_columns(kind),
        kind.history
    ))
    .into_sql_str()
}

/// What is read of a version.
pub(super) fn version_columns(kind: Kind) -> String {
    format!(
        "account, {}, version, valid_from, valid_to, opened_by, closed_by, opened_poll, \
         closed_poll, opened_after, closed_after, extra, {}",
        kind.id,
        columns(kind, "")
    )
}

/// Every statement of this file for an engine, by name.
pub fn all(engine: Engine) -> Vec<(String, SqlStr)> {
    let mut all: Vec<(String, SqlStr)> = [
        ("APPLIED", APPLIED),
        ("LAST_CHANGE", LAST_CHANGE),
        ("LAST_POLL_ID", LAST_POLL_ID),
        ("RECENT_GOOD", RECENT_GOOD),
        ("SCHEMA_CHANGES", SCHEMA_CHANGES),
        ("ANY_GOOD", ANY_GOOD),
        ("LAST_ASKED", LAST_ASKED),
        ("HISTORY", HISTORY),
        ("ACCOUNTS", ACCOUNTS),
        ("SUPERSEDED", SUPERSEDED),
        ("NOTICE", NOTICE),
        ("SWITCHED", SWITCHED),
        ("LINKS", LINKS),
        ("DIGEST", DIGEST),
        ("KEEP_ALIVE", KEEP_ALIVE),
        ("HEAD", HEAD),
        ("ACCOUNT", ACCOUNT),
        ("RENAME", RENAME),
        ("FAILED_SINCE", FAILED_SINCE),
        ("SCHEMA_NEWS", SCHEMA_NEWS),
        ("ASSETS_BY_STATE", ASSETS_BY_STATE),
        ("FAILED_ASSETS", FAILED_ASSETS),
        ("LEFT_OUT_ASSETS", LEFT_OUT_ASSETS),
        ("NEXT_EXPIRY", NEXT_EXPIRY),
        ("tables", engine.tables()),
    ]
    .map(|(name, sql)| (name.to_owned(), sql.into_sql_str()))
    .to_vec();
    let polls = [("last_poll", last_poll()), ("last_good_poll", last_good_poll())];
    all.extend(polls.map(|(name, sql)| (name.to_owned(), sql)));
    all.push(("archived".to_owned(), archived()));
    all.push(("links_of".to_owned(), links_of(engine)));
    all.extend(Catalogue::ALL.map(|of| (format!("any_current {of}"), any_current(of))));
    all.push(("last_held_poll".to_owned(), last_held_poll()));
    for kind in Kind::ALL {
        let own = of_kind(engine, kind).into_iter();
        all.extend(own.map(|(name, sql)| (format!("{name} {kind}"), sql)));
    }
    let server = engine.server().into_iter().flat_map(ServerSql::all);
    all.extend(server.map(|(name, sql)| (name.to_owned(), sql.into_sql_str())));
    all
}

fn of_kind(engine: Engine, kind: Kind) -> [(&'static str, SqlStr); 12] {
    [
        ("holders", holders(kind)),
        ("missing_until", missing_until(kind)),
        ("named", named(kind)),
        ("items", items(kind)),
        ("items_of", items_of(engine, kind)),
        ("fingerprints", fingerprints(kind)),
        ("listed_before", listed_before(kind)),
        ("item_counts", item_counts(kind)),
        ("current_ids", current_ids(kind)),
        ("known_until", known_until(kind)),
        ("versions", versions(kind, true)),
        ("versions of any account", versions(kind, false)),
    ]
}
