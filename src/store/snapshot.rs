//! Reads from the tables what the diff compares an answer with.

use std::collections::BTreeMap;

use sqlx::SqlSafeStr;

use super::{
    bulk::AT_ONCE,
    conn::{Arg, Columns, Conn, Fault, Row},
    held::held_until,
    open::Store,
    statements,
    table::EXTRA,
};
use crate::{
    catalog::{
        catalogue::Catalogue,
        column::Holds,
        diff::{GoodPoll, Snapshot, SnapshotItem, SnapshotList},
        fingerprint::Fingerprint,
        item::{FieldName, Fields, Names},
        json_out::json_texts,
        kind::{ByKind, Kind},
        links::{StoredLink, StoredLinks},
        recognition::{KnownItems, LeftOut, Recognised, Recognition},
        record::SignedUrl,
        schema::{self, FieldEvent, Schema, SchemaChange, Types},
        value::Value,
    },
    error::Result,
    time::{DAY, Timestamp},
};

impl Store {
    /// Reads the snapshot of an account's catalogue for a poll at `now` that carries out a removal after
    /// `after_polls`, without what is `left_out`; in the poll's transaction if one is open.
    pub async fn snapshot(
        &mut self,
        account: &str,
        catalogue: Catalogue,
        left_out: &LeftOut,
        after_polls: u32,
        now: Timestamp,
    ) -> Result<Snapshot> {
        if !self.in_transaction {
            self.begin_reading().await?;
        }
        let read = read(&mut self.conn, account, catalogue, left_out, after_polls, now).await;
        // Also after a fault: the next account begins a transaction of its own.
        let ended = match self.in_transaction {
            true => Ok(()),
            false => self.end_reading().await,
        };
        let snapshot = read.map_err(|fault| self.storage_error("read", &fault))?;
        ended.map(|()| snapshot)
    }

    /// Reads what the records of an answer received by `until` may be recognised by; with `unsigned`,
    /// previews without a signature are wanted, too. It is valid as long as the account's lock is held.
    pub async fn recognition(
        &mut self,
        account: &str,
        catalogue: Option<Catalogue>,
        until: Timestamp,
        unsigned: bool,
    ) -> Result<Recognition> {
        self.begin_apart().await?;
        let known = recognition(&mut self.conn, account, catalogue, until, unsigned).await;
        self.end_apart(known).await
    }
}

async fn recognition(
    conn: &mut Conn,
    account: &str,
    catalogue: Option<Catalogue>,
    until: Timestamp,
    unsigned: bool,
) -> Result<Recognition, Fault> {
    let mut known = Recognition {
        takes_fingerprints: true,
        unsigned,
        links_until: Some(until),
        ..Recognition::default()
    };
    for kind in Kind::ALL.into_iter().filter(|kind| catalogue.is_none_or(|of| kind.catalogue == of))
    {
        let (mut items, mut places) = (KnownItems::default(), None);
        conn.each(statements::fingerprints(kind), &[account.into()], |row| {
            let [id, fingerprint] = row.places(&mut places, [kind.id, "fingerprint"])?;
            items.insert(row.some_text(id)?, row.str(fingerprint)?.and_then(Fingerprint::parse));
            Ok(())
        })
        .await?;
        known.items.insert(kind, items);
    }
    if known.items.values().any(|items| !items.is_empty()) {
        known.links = links(conn, until, None).await?;
    }
    Ok(known)
}

async fn read(
    conn: &mut Conn,
    account: &str,
    catalogue: Catalogue,
    left_out: &LeftOut,
    after_polls: u32,
    now: Timestamp,
) -> Result<Snapshot, Fault> {
    let enough = i64::from(after_polls.max(1));
    let args = [account.into(), catalogue.as_str().into(), enough.into()];
    let good = conn.all(statements::RECENT_GOOD, &args, good_poll).await?;
    let Some(last_good) = good.first() else {
        let links = links(conn, now, None).await?;
        return Ok(Snapshot { links, ..Snapshot::default() });
    };
    let mut listed_before = BTreeMap::new();
    for kind in Kind::of(catalogue) {
        for row in conn.rows(statements::listed_before(kind), &[account.into()]).await? {
            listed_before.insert(row.some_time("missing_since")?, good_poll(&row)?);
        }
    }
    let args = [account.into(), catalogue.as_str().into()];
    let mut schemas = folded(conn, statements::SCHEMA_CHANGES, &args).await?;
    let mut lists = ByKind::new();
    for kind in Kind::of(catalogue) {
        let schema = schemas.remove(&kind).unwrap_or_default();
        let items = items(conn, account, kind, left_out.lists.get(&kind)).await?;
        lists.insert(kind, SnapshotList { items, schema });
    }
    Ok(Snapshot {
        held_until: held_until(conn, account, catalogue).await?,
        last_good: Some(last_good.clone()),
        recent_good: good.iter().map(|poll| poll.observed_at).collect(),
        listed_before,
        lists,
        links: links(conn, now, left_out.urls.as_deref()).await?,
    })
}

fn good_poll(row: &Row) -> Result<GoodPoll, Fault> {
    Ok(GoodPoll {
        observed_at: row.some_time("observed_at")?,
        api_version: row.text("api_version")?.unwrap_or_default(),
        from_file: row.text("trigger")?.as_deref() == Some("file"),
    })
}

