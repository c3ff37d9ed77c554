//! The views.

use std::sync::LazyLock;

use super::tables::{
    ACCOUNT, CHANGED_AT, FIELD, FIRST_SEEN_AT, ID, KIND, LIST, MISSING_SINCE, REMOVED_AT, Table,
    assets, items,
};
use crate::{
    catalog::{
        column::{Column, Holds::*},
        kind::Kind,
    },
    store::{change::ChangeRow, record::RowType},
};

/// Every view.
pub static VIEWS: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let mut all: Vec<Table> = Kind::ALL.map(current).into();
    all.extend([all_items(), changes(), daily_changes(), fields(), expiring_assets()]);
    all
});

/// The view `changes`.
pub static CHANGES: LazyLock<Table> = LazyLock::new(changes);

/// The items of a kind that are not removed.
fn current(kind: Kind) -> Table {
    let mut columns = items(kind).columns;
    for column in &mut columns {
        column.meaning = match column.name {
            "missing_since" => {
                "observed_at of the first poll in a row without it; null while it is listed"
            }
            "removed_at" => "always null here",
            _ => column.meaning,
        };
    }
    columns.push(Column::new(
        "last_listed_at",
        Time,
        "observed_at of the last poll that listed it",
    ));
    for preview in kind.previews.iter().filter(|preview| kind.column(preview.field).is_some()) {
        columns.extend([preview.link, preview.expires_at, preview.file]);
    }
    columns.extend(kind.looked_up);
    Table {
        name: kind.current,
        meaning: format!(
            "the {} that are not removed, with their working links and mirrored files",
            kind.plural
        ),
        columns,
        order: vec!["account", kind.id],
        internal: &[],
    }
}

/// The items of every kind in one list.
fn all_items() -> Table {
    Table::new(
        "items",
        "every item of every kind ever seen, in its last known state",
        &["account", "kind", "item_id"],
        [
            ACCOUNT,
            KIND,
            Column::new("item_id", Text, ID),
            Column::new("name", Text, "name as the API gave it; not unique"),
            Column::new("state", Text, "listed, missing (not removed yet) or removed").required(),
            Column::new(
                "group_id",
                Text,
                "avatar group of a look; own id of an avatar group; null for a voice",
            ),
            FIRST_SEEN_AT,
            CHANGED_AT,
            MISSING_SINCE,
            REMOVED_AT,
        ],
    )
}

fn changes() -> Table {
    let mut columns = vec![];
    ChangeRow::columns(&mut columns);
    let meaning = "change feed: one row per item added, removed or restored and per changed field";
    Table::new("changes", meaning, &[], columns)
}

fn daily_changes() -> Table {
    Table::new(
        "daily_changes",
        "number of distinct items added, changed, removed and restored per day",
        &["day", "account", "kind"],
        [
            Column::new("day", Text, "day in UTC, as text 2026-11-23; cast it with day::date"),
            ACCOUNT,
            KIND,
            Column::new("added", Integer, "items added").required(),
            Column::new("changed", Integer, "items changed").required(),
            Column::new("removed", Integer, "items removed").required(),
            Column::new("restored", Integer, "removed items that were listed again").required(),
        ],
    )
}

fn fields() -> Table {
    Table::new(
        "fields",
        "every field ever in a list; still in it if vanished_at is null or before carried_since",
        &["account", "kind", "field"],
        [
            ACCOUNT,
            LIST,
            FIELD,
            Column::new(
                "json_type",
                Text,
                "last known JSON types of its non-null values, joined by |; null if none was seen",
            ),
            Column::new("carried_since", Time, "when it last appeared"),
            Column::new("vanished_at", Time, "when it last vanished; null if it never did"),
        ],
    )
}

fn expiring_assets() -> Table {
    let columns = assets().columns.into_iter().filter_map(|column| {
        let meaning = match column.name {
            "url" | "role" | "attempts" | "next_attempt_at" | "last_error" => column.meaning,
            "signed_url" => "signed link from the API: a credential until it expires",
            "expires_at" => "when signed_url expires; null if unknown, which counts as expired",
            "state" => "pending, failed (is retried), gone or skipped",
            _ => return None,
        };
        Some(Column { meaning, required: column.required || column.name == "signed_url", ..column })
    });
    Table::new(
        "expiring_assets",
        "signed previews that are not mirrored, the soonest to expire first",
        &["url"],
        columns.collect::<Vec<_>>(),
    )
}
