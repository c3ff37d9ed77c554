//! The columns of each export, and a row's cells in their order.

use super::rows::Cell;
use crate::{
    catalog::item::{Fields, Holds, Kind},
    store::{
        browse::{item::ItemVersion, items::FullItem, polls::Day},
        query::ChangeRow,
        row::{Counts, PollRow},
    },
    web::{chart::Span, overview::Numbers},
};

pub(super) fn item_columns(kind: Kind) -> Vec<&'static str> {
    let mut columns = vec!["account", kind.id_field()];
    columns.extend(kind.columns().iter().map(|column| column.name));
    columns.extend([
        "extra",
        "version",
        "valid_from",
        "first_seen_at",
        "changed_at",
        "missing_since",
        "removed_at",
    ]);
    columns
}

fn own_cells(kind: Kind, fields: &Fields) -> Vec<Cell> {
    let mut cells: Vec<Cell> = kind
        .columns()
        .iter()
        .map(|column| match (column.holds, fields.cell(column)) {
            (_, None) => Cell::Null,
            (Holds::Bool, Some(value)) => Cell::Bool(value.as_bool() == Some(true)),
            (Holds::Text, Some(value)) => Cell::Text(value.into_cell().into_owned()),
            (Holds::Texts, Some(value)) => Cell::Json(value.into_cell().into_owned()),
        })
        .collect();
    cells.push(fields.extra(kind).map_or(Cell::Null, Cell::Json));
    cells
}

pub(super) fn item_cells(item: &FullItem) -> Vec<Cell> {
    let mut cells = vec![Cell::Text(item.account.clone()), Cell::Text(item.id.clone())];
    cells.extend(own_cells(item.kind, &item.fields));
    cells.push(Cell::Int(item.version));
    let times = [
        Some(item.valid_from),
        Some(item.first_seen_at),
        Some(item.changed_at),
        item.missing_since,
        item.removed_at,
    ];
    cells.extend(times.map(Cell::from));
    cells
}

pub(super) fn version_columns(kind: Kind) -> Vec<&'static str> {
    let mut columns = vec![
        "account",
        kind.id_field(),
        "version",
        "valid_from",
        "valid_to",
        "opened_by",
        "closed_by",
        "opened_poll",
        "closed_poll",
        "opened_after",
        "closed_after",
    ];
    columns.extend(kind.columns().iter().map(|column| column.name));
    columns.push("extra");
    columns
}

pub(super) fn version_cells(
    kind: Kind,
    account: &str,
    id: &str,
    version: &ItemVersion,
) -> Vec<Cell> {
    let mut cells = vec![
        Cell::Text(account.to_owned()),
        Cell::Text(id.to_owned()),
        Cell::Int(version.version),
        Some(version.valid_from).into(),
        version.valid_to.into(),
        Cell::Text(version.opened_by.as_str().to_owned()),
        version.closed_by.clone().into(),
        Cell::Int(version.opened_poll),
        version.closed_poll.into(),
        version.opened_after.into(),
        version.closed_after.into(),
    ];
    cells.extend(own_cells(kind, &version.fields));
    cells
}

pub(super) fn change_cells(row: ChangeRow) -> Vec<Cell> {
    vec![
        Cell::Int(row.poll_id),
        Some(row.observed_at).into(),
        row.previous_poll_at.into(),
        Cell::Text(row.account),
        Cell::Text(row.kind),
        Cell::Text(row.item_id),
        row.name.into(),
        Cell::Text(row.change),
        row.field.into(),
        row.old_value.into(),
        row.new_value.into(),
    ]
}

pub(super) fn poll_columns() -> Vec<&'static str> {
    let counts = Counts::default().columns().map(|(name, _)| name);
    let mut columns = vec![
        "poll_id",
        "account",
        "trigger",
        "api_version",
        "source",
        "started_at",
        "observed_at",
        "finished_at",
        "outcome",
    ];
    columns.extend(counts);
    columns.extend([
        "held_reason",
        "policy",
        "http_status",
        "request_id",
        "response_bytes",
        "response_sha256",
        "warning",
        "superseded",
        "error",
        "host",
        "tool_version",
        "digest",
    ]);
    columns
}

pub(super) fn poll_cells(row: PollRow) -> Vec<Cell> {
    let mut cells = vec![
        Cell::Int(row.poll_id),
        Cell::Text(row.account),
        Cell::Text(row.trigger),
        row.api_version.into(),
        row.source.into(),
        row.started_at.into(),
        row.observed_at.into(),
        row.finished_at.into(),
        Cell::Text(row.outcome),
    ];
    let known = row.counts.is_some();
    let counts = row.counts.unwrap_or_default().columns();
    cells.extend(counts.map(|(_, count)| if known { Cell::Int(count) } else { Cell::Null }));
    cells.extend([
        row.held_reason.into(),
        row.policy.map_or(Cell::Null, Cell::Json),
        row.http_status.into(),
        row.request_id.into(),
        row.response_bytes.into(),
        row.response_sha256.into(),
        row.warning.into(),
        Cell::Bool(row.superseded),
        row.error.into(),
        row.host.into(),
        row.tool_version.into(),
        row.digest.into(),
    ]);
    cells
}

pub(super) fn span_cells(span: Span) -> Vec<Cell> {
    let Day { day: _, added, changed, removed, restored } = span.sums;
    let mut cells = vec![Cell::Text(span.from), Cell::Text(span.to)];
    cells.extend([added, changed, removed, restored].map(Cell::Int));
    cells
}

/// Who was missing in the past is not kept.
pub(super) fn measures(numbers: &Numbers, past: bool) -> Vec<Vec<Cell>> {
    let all = [
        ("avatars", numbers.current[0]),
        ("talking_photos", numbers.current[1]),
        ("avatars_missing", numbers.missing[0]),
        ("talking_photos_missing", numbers.missing[1]),
        ("added_7d", numbers.week.added),
        ("changed_7d", numbers.week.changed),
        ("removed_7d", numbers.week.removed),
        ("restored_7d", numbers.week.restored),
    ];
    let row = |(name, value): (&str, i64)| {
        let unknown = past && name.ends_with("_missing");
        let value = if unknown { Cell::Null } else { Cell::Int(value) };
        vec![Cell::Text(name.into()), value]
    };
    all.map(row).into()
}
