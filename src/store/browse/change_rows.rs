//! Queries of the rows of the change feed: of one poll, the newest, or all.

use super::{
    changes::{own_conditions, time_conditions},
    reading::Reading,
    sql::Sql,
};
use crate::{
    error::Result,
    store::{
        change::{ChangeFilter, ChangeRow},
        conn::Fault,
        export,
        record::RowType,
        row::PollRow,
        table::CHANGES,
    },
    time::Timestamp,
};

impl Reading {
    /// Returns the changes of one poll, sorted by kind, change and item: `limit` rows after the first
    /// `offset`, and the number of all rows.
    pub async fn changes_of_poll(
        &mut self,
        poll: &PollRow,
        filter: &ChangeFilter,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<ChangeRow>, i64)> {
        let mut sql = Sql::new(self.engine());
        let number = sql.bind(poll.poll_id);
        let own = own_conditions(&mut sql, filter);
        // Counted by a subquery: a window function would materialise all rows.
        let text = format!(
            "SELECT {}, \
             (SELECT count(*) FROM changes AS c WHERE c.poll_id = {number}{own}) AS every \
             FROM changes AS c WHERE c.poll_id = {number}{own} \
             ORDER BY c.kind, c.change, c.name NULLS LAST, c.item_id, c.field NULLS FIRST \
             LIMIT {limit} OFFSET {offset}",
            CHANGES.list("c."),
        );
        let rows =
            self.ask(text, &sql.args, |row| Ok((ChangeRow::read(row)?, row.some_int("every")?)));
        let rows = rows.await?;
        let all = rows.first().map_or(0, |(_, all)| *all);
        Ok((rows.into_iter().map(|(row, _)| row).collect(), all))
    }

    /// Returns the newest changes after each catalogue's first poll, oldest first: at most `limit` rows. If
    /// there are `limit` rows, the oldest item is left out because its rows may be incomplete.
    pub async fn newest_changes(
        &mut self,
        account: &str,
        filter: &ChangeFilter,
        limit: usize,
    ) -> Result<Vec<ChangeRow>> {
        let mut sql = Sql::new(self.engine());
        let account = sql.bind(account);
        let own = own_conditions(&mut sql, filter);
        let text = format!(
            "SELECT {} FROM changes AS c WHERE c.account = {account} \
             AND c.previous_poll_at IS NOT NULL{own} \
             ORDER BY c.poll_id DESC, c.kind DESC, c.item_id DESC, c.field DESC NULLS LAST \
             LIMIT {limit}",
            CHANGES.list("c."),
        );
        let mut rows = self.ask(text, &sql.args, ChangeRow::read).await?;
        rows.reverse();
        if rows.len() == limit
            && let Some(first) = rows.first().cloned()
        {
            let same = |row: &ChangeRow| {
                row.poll_id == first.poll_id
                    && row.kind == first.kind
                    && row.item_id == first.item_id
            };
            rows.retain(|row| !same(row));
        }
        Ok(rows)
    }

    /// Returns when the history of all accounts began, which is part of the ids of a feed.
    pub async fn began_at(&mut self) -> Result<Option<Timestamp>> {
        let began = self.ask(export::BEGAN.into(), &[], |row| row.time(0)).await?;
        Ok(began.into_iter().next().flatten())
    }

    /// Passes every change to `each`, newest poll first.
    pub async fn all_changes<F, Fut>(
        &mut self,
        account: &str,
        poll: Option<i64>,
        filter: &ChangeFilter,
        mut each: F,
    ) -> Result<()>
    where
        F: FnMut(ChangeRow) -> Fut,
        Fut: Future<Output = Result<(), Fault>>,
    {
        let mut sql = Sql::new(self.engine());
        let of = of_account(&mut sql, account, poll);
        let text = feed_sql(&mut sql, &of, filter, None);
        self.stream(text, &sql.args, ChangeRow::read, &mut each).await
    }

