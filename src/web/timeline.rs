//! The timeline: `/timeline`.

use std::time::Duration;

use askama::Template;

use super::{
    anchor::Anchor,
    chart::{self, Chart, Period},
    context::PageContext,
    failure::PageFailure,
    params::By,
    response::render,
    shell::Shell,
    words,
};
use crate::{store::browse::Reading, time::Timestamp};

/// The number of days or weeks that are drawn before the current one.
const DAYS: i64 = 91;
const WEEKS: i64 = 104;

#[derive(Template)]
#[template(path = "timeline.html")]
struct TimelinePage {
    shell: Shell,
    by: [Anchor; 2],
    by_day: bool,
    charts: Charts,
}

/// One timeline, for wide and for narrow windows, and as a table.
pub struct Charts {
    /// Drawn for wide windows.
    pub wide: Chart,
    /// The same, drawn for narrow windows.
    pub narrow: Chart,
    /// The rows of the table, newest first: the link and the sums.
    pub rows: Vec<(Anchor, [String; 4])>,
    /// The text that is shown instead of bars; empty if there are bars.
    pub empty: String,
}

/// Creates the charts of the periods.
pub async fn charts(
    context: &PageContext<'_>,
    reading: &mut Reading,
    periods: &[Period],
) -> Result<Charts, PageFailure> {
    let href = |period: &Period| changes_of(context, period);
    let row = |period: &Period| {
        let sums = period.sums.counts().map(|(_, count)| words::number(count));
        (Anchor::new(href(period), period.label.clone()), sums)
    };
    Ok(Charts {
        wide: chart::chart("wide", periods, 1176, href),
        narrow: chart::chart("narrow", periods, 354, href),
        rows: periods.iter().rev().map(row).collect(),
        empty: empty(context, reading, periods).await?,
    })
}

/// Returns since when nothing was added or removed, as text; empty if something was in these periods.
async fn empty(
    context: &PageContext<'_>,
    reading: &mut Reading,
    periods: &[Period],
) -> Result<String, PageFailure> {
    if periods.iter().any(|period| period.sums.added + period.sums.removed > 0) {
        return Ok(String::new());
    }
    let last = reading.last_addition_or_removal(&context.account, context.reference()).await?;
    Ok(match last {
        Some(at) => format!("Nothing was added or removed since {}.", words::date(at)),
        None => {
            let day = words::date(context.first_poll_at());
            format!("Nothing was added or removed since the first poll on {day}.")
        }
    })
}

fn changes_of(context: &PageContext<'_>, period: &Period) -> String {
    let parameters = [("from", period.from.clone()), ("to", period.to.clone())];
    context.href("/changes", &parameters)
}

/// Renders the page of the timeline.
pub async fn page(
    context: &PageContext<'_>,
    reading: &mut Reading,
    by: By,
) -> Result<String, PageFailure> {
    let periods = periods(context, reading, by).await?;
    render(&TimelinePage {
        shell: Shell::new(context, "Timeline"),
        by: [
            Anchor::new(context.href("/timeline", &[]), "per week"),
            Anchor::new(context.href("/timeline", &[("by", "day".into())]), "per day"),
        ],
        by_day: by == By::Day,
        charts: charts(context, reading, &periods).await?,
    })
}

/// Returns the last periods, from that of the first poll at the earliest.
pub async fn periods(
    context: &PageContext<'_>,
    reading: &mut Reading,
    by: By,
) -> Result<Vec<Period>, PageFailure> {
    let most = if by == By::Day { DAYS } else { WEEKS * 7 };
    let to = context.reference();
    let from = back(to, most).max(words::start_of_day(context.first_poll_at()));
    let days = reading.days(&context.account, from, to.plus(Duration::from_millis(1))).await?;
    Ok(chart::periods(&days, from, to, by, to))
}

/// Returns the start of the day `days` days before `at`.
pub fn back(at: Timestamp, days: i64) -> Timestamp {
    let days = u64::try_from(days).unwrap_or(0);
    words::start_of_day(at).minus(Duration::from_secs(days * 86_400))
}
