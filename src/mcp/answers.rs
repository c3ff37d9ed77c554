//! What each tool answers, as JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::{
    arguments::{Arguments, cursor_after},
    tools::MOST,
};
use crate::{
    catalog::{catalogue::Catalogue, item::Fields, kind::Kind, search::LONGEST},
    error::{Error, Result},
    ids::{Asked, Scope, Verdict, check, not_usable},
    store::{
        Store,
        export::{ItemState, Moment, Snapshot},
        lookup::{Item, Lookup},
        query::{CatalogueStatus, ChangeFilter, ChangeRow, Version},
        table::{self, Table},
    },
    time::Timestamp,
};

/// How far back `changes` goes unless it is asked for more.
const RECENT: &str = "7d";

/// The answer of the tool of this name.
pub async fn of(name: &str, store: &mut Store, with: &Arguments, now: Timestamp) -> Result<Json> {
    if !matches!(name, "schema" | "as_of" | "query") {
        store.begin_reading().await?;
    }
    if let Some(account) = with.text("account").filter(|_| name != "as_of") {
        store.expect_account(account).await?;
    }
    match name {
        "status" => status(store, now).await,
        "search" => search(store, with).await,
        "item" => item(store, with).await,
        "changes" => changes(store, with, now).await,
        "as_of" => as_of(store, with, now).await,
        "check_ids" => check_ids(store, with).await,
        "schema" => schema(with),
        "query" => query(store, with).await,
        _ => Err(Error::usage(format!("there is no tool {name:?}"))),
    }
}

/// Every table and view with its columns.
pub fn dictionary() -> Json {
    table::all().map(|table| json!({"name": table.name, "meaning": table.meaning, "columns": columns(table)})).collect()
}

fn columns(table: &Table) -> Json {
    let column = |column: &crate::catalog::column::Column| json!({"name": column.name, "holds": column.holds.as_str(), "meaning": column.meaning});
    table.columns.iter().map(column).collect()
}

fn schema(with: &Arguments) -> Result<Json> {
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
    let accounts = store.status().await?;
    let catalogues: Json = accounts.iter().map(catalogue).collect();
    Ok(json!({"now": now.to_string(), "engine": engine, "catalogues": catalogues}))
}

fn catalogue(status: &CatalogueStatus) -> Json {
    let counts = status.items.iter().map(|(kind, items)| {
        let counts = json!({
            "current": items.current, "missing": items.missing, "removed": items.removed,
        });
        (kind.as_str().to_owned(), counts)
    });
    let good = status.last_good.as_ref();
    json!({
        "account": status.account,
        "catalogue": status.catalogue.as_str(),
        "last_poll_outcome": status.last.outcome,
        "last_poll_error": status.last.error,
        "last_good_poll_at": good.and_then(|poll| poll.observed_at).map(|at| at.to_string()),
        "failed_polls_since": status.failed_since,
        "api_version": status.last.api_version,
        "items": Map::from_iter(counts),
        "removals_held": status.held.map(|held| held.count()),
        "held_reason": good.and_then(|poll| poll.held_reason.as_deref()),
        "api_warning": status.last.warning,
    })
}

async fn search(store: &mut Store, with: &Arguments) -> Result<Json> {
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
    let mut items: Vec<(Kind, Item)> = vec![];
    // A kind without a column that is asked for has no such item.
    let fits = |kind: &Kind| facets.iter().all(|(name, _)| kind.column(name).is_some());
    let fitting: Vec<Kind> = kinds.iter().copied().filter(|kind| fits(kind)).collect();
    let asked = if fitting.is_empty() { kinds } else { fitting };
    for kind in asked.into_iter().filter(|kind| first.is_none_or(|first| *kind >= first)) {
        let wanted = Lookup {
            text: with.text("text").map(str::to_owned),
            account: with.text("account").map(str::to_owned),
            values: facets.clone(),
            removed: with.flag("removed"),
            after: after.take(),
            limit: limit + 1 - items.len(),
        };
        items.extend(store.look_up(kind, &wanted).await?.into_iter().map(|item| (kind, item)));
        if items.len() > limit {
            break;
        }
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more);
    let next = next.map(|(kind, item)| cursor_after(*kind, &item.account, &item.id));
    let items: Json = items.iter().map(|(kind, item)| found(*kind, item)).collect();
    Ok(json!({"items": items, "next_cursor": next}))
}

fn found(kind: Kind, item: &Item) -> Json {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "kind": kind.as_str(),
        "id": item.id,
        "name": item.fields.name(kind),
        "account": item.account,
        "first_seen_at": item.first_seen_at.to_string(),
        "changed_at": item.changed_at.to_string(),
        "missing_since": time(item.missing_since),
        "removed_at": time(item.removed_at),
        "fields": values(&item.fields),
    })
}

