//! The columns of each export, and a row's cells in their order.

use super::rows::ExportCell;
use crate::{
    catalog::{item::Fields, kind::Kind},
    store::{
        browse::{item::ItemVersion, items::FullItem, polls::Day},
        query::ChangeRow,
        row::PollRow,
        search::FoundItem,
        table::POLLS,
    },
    web::{chart::Period, numbers::Numbers},
};

pub(super) fn item_columns(kind: Kind) -> Vec<&'static str> {
    let mut columns = vec!["account", kind.id];
    columns.extend(kind.columns.iter().map(|column| column.name));
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

fn own_cells(kind: Kind, fields: &Fields) -> Vec<ExportCell> {
    let own = kind.columns.iter().map(|column| fields.cell(column).into());
    let mut cells: Vec<ExportCell> = own.collect();
    cells.push(fields.extra(kind).map_or(ExportCell::Null, ExportCell::Json));
    cells
}

pub(super) fn item_cells(item: &FullItem) -> Vec<ExportCell> {
    let mut cells = vec![ExportCell::Text(item.account.clone()), ExportCell::Text(item.id.clone())];
    cells.extend(own_cells(item.kind, &item.fields));
    cells.push(ExportCell::Int(item.version));
    let times = [
        Some(item.valid_from),
        Some(item.first_seen_at),
        Some(item.changed_at),
        item.missing_since,
        item.removed_at,
    ];
    cells.extend(times.map(ExportCell::from));
    cells
}

pub(super) fn version_columns(kind: Kind) -> Vec<&'static str> {
    let mut columns = vec![
        "account",
        kind.id,
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
    columns.extend(kind.columns.iter().map(|column| column.name));
    columns.push("extra");
    columns
}

pub(super) fn version_cells(
    kind: Kind,
    account: &str,
    id: &str,
    version: &ItemVersion,
) -> Vec<ExportCell> {
    let mut cells = vec![
        ExportCell::Text(account.to_owned()),
        ExportCell::Text(id.to_owned()),
        ExportCell::Int(version.version),
        Some(version.valid_from).into(),
        version.valid_to.into(),
        ExportCell::Text(version.opened_by.as_str().to_owned()),
        version.closed_by.clone().into(),
        ExportCell::Int(version.opened_poll),
        version.closed_poll.into(),
        version.opened_after.into(),
        version.closed_after.into(),
    ];
    cells.extend(own_cells(kind, &version.fields));
    cells
}

pub(super) fn change_cells(row: ChangeRow) -> Vec<ExportCell> {
    vec![
        ExportCell::Int(row.poll_id),
        Some(row.observed_at).into(),
        row.previous_poll_at.into(),
        ExportCell::Text(row.account),
        ExportCell::Text(row.kind),
        ExportCell::Text(row.item_id),
        row.name.into(),
        ExportCell::Text(row.change),
        row.field.into(),
        row.old_value.into(),
        row.new_value.into(),
    ]
}

pub(super) fn found_cells(found: FoundItem) -> Vec<ExportCell> {
    let state = found.state().to_owned();
    vec![
        ExportCell::Text(found.account),
        ExportCell::Text(found.kind.as_str().to_owned()),
        ExportCell::Text(found.id),
        found.name.into(),
        ExportCell::Text(state),
        found.missing_since.into(),
    ]
}

pub(super) fn poll_columns() -> Vec<&'static str> {
    POLLS.columns.iter().map(|column| column.name).collect()
}

pub(super) fn poll_cells(row: PollRow) -> Vec<ExportCell> {
    row.pairs().map(|(_, cell)| cell.into()).collect()
}

pub(super) fn period_cells(period: Period) -> Vec<ExportCell> {
    let Day { day: _, added, changed, removed, restored } = period.sums;
    let mut cells = vec![ExportCell::Text(period.from), ExportCell::Text(period.to)];
    cells.extend([added, changed, removed, restored].map(ExportCell::Int));
    cells
}

/// Returns the measures of the front page. The missing items of a past time are not stored, hence NULL.
pub(super) fn measures(numbers: &Numbers, past: bool) -> Vec<Vec<ExportCell>> {
    let week = &numbers.week;
    let row = |name: String, value: Option<i64>| vec![ExportCell::Text(name), value.into()];
    let counts = numbers.counts.iter();
    let current = counts.clone().map(|(kind, counts)| row(kind.table.into(), Some(counts.current)));
    let missing = counts.map(|(kind, counts)| {
        row(format!("{}_missing", kind.table), Some(counts.missing).filter(|_| !past))
    });
    let week = [
        ("added_7d", week.added),
        ("changed_7d", week.changed),
        ("removed_7d", week.removed),
        ("restored_7d", week.restored),
    ];
    let week = week.map(|(name, value)| row(name.into(), Some(value)));
    current.chain(missing).chain(week).collect()
}
