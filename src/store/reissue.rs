//! Which removed items probably go on under another id: the candidates and whoever could spoil
//! them, for [`crate::catalog::reissue`] to judge.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::{
    conn::{Arg, Conn, Fault, Row},
    open::Store,
};
use crate::{
    catalog::{
        kind::Kind,
        reissue::{Bearer, Claim, Claims, Sign},
    },
    error::Result,
    time::Timestamp,
};

/// The marks of some span of time.
#[derive(Debug, Default)]
pub struct Reissues([HashMap<(i64, String), String>; 2]);

impl Reissues {
    /// The id under which an item that a poll removed probably goes on.
    pub fn of(&self, kind: Kind, poll_id: i64, id: &str) -> Option<&str> {
        self.0[kind.index()].get(&(poll_id, id.to_owned())).map(String::as_str)
    }
}

/// Pairs of an item removed by a poll of a span and one that appeared at the poll after the last
/// that listed it, with a name or a picture in common that is unique among those that vanished then
/// and among those that appeared: (since, until).
fn pairs(kind: Kind) -> SqlStr {
    let (table, id, name) = (kind.history, kind.id, kind.label);
    AssertSqlSafe(format!(
        "WITH gone AS ( \
             SELECT item.account, item.{id} AS id, item.{name} AS name, \
                 item.preview_image_url AS url, item.closed_poll, item.closed_after, \
                 (SELECT next.poll_id FROM polls AS next WHERE next.account = item.account \
                      AND next.outcome <> 'failed' AND next.observed_at > item.closed_after \
                  ORDER BY next.observed_at LIMIT 1) AS swap \
             FROM polls AS poll JOIN {table} AS item ON item.closed_poll = poll.poll_id \
             WHERE poll.observed_at >= $1 AND poll.observed_at < $2 \
                 AND item.closed_by = 'removed' \
         ), fresh AS ( \
             SELECT item.account, item.{id} AS id, item.{name} AS name, \
                 item.preview_image_url AS url, item.opened_poll AS swap \
             FROM (SELECT DISTINCT swap FROM gone) AS at \
             JOIN {table} AS item ON item.opened_poll = at.swap WHERE item.opened_by = 'added' \
         ), gone_sign AS ( \
             SELECT account, id, swap, closed_poll, closed_after, 'name' AS what, name AS sign \
             FROM gone WHERE name <> '' \
             UNION ALL \
             SELECT account, id, swap, closed_poll, closed_after, 'picture', \
                 coalesce(asset.sha256, gone.url) \
             FROM gone LEFT JOIN assets AS asset ON asset.url = gone.url \
             WHERE gone.url IS NOT NULL \
         ), fresh_sign AS ( \
             SELECT account, id, swap, 'name' AS what, name AS sign FROM fresh WHERE name <> '' \
             UNION ALL \
             SELECT account, id, swap, 'picture', coalesce(asset.sha256, fresh.url) \
             FROM fresh LEFT JOIN assets AS asset ON asset.url = fresh.url \
             WHERE fresh.url IS NOT NULL \
         ) \
         SELECT old.account, old.closed_poll, old.id, new.id, old.what = 'name', old.sign, \
             old.closed_after, poll.observed_at \
         FROM (SELECT *, count(*) OVER (PARTITION BY account, swap, what, sign) AS same \
               FROM gone_sign) AS old \
         JOIN (SELECT *, count(*) OVER (PARTITION BY account, swap, what, sign) AS same \
               FROM fresh_sign) AS new \
             ON new.account = old.account AND new.swap = old.swap AND new.what = old.what \
             AND new.sign = old.sign \
         JOIN polls AS poll ON poll.poll_id = old.swap \
         WHERE old.same = 1 AND new.same = 1"
    ))
    .into_sql_str()
}

/// Every version that was valid within a span of time, by its name and its picture: (begin, end).
fn bearers(kind: Kind) -> SqlStr {
    let (table, id, name) = (kind.history, kind.id, kind.label);
    AssertSqlSafe(format!(
        "SELECT item.account, item.{id}, item.{name}, \
             coalesce(asset.sha256, item.preview_image_url), item.valid_from, item.valid_to \
         FROM {table} AS item LEFT JOIN assets AS asset ON asset.url = item.preview_image_url \
         WHERE item.valid_from <= $2 AND (item.valid_to IS NULL OR item.valid_to > $1)"
    ))
    .into_sql_str()
}

/// Every statement of this file, by name.
pub fn all() -> Vec<(String, SqlStr)> {
    let both = Kind::ALL.map(|kind| {
        [(format!("pairs {kind}"), pairs(kind)), (format!("bearers {kind}"), bearers(kind))]
    });
    both.into_iter().flatten().collect()
}

impl Store {
    /// The marks of what was removed by polls from `since` on and before `until`.
    pub async fn reissues(
        &mut self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Reissues> {
        let since = since.unwrap_or(Timestamp::from_millis(i64::MIN));
        let until = until.unwrap_or(Timestamp::from_millis(i64::MAX));
        let mut marks = Reissues::default();
        for kind in Kind::ALL {
            let read = settled(&mut self.conn, kind, since, until).await;
            marks.0[kind.index()] = read.map_err(|fault| self.trouble("read", &fault))?;
        }
        Ok(marks)
    }
}

/// The rest of the history is read only where there is a candidate.
async fn settled(
    conn: &mut Conn,
    kind: Kind,
    since: Timestamp,
    until: Timestamp,
) -> Result<HashMap<(i64, String), String>, Fault> {
    let rows = conn.rows(pairs(kind), &[since.into(), until.into()]).await?;
    let mut claims = Claims::new(rows.iter().map(claim).collect::<Result<_, _>>()?);
    if let Some((begin, end)) = claims.span() {
        let args: [Arg<'_>; 2] = [begin.into(), end.into()];
        conn.each(bearers(kind), &args, |row| {
            claims.see(bearer(&row)?);
            Ok(())
        })
        .await?;
    }
    Ok(claims.settle())
}

/// A row of [`pairs`].
fn claim(row: &Row) -> Result<Claim, Fault> {
    let sign = row.some_text(5)?;
    let by_name = row.bool(4)?.unwrap_or(false);
    Ok(Claim {
        account: row.some_text(0)?,
        poll_id: row.some_int(1)?,
        old: row.some_text(2)?,
        new: row.some_text(3)?,
        sign: if by_name { Sign::Name(sign) } else { Sign::Picture(sign) },
        listed_until: row.some_time(6)?,
        listed_from: row.some_time(7)?,
    })
}

/// A row of [`bearers`].
fn bearer(row: &Row) -> Result<Bearer, Fault> {
    let signs = [row.text(2)?.map(Sign::Name), row.text(3)?.map(Sign::Picture)];
    Ok(Bearer {
        account: row.some_text(0)?,
        id: row.some_text(1)?,
        signs: signs.into_iter().flatten().collect(),
        valid_from: row.some_time(4)?,
        valid_to: row.time(5)?,
    })
}