fn values(fields: &Fields) -> Json {
    serde_json::from_str(&fields.to_json()).unwrap_or_default()
}

fn scope(with: &Arguments) -> Scope {
    Scope { kind: with.kind(), account: with.text("account").map(str::to_owned) }
}

async fn item(store: &mut Store, with: &Arguments) -> Result<Json> {
    let id = with.text("id").unwrap_or_default();
    let asked = vec![Asked { id: id.to_owned(), ..Asked::default() }];
    let states = check(store, asked, &scope(with)).await?;
    let versions = store.versions(id, with.kind(), with.text("account")).await?;
    let states = states.into_iter().map(|verdict| {
        let mut state = self::verdict(&verdict);
        let known = verdict.known.as_ref();
        let own = versions.iter().filter(|version| {
            known.is_some_and(|item| item.account == version.account && item.kind == version.kind)
        });
        let own: Vec<&Version> = own.collect();
        if let Some(last) = own.last() {
            let links = last.kind.previews.iter().map(|preview| preview.field);
            let links = links.map(|field| (field.to_owned(), last.fields.text(field).into()));
            state["links"] = Json::Object(links.collect());
            state["fields"] = values(&last.fields);
        }
        let before = [None].into_iter().chain(own.iter().copied().map(Some));
        state["history"] =
            own.iter().zip(before).map(|(one, before)| version(one, before)).collect();
        state
    });
    Ok(json!({"states": states.collect::<Json>()}))
}

/// A version, with what differs from the one before it as `[before, after]`.
fn version(version: &Version, before: Option<&Version>) -> Json {
    let changes = before.map(|before| {
        let (old, new) = (values(&before.fields), values(&version.fields));
        let (old, new) = (old.as_object().cloned(), new.as_object().cloned());
        let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
        let mut changes = BTreeMap::new();
        for name in old.keys().chain(new.keys()) {
            if old.get(name) != new.get(name) {
                changes.insert(name.clone(), json!([old.get(name), new.get(name)]));
            }
        }
        changes
    });
    json!({
        "version": version.version,
        "valid_from": version.valid_from.to_string(),
        "valid_to": version.valid_to.map(|at| at.to_string()),
        "opened_by": version.opened_by.as_str(),
        "closed_by": version.closed_by,
        "changes": changes,
    })
}

async fn changes(store: &mut Store, with: &Arguments, now: Timestamp) -> Result<Json> {
    let since = with.time("since", now)?.or_else(|| Timestamp::parse_relative(RECENT, now));
    let limit = with.limit();
    let filter = ChangeFilter {
        since,
        until: with.time("until", now)?,
        kind: with.kind(),
        change: with.text("change").map(str::to_owned),
        account: with.text("account").map(str::to_owned),
        id: with.text("id").map(str::to_owned),
        limit: Some(limit as i64 + 1),
    };
    let mut rows = vec![];
    store
        .changes(&filter, |row| {
            rows.push(change(&row));
            Ok(())
        })
        .await?;
    let more = rows.len() > limit;
    if more {
        rows.remove(0);
    }
    Ok(json!({"since": since.map(|at| at.to_string()), "changes": rows, "older_left_out": more}))
}

fn change(row: &ChangeRow) -> Json {
    json!({
        "poll_id": row.poll_id,
        "observed_at": row.observed_at.to_string(),
        "previous_poll_at": row.previous_poll_at.map(|at| at.to_string()),
        "account": row.account,
        "kind": row.kind,
        "id": row.item_id,
        "name": row.name,
        "change": row.change,
        "field": row.field,
        "old_value": row.old_value,
        "new_value": row.new_value,
    })
}

async fn as_of(store: &mut Store, with: &Arguments, now: Timestamp) -> Result<Json> {
    let time = with.time("time", now)?.unwrap_or(now);
    if time > now {
        return Err(Error::usage(format!("{time} is in the future: it is {now}")));
    }
    if let Some(account) = with.text("account") {
        store.expect_account(account).await?;
    }
    let mut snapshot = store.snapshot().await?;
    let mut accounts = snapshot.accounts().await?;
    if let Some(account) = with.text("account") {
        accounts.retain(|name| name == account);
    }
    let mut listed = vec![];
    for account in accounts {
        for catalogue in Catalogue::ALL {
            let was_read = snapshot.first_good(&account, catalogue).await?.is_some();
            if was_read || catalogue == Catalogue::default() {
                listed.push((account.clone(), catalogue));
            }
        }
    }
    let mut all = vec![];
    let mut page = Page { after: with.cursor()?, left: with.limit(), last: None, next: None };
    for (account, catalogue) in listed {
        let answer = match snapshot.moment(&account, catalogue, time).await? {
            None => json!({
                "account": account,
                "catalogue": catalogue.as_str(),
                "known": false,
                "why": "unknown: no poll of this catalogue was good by then",
                "first_good_poll_at": snapshot.first_good(&account, catalogue).await?.map(|at| at.to_string()),
            }),
            Some(moment) => at_moment(&mut snapshot, with, &moment, &mut page).await?,
        };
        all.push(answer);
    }
    snapshot.end().await?;
    Ok(json!({"time": time.to_string(), "accounts": all, "next_cursor": page.next}))
}

