//! Queries of polls, of the API's notices in them, and of sums by day.

use super::{
    reading::Reading,
    sql::{self, Sql},
};
use crate::{
    catalog::kind::Kind,
    error::Result,
    store::{
        conn::{Fault, Row},
        record::{RowType, record},
        row::{GOOD, PollRow},
        table::POLLS,
    },
    time::Timestamp,
};

record! {
    /// A poll, and the polls of its account before and after it.
    #[derive(Clone, Debug)]
    pub struct NearPoll {
        row: PollRow = "its row" record,
        before: Option<i64> = "the account's poll before it",
        after: Option<i64> = "the account's poll after it",
    }
}

record! {
    /// A notice of the API.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Notice {
        text: String = "its text",
        first_poll: i64 = "the first poll that received it",
        last_poll: i64 = "the last poll that received it",
    }
}

record! {
    /// The sums of a day.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Day {
        day: String = "the day, such as `2026-11-23`",
        added: i64 = "items added",
        changed: i64 = "items changed",
        removed: i64 = "items removed",
        restored: i64 = "items restored",
    }
}

impl Day {
    /// Returns the number of items of each sort of change.
    pub fn counts(&self) -> [(&'static str, i64); 4] {
        let Self { day: _, added, changed, removed, restored } = self;
        [("added", *added), ("changed", *changed), ("removed", *removed), ("restored", *restored)]
    }

    /// Adds the numbers of another day.
    pub fn add(&mut self, other: &Self) {
        self.added += other.added;
        self.changed += other.changed;
        self.removed += other.removed;
        self.restored += other.restored;
    }
}

/// A field that appeared, vanished or changed its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaRow {
    /// The list.
    pub kind: Kind,
    /// The field.
    pub field: String,
    /// `appeared`, `vanished`, `retyped`.
    pub change: String,
    /// The JSON types.
    pub json_type: Option<String>,
    /// An example value.
    pub example: Option<String>,
}

impl Reading {
    /// Returns the account's polls, newest first: `limit` after the first `offset`, and the total number.
    pub async fn polls(
        &mut self,
        account: &str,
        at: Option<Timestamp>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<PollRow>, i64)> {
        let mut sql = Sql::new(self.engine());
        let condition = until(&mut sql, account, at);
        let poll = POLLS.list("p.");
        let text = format!(
            "SELECT {poll}, count(*) OVER () AS every FROM polls AS p WHERE {condition} \
             ORDER BY p.poll_id DESC LIMIT {limit} OFFSET {offset}"
        );
        let rows = self
            .ask(text, &sql.args, |row| Ok((PollRow::read(row)?, row.some_int("every")?)))
            .await?;
        let all = rows.first().map_or(0, |(_, all)| *all);
        Ok((rows.into_iter().map(|(row, _)| row).collect(), all))
    }

    /// Passes every poll to `each`, newest first.
    pub async fn all_polls<F, Fut>(
        &mut self,
        account: &str,
        at: Option<Timestamp>,
        mut each: F,
    ) -> Result<()>
    where
        F: FnMut(PollRow) -> Fut,
        Fut: Future<Output = Result<(), Fault>>,
    {
        let mut sql = Sql::new(self.engine());
        let condition = until(&mut sql, account, at);
        let poll = POLLS.list("p.");
        let text =
            format!("SELECT {poll} FROM polls AS p WHERE {condition} ORDER BY p.poll_id DESC");
        self.stream(text, &sql.args, PollRow::read, &mut each).await
    }

