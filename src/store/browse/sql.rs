//! The SQL that the gallery's queries share.

use std::time::Duration;

use crate::{
    catalog::{catalogue::Catalogue, kind::Kind},
    store::{
        conn::{Arg, At, Conn, Engine, Fault, Row},
        row::GOOD,
        table::POLLS,
    },
};

/// One row for each account, each with the last poll of any account, the last writes of the mirror, and
/// values that differ from those of another database at the same location.
pub const STAMP: &str = "SELECT a.account, (SELECT max(poll_id) FROM polls) AS last_poll, \
     (SELECT max(checked_at) FROM assets WHERE checked_at IS NOT NULL) AS checked_at, \
     (SELECT max(next_attempt_at) FROM assets WHERE next_attempt_at IS NOT NULL) AS next_attempt_at, \
     (SELECT CAST(coalesce(sum(CASE state WHEN 'pending' THEN 1 WHEN 'failed' THEN 1000000 \
       WHEN 'gone' THEN 1000000000 ELSE 1000000000000 END), 0) AS BIGINT) \
       FROM assets WHERE state <> 'mirrored') AS states, \
     (SELECT max(pruned_at) FROM asset_versions WHERE pruned_at IS NOT NULL) AS pruned_at, \
     (SELECT finished_at FROM polls ORDER BY poll_id DESC LIMIT 1) AS finished_at, \
     (SELECT response_sha256 FROM polls ORDER BY poll_id DESC LIMIT 1) AS sha256, \
     (SELECT max(version) FROM _heygen_sync_migrations) AS version \
     FROM (SELECT 1 AS one) AS o LEFT JOIN accounts AS a ON 1 = 1 ORDER BY a.account";

/// Returns the SQL of the hash of the asset joined as `alias`, if its file is stored. (An asset whose
/// file was lost keeps its hash, by which the file is recognised later.)
pub fn stored_now(alias: &str) -> String {
    format!("CASE WHEN {alias}.file IS NOT NULL THEN {alias}.sha256 END")
}

/// Returns the SQL of the last known name of the item of a kind with this id; NULL if it is unknown.
pub fn name_of(kind: Kind, account: &str, id: &str) -> String {
    let (table, key, name) = (kind.table, kind.id, kind.label);
    format!("(SELECT r.{name} FROM {table} AS r WHERE r.account = {account} AND r.{key} = {id})")
}

/// Returns the condition that a good poll `p` of an account and a catalogue is not the baseline.
pub fn after_baseline(account: &str, catalogue: &str) -> String {
    format!("p.observed_at > {}", first_good(account, catalogue))
}

/// Returns the SQL of the time of the first good poll of an account's catalogue. PostgreSQL takes twice as
/// long to plan `min`.
fn first_good(account: &str, catalogue: &str) -> String {
    format!(
        "(SELECT f.observed_at FROM polls AS f WHERE f.account = {account} \
          AND f.catalogue = {catalogue} AND f.{GOOD} \
          AND f.observed_at IS NOT NULL ORDER BY f.observed_at LIMIT 1)"
    )
}

/// Returns the SQL of one row for each catalogue of an account: its name (`which`), the time of its first good
/// poll (`first_at`), and its last good poll until a time; null where there is none.
pub fn good_polls() -> String {
    let poll = POLLS.list("p.");
    let row = |of: Catalogue| {
        format!(
            "SELECT '{of}' AS which, {first} AS first_at, {poll} \
             FROM (SELECT 1 AS one) AS o LEFT JOIN polls AS p ON p.poll_id = \
             (SELECT l.poll_id FROM polls AS l WHERE l.account = $1 AND l.catalogue = '{of}' \
              AND l.{GOOD} AND l.observed_at <= $2 \
              ORDER BY l.observed_at DESC LIMIT 1)",
            first = first_good("$1", &format!("'{of}'")),
        )
    };
    Catalogue::ALL.map(row).join(" UNION ALL ")
}

/// Reads the kind that a column contains.
pub fn kind(row: &Row, at: impl At) -> Result<Kind, Fault> {
    let text = row.some_text(at)?;
    Kind::parse(&text).ok_or_else(|| row.bad_value(at, "is no kind"))
}

/// Begins a read-only transaction; on PostgreSQL, its statements fail after `limit`.
pub async fn begin(conn: &mut Conn, limit: Duration) -> Result<(), Fault> {
    conn.execute(conn.engine().begin_reading(), &[]).await?;
    conn.limit_reading(limit, true).await
}

/// A statement under construction, with its arguments by number.
pub struct Sql<'a> {
    pub engine: Engine,
    pub args: Vec<Arg<'a>>,
}

impl<'a> Sql<'a> {
    pub fn new(engine: Engine) -> Self {
        Self { engine, args: vec![] }
    }

    /// Adds an argument and returns its placeholder.
    pub fn bind(&mut self, arg: impl Into<Arg<'a>>) -> String {
        self.args.push(arg.into());
        format!("${}", self.args.len())
    }

    /// Returns `expression IN (…)` for texts.
    pub fn any_of(&mut self, expression: &str, values: &'a [String]) -> String {
        let places: Vec<String> = values.iter().map(|value| self.bind(value.as_str())).collect();
        format!("{expression} IN ({})", places.join(", "))
    }

    /// Returns the SQL of the time until which the link of a URL works; its asset is joined as `alias`. A
    /// URL without an asset needs no signature; one without an expiry is treated the same here. A user who
    /// may not read signed links has no link.
    pub fn live_until(&self, url: &str, alias: &str) -> String {
        let may_read = self.engine.may_read("assets", "signed_url");
        format!(
            "CASE WHEN {url} IS NOT NULL AND coalesce({alias}.state, '') <> 'gone' AND {may_read} \
             THEN coalesce({alias}.expires_at, '9999-12-31T00:00:00.000Z') END"
        )
    }

    /// Returns the condition that a JSON array of texts contains one of `values`.
    pub fn has_text(&mut self, texts: &str, values: &'a [String]) -> String {
        let places: Vec<String> = values.iter().map(|value| self.bind(value.as_str())).collect();
        self.engine.has_string(texts, &places)
    }
}
