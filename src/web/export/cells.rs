//! The cells of the exports of the timeline and of the front page.

use crate::{
    catalog::cell::Cell,
    store::browse::polls::Day,
    web::{chart::Period, numbers::Numbers},
};

pub(super) fn period_cells(period: Period) -> Vec<Cell<'static>> {
    let Day { day: _, added, changed, removed, restored } = period.sums;
    let mut cells = vec![period.from.into(), period.to.into()];
    cells.extend([added, changed, removed, restored].map(Cell::Int));
    cells
}

/// Returns the measures of the front page. The missing items of a past time are not stored, hence NULL.
pub(super) fn measures(numbers: &Numbers, past: bool) -> Vec<Vec<Cell<'static>>> {
    let week = &numbers.week;
    let row = |name: String, value: Option<i64>| vec![name.into(), value.into()];
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
