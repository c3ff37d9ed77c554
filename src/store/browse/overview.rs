//! The front page: counts, the newest items, items and pictures about to be lost.

use std::time::Duration;

use super::{
    picture::ItemPreview,
    reading::Reading,
    scope::{ItemsSql, Scope, image_url},
    sql::{self, Sql, stored_now},
};
use crate::{
    catalog::kind::Kind,
    error::Result,
    store::{
        conn::{Fault, Row},
        row::GOOD,
        status::ItemCounts,
    },
    time::Timestamp,
};

/// Pictures whose links expire within this time are about to be lost.
pub const SOON: Duration = Duration::from_secs(48 * 60 * 60);

/// An item on the front page.
#[derive(Clone, Debug)]
pub struct Brief {
    /// The kind.
    pub kind: Kind,
    /// The id.
    pub id: String,
    /// The name.
    pub name: Option<String>,
    /// When it was first seen, first missing, or when its link expires.
    pub at: Option<Timestamp>,
    /// Its current version.
    pub version: i64,
    /// Its picture.
    pub image: ItemPreview,
    /// For a missing item: the number of consecutive polls without it.
    pub polls: i64,
}

/// The lists of the front page.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// The newest items, without those of the first poll.
    pub newest: Vec<Brief>,
    /// Missing items, the longest missing first.
    pub missing: Vec<Brief>,
    /// Items whose picture is not stored and whose link expires soon, soonest first.
    pub expiring: Vec<Brief>,
    /// The same for videos.
    pub expiring_videos: Vec<Brief>,
    /// The last polls with changed items, newest first: number, time, number of changed items.
    pub changed: Vec<(i64, Timestamp, i64)>,
}

/// The sections in the result of the statement that reads all lists; each row belongs to one.
const NEWEST: i64 = 0;
const MISSING: i64 = 1;
const PICTURE: i64 = 2;
const CHANGED: i64 = 3;
const VIDEO: i64 = 4;

/// A row of that statement.
enum FrontRow {
    /// An item in a section.
    Item(i64, Brief),
    /// A poll, its time and its number of changed items.
    Changed(i64, Timestamp, i64),
}

impl Reading {
    /// Counts the current and the missing items of each kind.
    pub async fn counts(
        &mut self,
        account: &str,
        at: Option<Timestamp>,
    ) -> Result<Vec<(Kind, ItemCounts)>> {
        let mut sql = Sql::new(self.engine());
        let mut parts = vec![];
        for kind in Kind::ALL {
            // Each number is counted separately, so that the indexes of items not removed are used.
            let items = ItemsSql::of(&mut sql, kind, account, at);
            let count = |condition: String| {
                format!("(SELECT count(*) FROM {} WHERE {condition})", items.from)
            };
            let current = items.present.clone();
            let missing = match at {
                None => count(format!("{current} AND {} IS NOT NULL", items.missing)),
                Some(_) => "CAST(0 AS BIGINT)".into(),
            };
            parts.push(format!("SELECT '{kind}', {}, {missing}", count(current)));
        }
        let rows = self.ask(parts.join(" UNION ALL "), &sql.args, |row| {
            let (current, missing) = (row.some_int(1)?, row.some_int(2)?);
            Ok((sql::kind(row, 0)?, ItemCounts { current, missing, removed: 0 }))
        });
        rows.await
    }

    /// Returns the lists of the front page.
    pub async fn front_page(
        &mut self,
        account: &str,
        at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Lists> {
        let mut sql = Sql::new(self.engine());
        let mut parts = vec![];
        for kind in Kind::ALL {
            let scope = Scope { kind, account: account.to_owned(), at };
            parts.push(newest(&mut sql, &scope));
            if at.is_none() {
                parts.push(missing(&mut sql, &scope));
                for preview in [(PICTURE, "preview_image_url"), (VIDEO, "preview_video_url")] {
                    if kind.column(preview.1).is_some() {
                        parts.push(expiring(&mut sql, &scope, now, preview));
                    }
                }
            }
        }
        parts.push(changed(&mut sql, account, at));
        let parts: Vec<String> =
            parts.iter().map(|part| format!("SELECT * FROM ({part}) AS x")).collect();
        let text = parts.join(" UNION ALL ");
        let mut lists = Lists::default();
        for row in self.ask(text, &sql.args, front_row).await? {
            match row {
                FrontRow::Changed(poll, at, items) => lists.changed.push((poll, at, items)),
                FrontRow::Item(NEWEST, brief) => lists.newest.push(brief),
                FrontRow::Item(MISSING, brief) => lists.missing.push(brief),
                FrontRow::Item(VIDEO, brief) => lists.expiring_videos.push(brief),
                FrontRow::Item(_, brief) => lists.expiring.push(brief),
            }
        }
        lists.newest.sort_by_key(|brief| std::cmp::Reverse(brief.at));
        lists.newest.truncate(6);
        lists.changed.sort_by(|a, b| b.cmp(a));
        lists.missing.sort_by_key(|brief| brief.at);
        lists.expiring.sort_by_key(|brief| brief.at);
        Ok(lists)
    }
}

/// Returns the SQL of the newest items, found by the last polls that added any and the history's index.
fn newest<'a>(sql: &mut Sql<'a>, scope: &Scope) -> String {
    let items = ItemsSql::of(sql, scope.kind, scope.account.clone(), scope.at);
    let account = sql.bind(scope.account.clone());
    let until = match scope.at {
        Some(at) => format!(" AND p.observed_at <= {}", sql.bind(at)),
        None => String::new(),
    };
    format!(
        "SELECT CAST({NEWEST} AS BIGINT) AS section, '{kind}' AS kind, k.id, k.name, k.seen AS moment, \
         {picture} AS image, {live} AS live, CAST(0 AS BIGINT) AS polls, k.version \
         FROM (SELECT {id} AS id, {name} AS name, {seen} AS seen, {url} AS url, \
             i.version AS version \
           FROM (SELECT h.{id_column} AS id FROM {history} AS h WHERE h.opened_by = 'added' \
             AND h.account = {account} AND h.opened_poll IN (SELECT q.poll_id FROM (SELECT \
               p.poll_id FROM polls AS p WHERE p.account = {account} \
               AND p.catalogue = '{catalogue}' AND p.{GOOD} AND p.added > 0 \
               AND {after_baseline}{until} \
               ORDER BY p.observed_at DESC LIMIT 6) AS q)) AS n \
           CROSS JOIN {from} WHERE {id} = n.id AND {present} \
           ORDER BY {seen} DESC, {id} LIMIT 6) AS k LEFT JOIN assets AS a ON a.url = k.url",
        kind = scope.kind,
        catalogue = scope.kind.catalogue,
        after_baseline = sql::after_baseline(&account, &format!("'{}'", scope.kind.catalogue)),
        history = scope.kind.history,
        id_column = scope.kind.id,
        id = items.id,
        name = items.name,
        seen = items.first_seen,
        from = items.from,
        present = items.present,
        picture = items.picture_of_url(),
        live = items.live_of_url(),
        url = items.image_url,
    )
}

