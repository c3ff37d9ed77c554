//! The cells of the exports of the timeline and of the front page.

use crate::{
    catalog::cell::Cell,
    web::{chart::Period, numbers::Numbers},
};

pub(super) fn period_cells(period: Period) -> Vec<Cell<'static>> {
    let mut cells = vec![period.from.into(), period.to.into()];
    cells.extend(period.sums.counts().map(|(_, count)| Cell::Int(count)));
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
    let week = week.counts().map(|(name, value)| row(format!("{name}_7d"), Some(value)));
    current.chain(missing).chain(week).collect()
}
