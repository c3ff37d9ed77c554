//! Tables → what the diff compares an answer with.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use sqlx::SqlSafeStr;

use super::{
    conn::{Arg, Conn, Engine, Fault, Row},
    open::Store,
    packed::{self, Cell},
    statements,
};
use crate::{
    catalog::{
        column::Holds,
        diff::{GoodPoll, Standing, StandingItem, StandingList},
        item::{FieldName, Fields, Names},
        kind::{ByKind, Kind},
        links::{StoredLink, StoredLinks},
        record::SignedUrl,
        schema::{self, Change, Schema, SchemaChange, Types},
        value::{TooDeep, Value},
    },
    error::Result,
    time::Timestamp,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Store {
    /// The standing of `account` as a poll at `now` needs it that believes a removal after
    /// `after_polls`.
    pub async fn standing(
        &mut self,
        account: &str,
        after_polls: u32,
        now: Timestamp,
    ) -> Result<Standing> {
        self.begin_reading().await?;
        let read = read(&mut self.conn, account, after_polls, now).await;
        let standing = read.map_err(|fault| self.trouble("read", &fault))?;
        self.end_reading().await?;
        Ok(standing)
    }
}

pub(super) async fn read(
    conn: &mut Conn,
    account: &str,
    after_polls: u32,
    now: Timestamp,
) -> Result<Standing, Fault> {
    let enough = i64::from(after_polls.max(1));
    let good = conn.rows(statements::RECENT_GOOD, &[account.into(), enough.into()]).await?;
    let good: Vec<GoodPoll> = good.iter().map(|row| good_poll(row, 0)).collect::<Result<_, _>>()?;
    let Some(last_good) = good.first() else {
        return Ok(Standing { links: links(conn, now).await?, ..Standing::default() });
    };
    let mut listed_before = BTreeMap::new();
    for kind in Kind::ALL {
        for row in conn.rows(statements::listed_before(kind), &[account.into()]).await? {
            listed_before.insert(row.some_time(0)?, good_poll(&row, 1)?);
        }
    }
    let mut schemas = schemas(conn, account).await?;
    let mut lists = ByKind::new();
    for kind in Kind::ALL {
        let schema = schemas.remove(&kind).unwrap_or_default();
        lists.insert(kind, StandingList { items: items(conn, account, kind).await?, schema });
    }
    Ok(Standing {
        last_good: Some(last_good.clone()),
        recent_good: good.iter().map(|poll| poll.observed_at).collect(),
        listed_before,
        lists,
        links: links(conn, now).await?,
    })
}

fn good_poll(row: &Row, at: usize) -> Result<GoodPoll, Fault> {
    Ok(GoodPoll {
        observed_at: row.some_time(at)?,
        api_version: row.text(at + 1)?.unwrap_or_default(),
        from_file: row.text(at + 2)?.as_deref() == Some("file"),
    })
}

async fn items(conn: &mut Conn, account: &str, kind: Kind) -> Result<Vec<StandingItem>, Fault> {
    if conn.engine() == Engine::Sqlite {
        return packed_items(conn, account, kind).await;
    }
    let (mut items, mut names) = (vec![], Names::default());
    conn.each(statements::items(kind), &[account.into()], |row| {
        let mut item = StandingItem {
            id: row.some_text(0)?,
            version: row.some_int(1)?,
            missing_since: row.time(2)?,
            removed: row.bool(3)?.unwrap_or(false),
            fields: fields(&row, kind, 5, 4)?,
        };
        item.fields.share(&mut names);
        items.push(item);
        Ok(())
    })
    .await?;
    items.shrink_to_fit();
    Ok(items)
}

/// In pages, each as one row.
async fn packed_items(
    conn: &mut Conn,
    account: &str,
    kind: Kind,
) -> Result<Vec<StandingItem>, Fault> {
    let mut items: Vec<StandingItem> = vec![];
    let mut names = Names::default();
    loop {
        let after = items.last().map_or("", |item| item.id.as_str());
        let sql = statements::packed_items(kind);
        let page = packed::read(conn, sql, &[account.into(), after.into()]).await?;
        let rows = packed::rows(&page)?;
        if rows.is_empty() {
            items.shrink_to_fit();
            return Ok(items);
        }
        for row in rows {
            let mut item = unpacked(row, kind)?;
            item.fields.share(&mut names);
            items.push(item);
        }
    }
}

fn unpacked(row: Vec<Cell<'_>>, kind: Kind) -> Result<StandingItem, Fault> {
    let mut cells = row.into_iter();
    let mut next = || cells.next().unwrap_or(Cell::Null);
    let id = next().text().ok_or_else(|| packed::spoiled("has no id"))?;
    let version = next().int().ok_or_else(|| packed::spoiled("has no version"))?;
    let missing_since = next().time()?;
    let removed = next().int() == Some(1);
    let extra = next().text();
    let mut own = Vec::with_capacity(kind.columns.len());
    for column in kind.columns {
        let value = match (column.holds, next()) {
            (_, Cell::Null) => continue,
            (Holds::Boolean, cell) => Value::bool(cell.int() == Some(1)),
            (Holds::Integer, cell) => Value::int(cell.int().unwrap_or_default()),
            (Holds::Text | Holds::Time, cell) => Value::text(cell.into_text().unwrap_or_default()),
            (Holds::Texts | Holds::Json, cell) => decoded(cell.into_text().unwrap_or_default())
                .map_err(|_| packed::spoiled("is nested too deep"))?,
        };
        own.push((FieldName::Borrowed(column.name), value));
    }
    let fields = Fields::from_row(kind, own, extra.as_deref());
    Ok(StandingItem { id, fields, version, missing_since, removed })
}

/// A column's JSON, which its text may outlive.
fn decoded(json: Cow<'_, str>) -> Result<Value<'static>, TooDeep> {
    Value::decode(json.trim(), 1).map(Value::into_owned)
}

/// The fields of an item whose own columns begin at `first`, with `extra` at `extra`.
pub(super) fn fields(row: &Row, kind: Kind, first: usize, extra: usize) -> Result<Fields, Fault> {
    let mut cells = Vec::with_capacity(kind.columns.len());
    for (offset, column) in kind.columns.iter().enumerate() {
        let at = first + offset;
        let value = match column.holds {
            Holds::Text | Holds::Time => row.text(at)?.map(Value::text),
            Holds::Boolean => row.bool(at)?.map(Value::bool),
            Holds::Integer => row.int(at)?.map(Value::int),
            Holds::Texts | Holds::Json => {
                row.json(at)?.map(|json| canonical(row, at, &json)).transpose()?
            }
        };
        cells.extend(value.map(|value| (FieldName::Borrowed(column.name), value)));
    }
    Ok(Fields::from_row(kind, cells, row.json(extra)?.as_deref()))
}

fn canonical(row: &Row, at: usize, json: &str) -> Result<Value<'static>, Fault> {
    let value = Value::decode(json.trim(), 1).map_err(|_| row.spoiled(at, "is nested too deep"))?;
    Ok(value.into_owned())
}

/// The fold of the account's schema changes, for each list.
async fn schemas(conn: &mut Conn, account: &str) -> Result<ByKind<Schema>, Fault> {
    folded(conn, statements::SCHEMA_CHANGES, &[account.into()]).await
}

/// The fold of schema changes that `sql` selects as [`statements::SCHEMA_CHANGES`] does, for each
/// list.
pub(super) async fn folded(
    conn: &mut Conn,
    sql: impl SqlSafeStr,
    args: &[Arg<'_>],
) -> Result<ByKind<Schema>, Fault> {
    let mut schemas = ByKind::<Schema>::new();
    conn.each(sql, args, |row| {
        let kind = Kind::parse(&row.some_text(0)?);
        let kind = kind.ok_or_else(|| row.spoiled(0, "is no kind"))?;
        let change = SchemaChange {
            field: kind.field(&row.some_text(1)?),
            change: Change::parse(&row.some_text(2)?)
                .ok_or_else(|| row.spoiled(2, "is no change"))?,
            types: row.text(3)?.map(|text| Types::parse(&text)).unwrap_or_default(),
            example: None,
        };
        schema::fold(schemas.entry(kind).or_default(), &change, row.some_time(4)?);
        Ok(())
    })
    .await?;
    Ok(schemas)
}

async fn links(conn: &mut Conn, now: Timestamp) -> Result<StoredLinks, Fault> {
    if conn.engine() == Engine::Sqlite {
        return packed_links(conn, now).await;
    }
    let mut links = StoredLinks::new();
    conn.each(statements::LINKS, &[now.plus(DAY).into()], |row| {
        let link = StoredLink {
            signed: row.bool(1)?.unwrap_or(false),
            expires_at: row.time(2)?,
            signed_url: row.text(3)?.map(SignedUrl::new),
        };
        links.insert(row.some_text(0)?, link);
        Ok(())
    })
    .await?;
    Ok(links)
}

async fn packed_links(conn: &mut Conn, now: Timestamp) -> Result<StoredLinks, Fault> {
    let mut links = StoredLinks::new();
    let mut after = String::new();
    loop {
        let args = [now.plus(DAY).into(), after.as_str().into()];
        let page = packed::read(conn, statements::PACKED_LINKS, &args).await?;
        let rows = packed::rows(&page)?;
        if rows.is_empty() {
            return Ok(links);
        }
        for row in rows {
            let mut cells = row.into_iter();
            let mut next = || cells.next().unwrap_or(Cell::Null);
            let url = next().text().ok_or_else(|| packed::spoiled("has no URL"))?;
            let signed = next().int() == Some(1);
            let expires_at = next().time()?;
            let signed_url = next().text().map(SignedUrl::new);
            after.clone_from(&url);
            links.insert(url, StoredLink { signed, expires_at, signed_url });
        }
    }
}