fn missing<'a>(sql: &mut Sql<'a>, scope: &Scope) -> String {
    let account = sql.bind(scope.account.clone());
    let (id, name) = (scope.kind.id, scope.kind.label);
    format!(
        "SELECT CAST({MISSING} AS BIGINT) AS section, '{kind}' AS kind, k.id, k.name, k.since, {stored}, {live}, \
         (SELECT count(*) FROM polls AS p WHERE p.account = {account} \
          AND p.catalogue = '{catalogue}' AND p.{GOOD} \
          AND p.observed_at >= k.since), k.version \
         FROM (SELECT i.{id} AS id, i.{name} AS name, i.missing_since AS since, \
           {url} AS url, i.version AS version FROM {table} AS i WHERE i.account = {account} \
           AND i.removed_at IS NULL AND i.missing_since IS NOT NULL \
           ORDER BY i.missing_since, i.{id} LIMIT 4) AS k LEFT JOIN assets AS a ON a.url = k.url",
        kind = scope.kind,
        catalogue = scope.kind.catalogue,
        table = scope.kind.table,
        url = image_url(scope.kind),
        stored = stored_now("a"),
        live = sql.live_until("k.url", "a"),
    )
}

/// Returns the SQL of the items whose picture or video is not stored and whose link expires soon.
fn expiring<'a>(
    sql: &mut Sql<'a>,
    scope: &Scope,
    now: Timestamp,
    (section, column): (i64, &str),
) -> String {
    let account = sql.bind(scope.account.clone());
    let (now, soon) = (sql.bind(now), sql.bind(now.plus(SOON)));
    let (id, name) = (scope.kind.id, scope.kind.label);
    let due = |assets: &str| {
        format!(
            "{assets}.state <> 'mirrored' AND {assets}.state <> 'gone' \
             AND {assets}.expires_at > {now} AND {assets}.expires_at < {soon}"
        )
    };
    // Items have no index by URL, so they are not read at all if no link expires soon.
    format!(
        "SELECT CAST({section} AS BIGINT) AS section, '{kind}' AS kind, k.id, k.name, k.expires, \
         CAST(NULL AS TEXT), k.expires, CAST(0 AS BIGINT), k.version \
         FROM (SELECT i.{id} AS id, i.{name} AS name, a.expires_at AS expires, \
             i.version AS version \
           FROM assets AS a JOIN {table} AS i ON i.{column} = a.url \
           WHERE EXISTS (SELECT 1 FROM assets AS d WHERE {any}) AND {each} \
           AND i.account = {account} AND i.removed_at IS NULL \
           ORDER BY a.expires_at, i.{id} LIMIT 4) AS k",
        any = due("d"),
        each = due("a"),
        kind = scope.kind,
        table = scope.kind.table,
    )
}

fn changed(sql: &mut Sql<'_>, account: &str, at: Option<Timestamp>) -> String {
    let account = sql.bind(account.to_owned());
    let until = match at {
        Some(at) => format!(" AND p.observed_at <= {}", sql.bind(at)),
        None => String::new(),
    };
    format!(
        "SELECT CAST({CHANGED} AS BIGINT) AS section, '' AS kind, CAST(p.changed AS TEXT) AS id, \
         CAST(NULL AS TEXT) AS name, \
         p.observed_at, CAST(NULL AS TEXT), {no_time}, CAST(p.poll_id AS BIGINT), \
         CAST(0 AS BIGINT) FROM polls AS p \
         WHERE p.account = {account} AND p.{GOOD} AND p.changed > 0 \
        {until} ORDER BY p.observed_at DESC LIMIT 4",
        no_time = sql.engine.no_time(),
    )
}

fn front_row(row: &Row) -> Result<FrontRow, Fault> {
    let (section, id) = (row.some_int("section")?, row.some_text("id")?);
    let number = row.some_int("polls")?;
    if section == CHANGED {
        let items = id.parse().map_err(|_| row.bad_value("id", "is no number"))?;
        return Ok(FrontRow::Changed(number, row.some_time("moment")?, items));
    }
    let brief = Brief {
        kind: sql::kind(row, "kind")?,
        id,
        name: row.text("name")?,
        at: row.time("moment")?,
        image: ItemPreview::read(row, "image", "live")?,
        version: row.some_int("version")?,
        polls: number,
    };
    Ok(FrontRow::Item(section, brief))
}
