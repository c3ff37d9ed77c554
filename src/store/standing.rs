//! Tables → what the diff compares an answer with.

use std::{collections::BTreeMap, time::Duration};

use sqlx::SqlSafeStr;

use super::{
    conn::{Arg, Conn, Fault, Row},
    held::held_until,
    open::Store,
    statements,
};
use crate::{
    catalog::{
        catalogue::Catalogue,
        column::{Column, Holds},
        diff::{GoodPoll, Standing, StandingItem, StandingList},
        item::{FieldName, Fields, Names},
        kind::{ByKind, Kind},
        links::{StoredLink, StoredLinks},
        record::SignedUrl,
        schema::{self, Change, Schema, SchemaChange, Types},
        value::Value,
    },
    error::Result,
    time::Timestamp,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Store {
    /// The standing of an account's catalogue as a poll at `now` needs it that believes a removal
    /// after `after_polls`; read in the poll's transaction if one is open.
    pub async fn standing(
        &mut self,
        account: &str,
        catalogue: Catalogue,
        after_polls: u32,
        now: Timestamp,
    ) -> Result<Standing> {
        if !self.in_transaction {
            self.begin_reading().await?;
        }
        let read = read(&mut self.conn, account, catalogue, after_polls, now).await;
        let standing = read.map_err(|fault| self.trouble("read", &fault))?;
        if !self.in_transaction {
            self.end_reading().await?;
        }
        Ok(standing)
    }
}

async fn read(
    conn: &mut Conn,
    account: &str,
    catalogue: Catalogue,
    after_polls: u32,
    now: Timestamp,
) -> Result<Standing, Fault> {
    let enough = i64::from(after_polls.max(1));
    let args = [account.into(), catalogue.as_str().into(), enough.into()];
    let good = conn.rows(statements::RECENT_GOOD, &args).await?;
    let good: Vec<GoodPoll> = good.iter().map(|row| good_poll(row, 0)).collect::<Result<_, _>>()?;
    let Some(last_good) = good.first() else {
        return Ok(Standing { links: links(conn, now).await?, ..Standing::default() });
    };
    let mut listed_before = BTreeMap::new();
    for kind in Kind::of(catalogue) {
        for row in conn.rows(statements::listed_before(kind), &[account.into()]).await? {
            listed_before.insert(row.some_time(0)?, good_poll(&row, 1)?);
        }
    }
    let args = [account.into(), catalogue.as_str().into()];
    let mut schemas = folded(conn, statements::SCHEMA_CHANGES, &args).await?;
    let mut lists = ByKind::new();
    for kind in Kind::of(catalogue) {
        let schema = schemas.remove(&kind).unwrap_or_default();
        lists.insert(kind, StandingList { items: items(conn, account, kind).await?, schema });
    }
    Ok(Standing {
        held_until: held_until(conn, account, catalogue).await?,
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
    let (mut items, mut names) = (vec![], Names::default());
    let columns = by_name(kind);
    conn.each(statements::items(kind), &[account.into()], |row| {
        items.push(StandingItem {
            id: row.some_text(0)?,
            version: row.some_int(1)?,
            missing_since: row.time(2)?,
            removed: row.bool(3)?.unwrap_or(false),
            fields: read_fields(&row, kind, &columns, (5, 4), Some(&mut names))?,
        });
        Ok(())
    })
    .await?;
    items.shrink_to_fit();
    // Sorted here: in the order of its key the engine would fetch each row apart.
    items.sort_unstable_by(|a: &StandingItem, b| a.id.cmp(&b.id));
    Ok(items)
}

/// The fields of an item whose own columns begin at `first`, with `extra` at `extra`.
pub(super) fn fields(row: &Row, kind: Kind, first: usize, extra: usize) -> Result<Fields, Fault> {
    read_fields(row, kind, &by_name(kind), (first, extra), None)
}

/// The kind's own columns by their names, as an item has its fields; each with its place.
fn by_name(kind: Kind) -> Vec<(usize, &'static Column)> {
    let mut columns: Vec<_> = kind.columns.iter().enumerate().collect();
    columns.sort_by_key(|(_, column)| column.name);
    columns
}

fn read_fields(
    row: &Row,
    kind: Kind,
    columns: &[(usize, &'static Column)],
    (first, extra): (usize, usize),
    names: Option<&mut Names>,
) -> Result<Fields, Fault> {
    let mut cells = Vec::with_capacity(columns.len());
    for (offset, column) in columns {
        let at = first + offset;
        let value = match column.holds {
            Holds::Text | Holds::Time => row.str(at)?.map(Value::text),
            Holds::Boolean => row.bool(at)?.map(Value::bool),
            Holds::Integer => row.int(at)?.map(Value::int),
            Holds::Texts | Holds::Json => {
                row.json(at)?.map(|json| canonical(row, at, json)).transpose()?
            }
        };
        cells.extend(value.map(|value| (FieldName::Borrowed(column.name), value)));
    }
    Ok(Fields::from_row(kind, cells, row.json(extra)?, names))
}

fn canonical<'a>(row: &Row, at: usize, json: &'a str) -> Result<Value<'a>, Fault> {
    Value::decode(json.trim(), 1).map_err(|_| row.spoiled(at, "is nested too deep"))
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
