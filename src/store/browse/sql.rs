//! The SQL that the gallery's queries share.

use std::time::Duration;

use crate::{
    catalog::{catalogue::Catalogue, kind::Kind},
    store::{
        conn::{Arg, Conn, Engine, Fault, Row},
        table::POLLS,
    },
};

/// One row for each account, each with the last poll of any account, the last writes of the mirror, and
/// values that differ from those of another database at the same location.
pub const STAMP: &str = "SELECT a.account, (SELECT max(poll_id) FROM polls), \
     (SELECT max(checked_at) FROM assets WHERE checked_at IS NOT NULL), \
     (SELECT max(next_attempt_at) FROM assets WHERE next_attempt_at IS NOT NULL), \
     (SELECT CAST(coalesce(sum(CASE state WHEN 'pending' THEN 1 WHEN 'failed' THEN 1000000 \
       WHEN 'gone' THEN 1000000000 ELSE 1000000000000 END), 0) AS BIGINT) \
       FROM assets WHERE state <> 'mirrored'), \
     (SELECT max(pruned_at) FROM asset_versions WHERE pruned_at IS NOT NULL), \
     (SELECT finished_at FROM polls ORDER BY poll_id DESC LIMIT 1), \
     (SELECT response_sha256 FROM polls ORDER BY poll_id DESC LIMIT 1), \
     (SELECT max(version) FROM _heygen_sync_migrations) \
     FROM (SELECT 1 AS one) AS o LEFT JOIN accounts AS a ON 1 = 1 ORDER BY a.account";

/// Returns the SQL of the hash of the asset joined as `alias`, if its file is stored. (An asset whose
/// file was lost keeps its hash, by which the file is recognised later.)
pub fn stored_now(alias: &str) -> String {
    format!("CASE WHEN {alias}.file IS NOT NULL THEN {alias}.sha256 END")
}

/// Returns the condition that a good poll `p` of an account and a catalogue is not the baseline.
pub fn after_baseline(account: &str, catalogue: &str) -> String {
    format!(
        "p.observed_at > (SELECT min(f.observed_at) FROM polls AS f WHERE f.account = {account} \
          AND f.catalogue = {catalogue} AND f.outcome <> 'failed')"
    )
}

/// Returns the SQL of the last two good polls of a catalogue until a time: (account, catalogue, time).
/// The columns `first_…` contain the time of the first good poll of each catalogue.
pub fn good_polls() -> String {
    let poll = POLLS.list("p.");
    let first = |of: Catalogue| {
        format!(
            "(SELECT min(f.observed_at) FROM polls AS f WHERE f.account = p.account \
              AND f.catalogue = '{of}' AND f.outcome <> 'failed') AS first_{of}, "
        )
    };
    let firsts: String = Catalogue::ALL.map(first).concat();
    format!(
        "SELECT {poll}, {firsts}(SELECT max(l.observed_at) FROM polls AS l \
             WHERE l.account = p.account AND l.outcome <> 'failed' AND l.observed_at <= $3) \
             AS newest, (SELECT count(*) FROM polls AS n WHERE n.account = p.account \
             AND n.catalogue = p.catalogue AND n.outcome <> 'failed' \
             AND n.observed_at <= p.observed_at) AS number \
         FROM polls AS p WHERE p.account = $1 AND p.catalogue = $2 AND p.outcome <> 'failed' \
         AND p.observed_at <= $3 ORDER BY p.observed_at DESC LIMIT 2"
    )
}

/// Reads the kind that a column contains.
pub fn kind(row: &Row, at: usize) -> Result<Kind, Fault> {
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

    /// Returns the condition that a JSON array of texts contains one of `values`.
    pub fn has_text(&mut self, texts: &str, values: &'a [String]) -> String {
        let places: Vec<String> = values.iter().map(|value| self.bind(value.as_str())).collect();
        self.engine.has_string(texts, &places)
    }
}
