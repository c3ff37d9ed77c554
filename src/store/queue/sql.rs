//! The SQL of the queue.

use super::asset::Asset;
use crate::{
    catalog::kind::{Kind, Preview},
    store::{conn::Engine, record::RowType, registry::register},
};

/// The setting that `last_error` names if a host is not allowed, followed by the allowed hosts.
pub const ALLOWED_HOSTS: &str = "mirror.allowed_hosts";

/// The `last_error` of an asset whose content was pruned.
const PRUNED: &str = "pruned";

/// The condition that an asset is due and of a wanted role: (now, pictures, videos, audio).
const DUE: &str = "(next_attempt_at <= $1 OR (next_attempt_at IS NULL AND \
     state IN ('pending', 'failed'))) AND (role <> 'image' OR $2) AND (role <> 'video' OR $3) \
     AND (role <> 'audio' OR $4)";

/// Assets that may be lost soonest come first, saved ones last.
const ORDER: &str = "file IS NOT NULL, signed_url IS NULL, expires_at NULLS FIRST, url";

register! {
    /// Selects the most urgent due assets; on PostgreSQL, leases them: (now, pictures, videos, audio, how
    /// many[, lease until]).
    pub fn lease(engine: Engine) {
        let columns = Asset::names().join(", ");
        match engine.is_server() {
            false => format!("SELECT {columns} FROM assets WHERE {DUE} ORDER BY {ORDER} LIMIT $5"),
            // Materialized: otherwise the planner may run the limited part more than once.
            true => format!(
                "WITH due AS MATERIALIZED (SELECT url FROM assets WHERE {DUE} ORDER BY {ORDER} \
                 LIMIT $5 FOR UPDATE SKIP LOCKED) UPDATE assets SET next_attempt_at = $6 \
                 WHERE url IN (SELECT url FROM due) RETURNING {columns}"
            ),
        }
    }

    /// The number of due assets: (now, pictures, videos, audio).
    pub fn count_due() {
        format!("SELECT count(*) FROM assets WHERE {DUE}")
    }

    /// The links of some assets: (URLs as JSON).
    pub fn links_of(engine: Engine) {
        let list = listed(engine);
        format!("SELECT url, signed_url FROM assets WHERE url IN {list}")
    }

    /// When a fresh list was last requested. Ordered by number: the latest time may be that of a clock that
    /// was ahead, and would stay the latest.
    pub const LAST_REFRESH = "SELECT started_at FROM polls WHERE trigger = 'refresh' \
         ORDER BY poll_id DESC LIMIT 1";

    /// Skips assets that the configuration leaves out: (pictures, videos, audio).
    pub const LEAVE_OUT = "UPDATE assets SET state = 'skipped', next_attempt_at = NULL, \
         last_error = NULL WHERE state IN ('pending', 'failed') \
         AND ((role = 'image' AND NOT $1) OR (role = 'video' AND NOT $2) \
              OR (role = 'audio' AND NOT $3))";

    /// Queues skipped assets that it no longer leaves out: (pictures, videos, audio).
    pub const TAKE_IN = "UPDATE assets SET state = 'pending', attempts = 0, \
         next_attempt_at = NULL WHERE state = 'skipped' AND last_error IS NULL \
         AND ((role = 'image' AND $1) OR (role = 'video' AND $2) OR (role = 'audio' AND $3))";

    /// Makes assets due that were skipped when other hosts were allowed: (now, the allowed hosts as
    /// `last_error` names them).
    pub fn of_other_hosts() {
        format!(
            "UPDATE assets SET next_attempt_at = $1 WHERE next_attempt_at > $1 \
             AND last_error LIKE '%{ALLOWED_HOSTS}%' AND replace(last_error, $2, '') = last_error"
        )
    }

    /// Queues pruned assets that are needed again.
    pub fn needed_again() {
        let wanted = previews(|kind| kind.table, "removed_at IS NULL");
        format!(
            "UPDATE assets SET state = 'pending', attempts = 0, last_error = NULL \
             WHERE state = 'gone' AND last_error = '{PRUNED}' AND url IN ({wanted})"
        )
    }

    /// Makes assets due that a clock that was ahead postponed too far: (now, the longest wait from now).
    pub const OF_A_WRONG_CLOCK =
        "UPDATE assets SET next_attempt_at = $1 WHERE next_attempt_at > $2";

    /// Queues assets that were given up by a clock that was ahead and whose link is still valid: (now).
    pub fn still_valid() {
        format!(
            "UPDATE assets SET state = 'pending', attempts = 0, \
             next_attempt_at = NULL, last_error = NULL WHERE state = 'gone' AND file IS NULL \
             AND next_attempt_at IS NULL AND signed_url IS NOT NULL AND expires_at > $1 \
             AND last_error IS DISTINCT FROM '{PRUNED}'"
        )
    }

    /// Every file that the store must contain.
    pub const KNOWN_FILES = "SELECT file, max(sha256), max(bytes) FROM (\
         SELECT file, sha256, bytes FROM asset_versions WHERE pruned_at IS NULL UNION ALL \
         SELECT file, sha256, bytes FROM assets WHERE file IS NOT NULL) AS known \
         GROUP BY file ORDER BY file";

    /// Queues the assets that lost these files: (files as JSON).
    pub fn queue_again(engine: Engine) {
        let list = listed(engine);
        format!(
            "UPDATE assets SET state = 'pending', file = NULL, etag = NULL, last_modified = NULL, \
             attempts = 0, next_attempt_at = NULL, last_error = NULL WHERE file IN {list}"
        )
    }

    /// Marks lost contents as pruned that their URL no longer has: (files as JSON, now).
    pub fn mark_lost(engine: Engine) {
        let list = listed(engine);
        format!(
            "UPDATE asset_versions SET pruned_at = $2 WHERE pruned_at IS NULL AND file IN {list} \
             AND NOT EXISTS (SELECT 1 FROM assets AS a WHERE a.url = asset_versions.url \
             AND a.sha256 = asset_versions.sha256 AND a.state <> 'gone')"
        )
    }

    /// Retries at once all assets that failed, were skipped or could not be fetched.
    pub fn try_again() {
        format!(
            "UPDATE assets SET state = 'pending', attempts = 0, \
             next_attempt_at = NULL WHERE state IN ('failed', 'skipped') \
             OR (state = 'gone' AND file IS NULL AND last_error IS DISTINCT FROM '{PRUNED}')"
        )
    }

    /// Those of some files that were once fetched from a URL: (files as JSON).
    pub fn once_behind(engine: Engine) {
        let list = listed(engine);
        format!("SELECT DISTINCT file FROM asset_versions WHERE file IN {list}")
    }

    /// The contents that nothing valid at a time or later needs: (that time).
    pub fn prunable() {
        let wanted = previews(|kind| kind.history, "valid_to IS NULL OR valid_to >= $1");
        format!(
            "WITH wanted AS ({wanted}), \
             content AS (SELECT url, file, lead(fetched_at) OVER \
             (PARTITION BY url ORDER BY fetched_at) AS superseded_at FROM asset_versions), \
             needed AS (SELECT c.file FROM content AS c JOIN wanted AS w ON w.url = c.url \
             WHERE c.superseded_at IS NULL OR c.superseded_at >= $1 \
             UNION SELECT a.file FROM assets AS a JOIN wanted AS w ON w.url = a.url \
             WHERE a.file IS NOT NULL) \
             SELECT v.file, max(v.sha256), max(v.bytes) FROM asset_versions AS v \
             WHERE v.pruned_at IS NULL \
             AND NOT EXISTS (SELECT 1 FROM needed AS n WHERE n.file = v.file) \
             GROUP BY v.file ORDER BY v.file"
        )
    }

    /// Restores pruned contents whose file exists after all: (files as JSON).
    pub fn take_back(engine: Engine) {
        let list = listed(engine);
        format!(
            "UPDATE asset_versions SET pruned_at = NULL WHERE pruned_at IS NOT NULL AND file IN {list}"
        )
    }

    /// Restores the last content of each URL without a copy, if it is among these: (files as JSON).
    pub fn restore_copies(engine: Engine) {
        let list = listed(engine);
        format!(
            "UPDATE assets SET state = 'mirrored', sha256 = v.sha256, file = v.file, bytes = v.bytes, \
             content_type = v.content_type, mirrored_at = v.fetched_at, next_attempt_at = \
             CASE WHEN signed_url IS NULL THEN v.fetched_at END, last_error = NULL \
             FROM asset_versions AS v WHERE assets.file IS NULL AND v.url = assets.url \
             AND v.file IN {list} AND v.fetched_at = \
             (SELECT max(n.fetched_at) FROM asset_versions AS n WHERE n.url = assets.url)"
        )
    }

    /// Marks pruned contents: (files as JSON, now).
    pub fn mark_pruned(engine: Engine) {
        let list = listed(engine);
        format!(
            "UPDATE asset_versions SET pruned_at = $2 WHERE pruned_at IS NULL AND file IN {list}"
        )
    }

    /// Marks the previews whose content was pruned: (files as JSON).
    pub fn mark_gone(engine: Engine) {
        let list = listed(engine);
        format!(
            "UPDATE assets SET state = 'gone', sha256 = NULL, file = NULL, bytes = NULL, \
             content_type = NULL, etag = NULL, last_modified = NULL, next_attempt_at = NULL, \
             mirrored_at = NULL, last_error = '{PRUNED}' WHERE file IN {list}"
        )
    }

    /// Those of some files that no row refers to: (files as JSON).
    pub fn unnamed(engine: Engine) {
        let files = listed(engine);
        format!(
            "SELECT f.value FROM {files} AS f \
             WHERE NOT EXISTS (SELECT 1 FROM assets AS a WHERE a.file = f.value) \
             AND NOT EXISTS (SELECT 1 FROM asset_versions AS v \
             WHERE v.file = f.value AND v.pruned_at IS NULL)"
        )
    }

    /// Those of some files that were once pruned: (files as JSON).
    pub fn once_pruned(engine: Engine) {
        let list = listed(engine);
        format!(
            "SELECT DISTINCT file FROM asset_versions WHERE pruned_at IS NOT NULL AND file IN {list}"
        )
    }
}

/// Returns a subquery of the strings in the JSON array that is the first argument.
fn listed(engine: Engine) -> String {
    format!("(SELECT t.value FROM {})", engine.each_string("$1"))
}

/// Returns a query for the preview URLs, as `url`, in the rows of each kind's table that meet a condition.
fn previews(table: fn(Kind) -> &'static str, condition: &str) -> String {
    let of_kind = |kind: Kind| {
        let field = move |preview: &Preview| {
            format!("SELECT {} AS url FROM {} WHERE {condition}", preview.field, table(kind))
        };
        kind.previews.iter().map(field)
    };
    let all: Vec<String> = Kind::ALL.into_iter().flat_map(of_kind).collect();
    all.join(" UNION ")
}