    /// Returns at most `limit` changes after `last`, newest poll first.
    pub async fn changes_after(
        &mut self,
        account: &str,
        poll: Option<i64>,
        filter: &ChangeFilter,
        last: Option<&ChangePlace>,
        limit: usize,
    ) -> Result<Vec<ChangeRow>> {
        if filter.id.is_some() {
            let mut sql = Sql::new(self.engine());
            let of = of_account(&mut sql, account, poll);
            let text = feed_sql(&mut sql, &of, filter, last);
            return self.ask(format!("{text} LIMIT {limit}"), &sql.args, ChangeRow::read).await;
        }
        // One query in feed order would read and sort the whole history. Instead, only as many polls as
        // a page needs are queried, then more if few of their changes match.
        let newest = last.map_or(i64::MAX, |(poll, ..)| *poll);
        let polls = self.changed_items_by_poll(account, poll, filter, newest).await?;
        let (mut polls, mut rows) = (polls.as_slice(), vec![]);
        let mut wanted = i64::try_from(limit).unwrap_or(i64::MAX);
        while rows.len() < limit && !polls.is_empty() {
            let (newest_polls, older) = polls.split_at(polls_needed(polls, wanted));
            let mut sql = Sql::new(self.engine());
            let places: Vec<String> =
                newest_polls.iter().map(|(poll, _)| sql.bind(*poll)).collect();
            let of = format!("c.poll_id IN ({})", places.join(", "));
            let text = feed_sql(&mut sql, &of, filter, last);
            let text = format!("{text} LIMIT {}", limit - rows.len());
            rows.extend(self.ask(text, &sql.args, ChangeRow::read).await?);
            (polls, wanted) = (older, wanted.saturating_mul(4));
        }
        Ok(rows)
    }
}

/// The position of a row in the change feed: poll, kind, item, field.
pub type ChangePlace = (i64, String, String, Option<String>);

/// The maximum number of polls in one query.
const POLLS_AT_ONCE: usize = 1_000;

/// Returns how many of the first polls (id, changed items) are needed for `wanted` changed items in all.
fn polls_needed(polls: &[(i64, i64)], wanted: i64) -> usize {
    let mut items = 0;
    let needed = polls.iter().take(POLLS_AT_ONCE).take_while(|(_, own)| {
        let more = items < wanted;
        items += own;
        more
    });
    needed.count().max(1)
}

/// Returns the condition on the account and, if given, on the poll.
fn of_account<'a>(sql: &mut Sql<'a>, account: &'a str, poll: Option<i64>) -> String {
    let account = format!("c.account = {}", sql.bind(account));
    match poll {
        Some(poll) => format!("{account} AND c.poll_id = {}", sql.bind(poll)),
        None => account,
    }
}

/// Returns the SQL of the change feed's rows that meet `of`, newest poll first, after a position.
fn feed_sql<'a>(
    sql: &mut Sql<'a>,
    of: &str,
    filter: &'a ChangeFilter,
    after: Option<&'a ChangePlace>,
) -> String {
    let mut conditions = of.to_owned();
    conditions.push_str(&time_conditions(sql, "c", filter));
    conditions.push_str(&own_conditions(sql, filter));
    if let Some((poll, kind, item, field)) = after {
        let (poll, kind) = (sql.bind(*poll), sql.bind(kind.as_str()));
        let item = sql.bind(item.as_str());
        let beyond = match field {
            Some(field) => format!("c.field > {}", sql.bind(field.as_str())),
            None => "c.field IS NOT NULL".into(),
        };
        conditions.push_str(&format!(
            " AND c.poll_id <= {poll} AND (c.poll_id < {poll} OR c.kind > {kind} \
             OR (c.kind = {kind} AND (c.item_id > {item} OR (c.item_id = {item} AND {beyond}))))"
        ));
    }
    format!(
        "SELECT {} FROM changes AS c WHERE {conditions} \
         ORDER BY c.poll_id DESC, c.kind, c.item_id, c.field NULLS FIRST",
        CHANGES.list("c."),
    )
}