/// What is still to be shown.
struct Page {
    /// Only what comes after this item.
    after: Option<(Kind, String, String)>,
    left: usize,
    /// The last one that is shown.
    last: Option<(Kind, String, String)>,
    next: Option<String>,
}

async fn at_moment(
    snapshot: &mut Snapshot<'_>,
    with: &Arguments,
    moment: &Moment,
    page: &mut Page,
) -> Result<Json> {
    let (mut items, mut counts) = (vec![], Map::new());
    let kinds = with.kinds();
    for kind in kinds.filter(|kind| kind.catalogue == moment.catalogue) {
        if let Some(id) = with.text("id") {
            let item = snapshot.item(kind, moment, id).await?;
            items.extend(item.map(|item| state_then(kind, &item)));
            continue;
        }
        let mut count = 0;
        snapshot
            .items(kind, moment, |item| {
                count += 1;
                let key = (moment.account.as_str(), kind, item.id.as_str());
                let is_new = page
                    .after
                    .as_ref()
                    .is_none_or(|(kind, account, id)| key > (account.as_str(), *kind, id.as_str()));
                if !is_new || page.next.is_some() {
                    return Ok(());
                }
                if page.left == 0 {
                    let last = page.last.as_ref();
                    page.next = last.map(|(kind, account, id)| cursor_after(*kind, account, id));
                    return Ok(());
                }
                page.left -= 1;
                items.push(state_then(kind, &item));
                page.last = Some((kind, moment.account.clone(), item.id));
                Ok(())
            })
            .await?;
        counts.insert(kind.as_str().into(), count.into());
    }
    let was_listed = !items.is_empty();
    let mut answer = json!({
        "account": moment.account,
        "catalogue": moment.catalogue.as_str(),
        "known": true,
        "as_of_poll_at": moment.observed_at.to_string(),
        "certain": "as of as_of_poll_at; what happened between it and next_good_poll_at is unknown",
        "next_good_poll_at": moment.next.map(|at| at.to_string()),
        "failed_polls_after": moment.failed,
        "listed": counts,
        "items": items,
    });
    if let Some(id) = with.text("id") {
        answer["listed_then"] = was_listed.into();
        answer["id"] = id.into();
    }
    Ok(answer)
}

fn state_then(kind: Kind, item: &ItemState) -> Json {
    json!({
        "kind": kind.as_str(),
        "id": item.id,
        "name": item.fields.name(kind),
        "version": item.version,
        "valid_from": item.valid_from.to_string(),
        "fields": values(&item.fields),
    })
}

async fn check_ids(store: &mut Store, with: &Arguments) -> Result<Json> {
    let asked = with.texts("ids").into_iter().map(|id| Asked { id, ..Asked::default() }).collect();
    let verdicts = check(store, asked, &scope(with)).await?;
    let bad = not_usable(&verdicts);
    let states: Json = verdicts.iter().map(verdict).collect();
    Ok(json!({"all_usable": bad.is_empty(), "not_usable": bad, "states": states}))
}

fn verdict(verdict: &Verdict) -> Json {
    let known = verdict.known.as_ref();
    let engines = known.and_then(|item| item.supported_api_engines.as_ref());
    let engines: Json =
        engines.map_or(Json::Null, |engines| serde_json::from_str(&engines.0).unwrap_or_default());
    json!({
        "id": verdict.asked.id,
        "state": verdict.state.as_str(),
        "usable": verdict.passes,
        "kind": known.map(|item| item.kind.as_str()),
        "account": known.map(|item| &item.account),
        "since": verdict.since.map(|at| at.to_string()),
        "name": known.and_then(|item| item.name.as_ref()),
        "status": known.and_then(|item| item.status.as_ref()),
        "supported_api_engines": engines,
        "group_id": known.and_then(|item| item.group_id.as_ref()),
        "instead": verdict.instead,
    })
}

/// The most bytes of a query's rows.
const MOST_BYTES: usize = 256 * 1024;

async fn query(store: &mut Store, with: &Arguments) -> Result<Json> {
    store.begin_reading().await?;
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