    /// Returns at most `limit` of the account's polls before `before`, newest first.
    pub async fn polls_before(
        &mut self,
        account: &str,
        at: Option<Timestamp>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<PollRow>> {
        let mut sql = Sql::new(self.engine());
        let condition = until(&mut sql, account, at);
        let before = sql.bind(before.unwrap_or(i64::MAX));
        let text = format!(
            "SELECT {} FROM polls AS p WHERE {condition} AND p.poll_id < {before} \
             ORDER BY p.poll_id DESC LIMIT {limit}",
            POLLS.list("p.")
        );
        self.ask(text, &sql.args, PollRow::read).await
    }

    /// Returns a poll of any account that was observed (or else started) by `at`, and its neighbours.
    pub async fn poll(&mut self, number: i64, at: Option<Timestamp>) -> Result<Option<NearPoll>> {
        let at = at.unwrap_or(Timestamp::from_millis(i64::MAX));
        let poll = POLLS.list("p.");
        let text = format!(
            "SELECT {poll}, (SELECT max(b.poll_id) FROM polls AS b WHERE b.account = p.account \
               AND b.poll_id < p.poll_id) AS before, \
             (SELECT min(n.poll_id) FROM polls AS n WHERE n.account = p.account \
               AND n.poll_id > p.poll_id AND coalesce(n.observed_at, n.started_at) <= $2) AS after \
             FROM polls AS p WHERE p.poll_id = $1 AND coalesce(p.observed_at, p.started_at) <= $2"
        );
        let args = [number.into(), at.into()];
        Ok(self.ask(text, &args, NearPoll::read).await?.into_iter().next())
    }

    /// Returns the last 5 notices of the API, the last received first.
    pub async fn notices(&mut self, account: &str, at: Option<Timestamp>) -> Result<Vec<Notice>> {
        let mut sql = Sql::new(self.engine());
        let condition = until(&mut sql, account, at);
        let text = format!(
            "SELECT p.warning AS text, min(p.poll_id) AS first_poll, max(p.poll_id) AS last_poll \
             FROM polls AS p WHERE {condition} AND p.warning IS NOT NULL GROUP BY p.warning \
             ORDER BY 3 DESC LIMIT 5"
        );
        self.ask(text, &sql.args, Notice::read).await
    }

    /// Returns when a poll last added or removed an item at `until` or earlier, without the baselines.
    pub async fn last_addition_or_removal(
        &mut self,
        account: &str,
        until: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let mut sql = Sql::new(self.engine());
        let (account, until) = (sql.bind(account), sql.bind(until));
        let text = format!(
            "SELECT max(p.observed_at) FROM polls AS p WHERE p.account = {account} \
             AND p.{GOOD} AND p.observed_at <= {until} AND p.added + p.removed > 0 \
             AND {}",
            sql::after_baseline(&account, "p.catalogue")
        );
        let found = self.ask(text, &sql.args, |row| row.time(0)).await?;
        Ok(found.into_iter().flatten().next())
    }

    /// Returns the sums of each day from `from` until before `until`, without the baselines.
    pub async fn days(
        &mut self,
        account: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Day>> {
        let mut sql = Sql::new(self.engine());
        let account = sql.bind(account);
        let (from, until) = (sql.bind(from), sql.bind(until));
        let day = sql.engine.day("p.observed_at");
        let text = format!(
            "SELECT {day} AS day, CAST(coalesce(sum(p.added), 0) AS BIGINT) AS added, \
             CAST(coalesce(sum(p.changed), 0) AS BIGINT) AS changed, \
             CAST(coalesce(sum(p.removed), 0) AS BIGINT) AS removed, \
             CAST(coalesce(sum(p.restored), 0) AS BIGINT) AS restored FROM polls AS p \
             WHERE p.account = {account} AND p.{GOOD} AND p.observed_at >= {from} AND p.observed_at < {until} \
             AND {} GROUP BY 1 ORDER BY 1",
            sql::after_baseline(&account, "p.catalogue")
        );
        self.ask(text, &sql.args, Day::read).await
    }

    /// Returns the schema changes that a poll found.
    pub async fn schema_of_poll(&mut self, poll: &PollRow) -> Result<Vec<SchemaRow>> {
        let text = "SELECT kind, field, change, json_type, example FROM schema_changes \
             WHERE account = $1 AND poll_id = $2 ORDER BY kind, field LIMIT 500";
        let args = [poll.account.as_str().into(), poll.poll_id.into()];
        self.ask(text.into(), &args, schema_row).await
    }

    /// Counts the pictures and videos of all accounts in each state of the mirror.
    pub async fn asset_states(&mut self) -> Result<Vec<(String, i64)>> {
        let text = "SELECT state, count(*) FROM assets WHERE role <> 'audio' GROUP BY state";
        self.ask(text.into(), &[], |row| Ok((row.some_text(0)?, row.some_int(1)?))).await
    }

    /// Returns the last 12 schema changes after each list's first poll, each with its poll.
    pub async fn schema_news(
        &mut self,
        account: &str,
        at: Option<Timestamp>,
    ) -> Result<Vec<(i64, SchemaRow)>> {
        let mut sql = Sql::new(self.engine());
        let condition = until(&mut sql, account, at);
        let text = format!(
            "SELECT s.kind, s.field, s.change, s.json_type, s.example, s.poll_id \
             FROM schema_changes AS s JOIN polls AS p ON p.poll_id = s.poll_id \
             WHERE {condition} AND s.account = p.account \
             AND s.poll_id > (SELECT min(f.poll_id) FROM schema_changes AS f \
                 WHERE f.account = s.account AND f.kind = s.kind) \
             ORDER BY s.poll_id DESC, s.kind, s.field LIMIT 12"
        );
        self.ask(text, &sql.args, |row| Ok((row.some_int("poll_id")?, schema_row(row)?))).await
    }
}

/// Returns the condition for an account's polls that were observed (or else started) by `at`.
fn until<'a>(sql: &mut Sql<'a>, account: &'a str, at: Option<Timestamp>) -> String {
    let account = sql.bind(account);
    match at {
        None => format!("p.account = {account}"),
        Some(at) => {
            let at = sql.bind(at);
            format!("p.account = {account} AND coalesce(p.observed_at, p.started_at) <= {at}")
        }
    }
}

fn schema_row(row: &Row) -> Result<SchemaRow, Fault> {
    Ok(SchemaRow {
        kind: sql::kind(row, "kind")?,
        field: row.some_text("field")?,
        change: row.some_text("change")?,
        json_type: row.text("json_type")?,
        example: row.text("example")?,
    })
}
