//! `/timeline`: the chart alone, with its table.

use std::time::Duration;

use askama::Template;

use super::{
    chart::{self, Chart, Span},
    failure::Failure,
    page::{Context, Link, Shell},
    params::By,
    response::render,
    route::View,
    words,
};
use crate::{
    store::browse::{Reading, polls::Day},
    time::Timestamp,
};

/// So many days or weeks are drawn.
const DAYS: i64 = 91;
const WEEKS: i64 = 104;

#[derive(Template)]
#[template(path = "timeline.html")]
struct Page {
    shell: Shell,
    by: [Link; 2],
    by_day: bool,
    charts: Charts,
}

/// One timeline, for wide and for narrow windows, and as a table.
pub struct Charts {
    /// Drawn for wide windows.
    pub wide: Chart,
    /// The newest part, for narrow ones.
    pub narrow: Chart,
    /// Newest first: link, and the sums.
    pub rows: Vec<(Link, [String; 4])>,
}

/// The charts of the spans; the narrow one shows the last `few`.
pub fn charts(context: &Context<'_>, spans: &[Span], few: usize) -> Charts {
    let href = |span: &Span| changes_of(context, span);
    let last = &spans[spans.len().saturating_sub(few)..];
    let row = |span: &Span| {
        let Day { day: _, added, changed, removed, restored } = &span.sums;
        let sums = [added, changed, removed, restored].map(|count| words::number(*count));
        (Link::new(href(span), span.label.clone()), sums)
    };
    Charts {
        wide: chart::chart("wide", spans, 1176, href),
        narrow: chart::chart("narrow", last, 354, href),
        rows: spans.iter().rev().map(row).collect(),
    }
}

fn changes_of(context: &Context<'_>, span: &Span) -> String {
    let own = [("from", span.from.clone()), ("to", span.to.clone())];
    context.href("/changes", &own)
}

/// The timeline's page.
pub async fn page(context: &Context<'_>, reading: &mut Reading, by: By) -> Result<String, Failure> {
    let spans = spans(context, reading, by).await?;
    let few = if by == By::Day { 31 } else { 26 };
    render(&Page {
        shell: Shell::new(context, &View::Timeline, "Timeline"),
        by: [
            Link::new(context.href("/timeline", &[]), "per week"),
            Link::new(context.href("/timeline", &[("by", "day".into())]), "per day"),
        ],
        by_day: by == By::Day,
        charts: charts(context, &spans, few),
    })
}

/// What happened from the first poll on, at most so many spans.
pub async fn spans(
    context: &Context<'_>,
    reading: &mut Reading,
    by: By,
) -> Result<Vec<Span>, Failure> {
    let most = if by == By::Day { DAYS } else { WEEKS * 7 };
    let to = context.reference();
    let from = back(to, most).max(words::start_of_day(context.first_poll_at()));
    let days = reading.days(&context.account, from, to.plus(Duration::from_millis(1))).await?;
    Ok(chart::spans(&days, from, to, by, to))
}

/// So many days ago, at midnight.
pub fn back(at: Timestamp, days: i64) -> Timestamp {
    let days = u64::try_from(days).unwrap_or(0);
    words::start_of_day(at).minus(Duration::from_secs(days * 86_400))
}
