//! The answer of each tool, as JSON.

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{
    arguments::{ToolArguments, cursor_after},
    tools::MOST,
};
use crate::{
    answers::{self, Item, PastQuestion, check_ids},
    catalog::{kind::Kind, search::LONGEST},
    error::{Error, Result},
    ids::LookupScope,
    store::{
        Store,
        browse::items::FullItem,
        change::ChangeFilter,
        lookup::Lookup,
        table::{self, Table},
    },
    time::Timestamp,
};

/// How far back `changes` goes by default.
const RECENT: &str = "7d";

/// Returns the answer of the tool with this name.
pub async fn of(
    name: &str,
    store: &mut Store,
    with: &ToolArguments,
    now: Timestamp,
) -> Result<Json> {
    if name != "schema" {
        store.begin_reading().await?;
    }
    if let Some(account) = with.text("account") {
        store.expect_account(account).await?;
    }
    match name {
        "status" => status(store, now).await,
        "search" => search(store, with).await,
        "item" => {
            let id = with.text("id").unwrap_or_default();
            Ok(json!({"states": answers::item(store, id, &scope(with)).await?}))
        }
        "changes" => changes(store, with, now).await,
        "as_of" => as_of(store, with, now).await,
        "check_ids" => as_json(check_ids(store, with.texts("ids"), &scope(with)).await?),
        "schema" => schema(with),
        "query" => query(store, with).await,
        _ => Err(Error::usage(format!("there is no tool {name:?}"))),
    }
}

fn as_json(answer: impl Serialize) -> Result<Json> {
    serde_json::to_value(answer)
        .map_err(|fault| Error::unforeseen(format!("cannot answer: {fault}")))
}

/// Returns every table and view with its columns.
pub fn dictionary() -> Json {
    table::all().map(|table| json!({"name": table.name, "meaning": table.meaning, "columns": columns(table)})).collect()
}

fn columns(table: &Table) -> Json {
    let column = |column: &crate::catalog::column::Column| json!({"name": column.name, "holds": column.holds.as_str(), "meaning": column.meaning});
    table.columns.iter().map(column).collect()
}

fn schema(with: &ToolArguments) -> Result<Json> {
    let Some(name) = with.text("table") else {
        let tables = table::all().map(|one| json!({"name": one.name, "meaning": one.meaning}));
        return Ok(json!({"tables": tables.collect::<Json>()}));
    };
    let found = table::find(name).ok_or_else(|| {
        let names: Vec<&str> = table::all().map(|one| one.name).collect();
        Error::usage(format!("there is no table {name:?}; there are {}", names.join(", ")))
    })?;
    Ok(json!({"name": found.name, "meaning": found.meaning, "columns": columns(found)}))
}

async fn status(store: &mut Store, now: Timestamp) -> Result<Json> {
    let engine = if store.location().file().is_some() { "sqlite" } else { "postgresql" };
    let catalogues = answers::status(store).await?;
    Ok(json!({"now": now, "engine": engine, "catalogues": catalogues}))
}

async fn search(store: &mut Store, with: &ToolArguments) -> Result<Json> {
    let limit = with.limit();
    if with.text("text").is_some_and(|text| text.len() > LONGEST) {
        return Err(Error::usage(format!("text: give at most {LONGEST} bytes")));
    }
    let (first, mut after) = match with.cursor()? {
        Some((kind, account, id)) => (Some(kind), Some((account, id))),
        None => (None, None),
    };
    let facets = with.values("facets");
    let kinds: Vec<Kind> = with.kinds().collect();
    let mut items: Vec<FullItem> = vec![];
    // A kind that lacks a requested column has no such item.
    let fits = |kind: &Kind| facets.iter().all(|(name, _)| kind.column(name).is_some());
    let fitting: Vec<Kind> = kinds.iter().copied().filter(|kind| fits(kind)).collect();
    let searched_kinds = if fitting.is_empty() { kinds } else { fitting };
    for kind in searched_kinds.into_iter().filter(|kind| first.is_none_or(|first| *kind >= first)) {
        let wanted = Lookup {
            text: with.text("text").map(str::to_owned),
            account: with.text("account").map(str::to_owned),
            values: facets.clone(),
            removed: with.flag("removed"),
            after: after.take(),
            limit: limit + 1 - items.len(),
        };
        items.extend(store.look_up(kind, &wanted).await?);
        if items.len() > limit {
            break;
        }
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more);
    let next = next.map(|item| cursor_after(item.kind, &item.account, &item.id));
    let items: Vec<Item> = items.into_iter().map(Item::from).collect();
    Ok(json!({"items": items, "next_cursor": next}))
}

fn scope(with: &ToolArguments) -> LookupScope {
    LookupScope { kind: with.kind(), account: with.text("account").map(str::to_owned) }
}

async fn changes(store: &mut Store, with: &ToolArguments, now: Timestamp) -> Result<Json> {
    let since = with.time("since", now)?.or_else(|| Timestamp::parse_relative(RECENT, now));
    let limit = with.limit();
    let filter = ChangeFilter {
        since,
        until: with.time("until", now)?,
        kind: with.kind(),
        change: with.text("change").map(str::to_owned),
        id: with.text("id").map(str::to_owned),
        field: None,
    };
    let mut rows = vec![];
    let keep = |row| {
        rows.push(row);
        Ok(())
    };
    store.changes(with.text("account"), &filter, Some(limit as i64 + 1), keep).await?;
    let more = rows.len() > limit;
    if more {
        rows.remove(0);
    }
    Ok(json!({"since": since, "changes": rows, "older_left_out": more}))
}

async fn as_of(store: &mut Store, with: &ToolArguments, now: Timestamp) -> Result<Json> {
    let time = with.time("time", now)?.unwrap_or(now);
    if time > now {
        return Err(Error::usage(format!("{time} is in the future: it is {now}")));
    }
    let id = with.text("id").map(str::to_owned);
    let (scope, after, limit) = (scope(with), with.cursor()?, with.limit());
    let question = PastQuestion { time, scope, id, after, limit };
    as_json(answers::as_of(store, &question, cursor_after).await?)
}

/// The most bytes of a query's rows.
const MOST_BYTES: usize = 256 * 1024;

async fn query(store: &mut Store, with: &ToolArguments) -> Result<Json> {
    let limit = with.limit_or(MOST);
    let mut rows = store.select(with.text("sql").unwrap_or_default(), limit + 1).await?;
    let mut truncated = rows.len() > limit;
    rows.truncate(limit);
    let mut bytes = 0;
    let fitting = rows.iter().take_while(|row| {
        bytes += row.values().map(|value| value.to_string().len()).sum::<usize>();
        bytes <= MOST_BYTES
    });
    let fitting = fitting.count();
    truncated |= fitting < rows.len();
    rows.truncate(fitting);
    Ok(json!({"rows": rows, "truncated": truncated}))
}