/// Reads all items but those whose records are recognised.
async fn items(
    conn: &mut Conn,
    account: &str,
    kind: Kind,
    left_out: Option<&Recognised>,
) -> Result<Vec<SnapshotItem>, Fault> {
    let (mut items, mut names, mut places) = (vec![], Names::default(), None);
    let own = OwnColumns::of(kind);
    let mut each = |row: Row| {
        let columns = [kind.id, "version", "missing_since", "removed", "fingerprint"];
        let [id, version, missing, removed, fingerprint] = row.places(&mut places, columns)?;
        items.push(SnapshotItem {
            id: row.some_text(id)?,
            version: row.some_int(version)?,
            missing_since: row.time(missing)?,
            removed: row.bool(removed)?.unwrap_or(false),
            has_fingerprint: row.str(fingerprint)?.and_then(Fingerprint::parse).is_some(),
            fields: own.fields(&row, Some(&mut names))?,
        });
        Ok(())
    };
    match left_out.filter(|recognised| !recognised.ids.is_empty()) {
        None => conn.each(statements::items(kind), &[account.into()], each).await?,
        Some(recognised) => {
            for ids in recognised.others(kind).chunks(AT_ONCE) {
                let args = [account.into(), Arg::Json(Some(json_texts(ids).into()))];
                let of = statements::items_of(conn.engine(), kind);
                conn.each(of, &args, &mut each).await?;
            }
        }
    }
    items.shrink_to_fit();
    // Sorted here: in the order of its key, the engine would fetch each row separately.
    items.sort_unstable_by(|a: &SnapshotItem, b| a.id.cmp(&b.id));
    Ok(items)
}

/// The columns of the fields of a kind's items, in the rows of one statement.
pub(super) struct OwnColumns {
    pub kind: Kind,
    /// Sorted by name like the fields of an item.
    columns: Columns,
}

impl OwnColumns {
    pub fn of(kind: Kind) -> Self {
        let mut columns = kind.columns.to_vec();
        columns.sort_by_key(|column| column.name);
        let columns = columns.into_iter().map(|column| (column.name, column.holds));
        Self { kind, columns: Columns::of(columns) }
    }

    pub fn fields(&self, row: &Row, names: Option<&mut Names>) -> Result<Fields, Fault> {
        let mut cells = Vec::with_capacity(self.kind.columns.len());
        for &(name, holds, at) in self.columns.within(row)? {
            let value = match holds {
                Holds::Text | Holds::Time => row.str(at)?.map(Value::text),
                Holds::Boolean => row.bool(at)?.map(Value::bool),
                Holds::Integer => row.int(at)?.map(Value::int),
                Holds::Texts | Holds::Json => {
                    row.json(at)?.map(|json| canonical(row, at, json)).transpose()?
                }
            };
            cells.extend(value.map(|value| (FieldName::Borrowed(name), value)));
        }
        Ok(Fields::from_row(self.kind, cells, row.json(EXTRA.name)?, names))
    }
}

fn canonical<'a>(row: &Row, at: usize, json: &'a str) -> Result<Value<'a>, Fault> {
    Value::decode(json.trim(), 1).map_err(|_| row.bad_value(at, "is nested too deep"))
}

/// Returns the schema of each list, folded from the schema changes that `sql` selects in the form of
/// [`statements::SCHEMA_CHANGES`].
pub(super) async fn folded(
    conn: &mut Conn,
    sql: impl SqlSafeStr,
    args: &[Arg<'_>],
) -> Result<ByKind<Schema>, Fault> {
    let mut schemas = ByKind::<Schema>::new();
    conn.each(sql, args, |row| {
        let kind = Kind::parse(&row.some_text("kind")?);
        let kind = kind.ok_or_else(|| row.bad_value("kind", "is no kind"))?;
        let change = SchemaChange {
            field: kind.field(&row.some_text("field")?),
            change: FieldEvent::parse(&row.some_text("change")?)
                .ok_or_else(|| row.bad_value("change", "is no change"))?,
            types: row.text("json_type")?.map(|text| Types::parse(&text)).unwrap_or_default(),
            example: None,
        };
        schema::fold(schemas.entry(kind).or_default(), &change, row.some_time("observed_at")?);
        Ok(())
    })
    .await?;
    Ok(schemas)
}

/// Reads the stored links, or only those with these URLs.
async fn links(
    conn: &mut Conn,
    now: Timestamp,
    urls: Option<&[String]>,
) -> Result<StoredLinks, Fault> {
    let (mut links, mut places) = (StoredLinks::default(), None);
    let mut each = |row: Row| {
        let columns = ["url", "signed", "expires_at", "signed_url"];
        let [url, signed, expires_at, signed_url] = row.places(&mut places, columns)?;
        let link = StoredLink {
            signed: row.bool(signed)?.unwrap_or(false),
            expires_at: row.time(expires_at)?,
            signed_url: row.text(signed_url)?.map(SignedUrl::new),
        };
        links.insert(row.some_text(url)?, link);
        Ok(())
    };
    let until = now.plus(DAY);
    let Some(urls) = urls else {
        conn.each(statements::LINKS, &[until.into()], each).await?;
        return Ok(links);
    };
    for some in urls.chunks(AT_ONCE) {
        let args = [until.into(), Arg::Json(Some(json_texts(some).into()))];
        conn.each(statements::links_of(conn.engine()), &args, &mut each).await?;
    }
    Ok(links)
}
