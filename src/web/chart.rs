//! The timeline as bars in SVG: added items above the line, removed ones below. Pure.

use chrono::{Datelike, Days, NaiveDate};

use super::{params::By, words};
use crate::{store::browse::polls::Day, time::Timestamp};

/// The height of a label in units of the SVG.
const LABEL: i64 = 14;

/// A day or a week.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// Its first day.
    pub from: String,
    /// Its last day.
    pub to: String,
    /// Its label: "21 Sep" or "week of 21 Sep".
    pub label: String,
    /// The label of its first day: "21 Sep".
    pub first: String,
    /// Its changes.
    pub sums: Day,
}

/// A bar and its position in the SVG.
#[derive(Clone, Debug)]
pub struct ChartBar {
    /// `added` or `removed`.
    pub class: &'static str,
    /// The left edge; this and the other sizes are in units of the SVG.
    pub x: i64,
    /// The top edge.
    pub y: i64,
    /// The width.
    pub width: i64,
    /// The height.
    pub height: i64,
}

/// A text in the SVG.
#[derive(Clone, Debug)]
pub struct Label {
    /// The CSS class: `axis` or `note`, and `end` if the text ends at `x`.
    pub class: &'static str,
    /// The horizontal position at which it begins or ends.
    pub x: i64,
    /// The baseline.
    pub y: i64,
    /// The text.
    pub text: String,
}

/// An area with a link.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The left edge.
    pub x: i64,
    /// The width.
    pub width: i64,
    /// The URL.
    pub href: String,
    /// The tooltip.
    pub title: String,
}

/// An SVG of bars.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The prefix of its ids in the page.
    pub id: &'static str,
    /// Width in units.
    pub width: i64,
    /// Height in units.
    pub height: i64,
    /// The vertical position of the line between added and removed.
    pub zero: i64,
    /// The vertical positions of thin lines.
    pub lines: Vec<i64>,
    /// The bars.
    pub bars: Vec<ChartBar>,
    /// The texts.
    pub labels: Vec<Label>,
    /// The areas with links.
    pub hits: Vec<Hit>,
    /// A summary in one sentence.
    pub summary: String,
}

/// Returns the periods from `from` to `to`, both included, without gaps.
pub fn periods(
    days: &[Day],
    from: Timestamp,
    to: Timestamp,
    by: By,
    reference: Timestamp,
) -> Vec<Period> {
    let first = from.to_chrono().date_naive();
    let last = to.to_chrono().date_naive();
    let mut all: Vec<Period> = vec![];
    let mut start = match by {
        By::Day => first,
        By::Week => monday(first),
    };
    let step = Days::new(if by == By::Day { 1 } else { 7 });
    while start <= last {
        let Some(next) = start.checked_add_days(step) else { break };
        let end = next.pred_opt().unwrap_or(start);
        let (from, to) = (start.to_string(), end.to_string());
        let mut sums = Day { day: from.clone(), ..Day::default() };
        for day in days.iter().filter(|day| day.day >= from && day.day <= to) {
            sums.add(day);
        }
        let label = Timestamp::parse(&from).map(|at| words::short_date(at, reference));
        let first = label.unwrap_or_default();
        let label = if by == By::Day { first.clone() } else { format!("week of {first}") };
        all.push(Period { from, to, label, first, sums });
        start = next;
    }
    all
}

fn monday(day: NaiveDate) -> NaiveDate {
    let back = Days::new(day.weekday().num_days_from_monday().into());
    day.checked_sub_days(back).unwrap_or(day)
}

/// The geometry of a chart in units of the SVG.
struct Geometry {
    width: i64,
    /// The vertical position of the line between added and removed.
    zero: i64,
    /// The width of a period.
    slot: f64,
    /// The width of a bar.
    bar: i64,
    /// The number of items for each unit of height.
    scale: f64,
}

/// The height of the labels at the top; [`ABOVE`] and [`BELOW`] are those of the bars.
const TOP: i64 = 18;
/// The maximum width of a period, so that the bars of few periods are not too wide.
const WIDEST: f64 = 56.0;
/// If there are more periods than this, the axis is labelled by month.
const MANY: usize = 24;
/// The minimum distance between the labels below the bars.
const APART: i64 = 58;
const ABOVE: i64 = 118;
const BELOW: i64 = 30;

impl Geometry {
    fn new(periods: &[Period], width: i64) -> Self {
        let [added, removed] = [ADDED, REMOVED].map(|series| most(periods, series));
        let slot = (width as f64 / periods.len().max(1) as f64).min(WIDEST);
        Self {
            width,
            zero: TOP + ABOVE,
            slot,
            bar: (slot * 0.7).clamp(1.0, 40.0) as i64,
            scale: (added.max(1) as f64 / ABOVE as f64).max(removed as f64 / BELOW as f64),
        }
    }

    /// Returns the height of a bar: at least two units unless `count` is 0.
    fn bar_height(&self, count: i64) -> i64 {
        match count {
            0 => 0,
            count => ((count as f64 / self.scale).round() as i64).max(2),
        }
    }
}

/// A series of bars: its CSS class, and its number of items in a period.
type Series = (&'static str, fn(&Period) -> i64);
const ADDED: Series = ("added", |period| period.sums.added);
const REMOVED: Series = ("removed", |period| period.sums.removed);

fn most(periods: &[Period], (_, count): Series) -> i64 {
    periods.iter().map(count).max().unwrap_or(0)
}

/// Draws the periods; `href` returns the link of a period.
pub fn chart(
    id: &'static str,
    periods: &[Period],
    width: i64,
    href: impl Fn(&Period) -> String,
) -> Chart {
    let geometry = Geometry::new(periods, width);
    let zero = geometry.zero;
    let mut chart = Chart {
        id,
        width,
        height: zero + BELOW + 34,
        zero,
        lines: vec![],
        bars: vec![],
        labels: vec![],
        hits: vec![],
        summary: summary(periods),
    };
    draw_lines(&mut chart, &geometry, most(periods, ADDED));
    for (at, period) in periods.iter().enumerate() {
        let left = (at as f64 * geometry.slot) as i64;
        let x = left + ((geometry.slot - geometry.bar as f64) / 2.0) as i64;
        let (up, down) =
            (geometry.bar_height(period.sums.added), geometry.bar_height(period.sums.removed));
        let bars = [("added", zero - up, up), ("removed", zero + 2, down)];
        for (class, y, height) in bars.into_iter().filter(|(_, _, height)| *height > 0) {
            chart.bars.push(ChartBar { class, x, y, width: geometry.bar, height });
        }
        chart.hits.push(Hit {
            x: left,
            width: geometry.slot.ceil() as i64,
            href: href(period),
            title: title(period),
        });
    }
    draw_axis(&mut chart, &geometry, periods);
    chart.labels.extend([ADDED, REMOVED].iter().filter_map(|one| peak(periods, *one, &geometry)));
    chart
}

/// Draws labels below the bars: days if there are few periods, else months; the first is always a day.
fn draw_axis(chart: &mut Chart, geometry: &Geometry, periods: &[Period]) {
    let by_month = periods.len() > MANY;
    let mut free = 0;
    let mut month = String::new();
    for (at, period) in periods.iter().enumerate() {
        let left = (at as f64 * geometry.slot) as i64;
        let x = left + ((geometry.slot - geometry.bar as f64) / 2.0) as i64;
        let name = Timestamp::parse(&period.from).map(words::month).unwrap_or_default();
        let text = if by_month && at > 0 { name.clone() } else { period.first.clone() };
        let is_new = at == 0 || !by_month || name != month;
        month = name;
        if is_new && left >= free && x + APART / 2 < geometry.width {
            chart.labels.push(Label { class: "axis", x, y: chart.height - 6, text });
            free = left + APART;
        }
    }
}

/// Draws thin lines at round numbers.
fn draw_lines(chart: &mut Chart, geometry: &Geometry, most: i64) {
    for step in ticks(most) {
        let y = chart.zero - geometry.bar_height(step);
        if chart.lines.last().is_some_and(|last| last - y < LABEL) {
            continue;
        }
        chart.lines.push(y);
        let text = words::number(step);
        chart.labels.push(Label { class: "end", x: chart.width, y: y - 5, text });
    }
}

/// Returns the label beside the tallest bar of a series.
fn peak(periods: &[Period], series: Series, geometry: &Geometry) -> Option<Label> {
    let (class, count) = series;
    let Geometry { width, zero, slot, bar, .. } = *geometry;
    let most = most(periods, series);
    let at = periods.iter().position(|period| count(period) == most).filter(|_| most > 1)?;
    let text = format!("{} {class}, {}", words::number(most), periods[at].label);
    let room = text.chars().count() as i64 * 7;
    let right = (at as f64 * slot + (slot + bar as f64) / 2.0) as i64 + 8;
    let left = (at as f64 * slot + (slot - bar as f64) / 2.0) as i64 - 8;
    // The label must not touch the bars beside it.
    let reach = (room as f64 / slot).ceil() as usize;
    let tallest = |range: std::ops::Range<usize>| {
        periods[range].iter().map(|period| geometry.bar_height(count(period))).max().unwrap_or(0)
    };
    let own = geometry.bar_height(most);
    let clear = |height: i64| match class {
        "added" if height + 18 < own => (zero - own + 24).min(zero - height - 6),
        "added" => zero - own - 4,
        _ => zero + 2 + height.max(8) + 14,
    };
    if right + room <= width - 40 {
        let y = clear(tallest(at + 1..(at + 1 + reach).min(periods.len())));
        Some(Label { class: "note", x: right, y, text })
    } else if left - room >= 0 {
        let y = clear(tallest(at.saturating_sub(reach)..at));
        Some(Label { class: "note end", x: left, y, text })
    } else {
        None
    }
}

/// Returns up to two round numbers that are not greater than `most`.
fn ticks(most: i64) -> Vec<i64> {
    let mut step = 1;
    let mut turn = [2, 5, 10].iter().cycle();
    let mut base = 1;
    while step * 2 < most {
        let factor = *turn.next().unwrap_or(&10);
        step = base * factor;
        if factor == 10 {
            base *= 10;
        }
    }
    [step, step * 2].into_iter().filter(|tick| *tick <= most).collect()
}

/// Returns a text such as "21 Sep: 3 added, 22 removed".
fn title(period: &Period) -> String {
    let counts = period.sums.counts().into_iter().filter(|(_, count)| *count > 0);
    let shown = counts.map(|(word, count)| format!("{} {word}", words::number(count)));
    let shown: Vec<String> = shown.collect();
    match shown.is_empty() {
        true => format!("{}: nothing", period.label),
        false => format!("{}: {}", period.label, shown.join(", ")),
    }
}

fn summary(periods: &[Period]) -> String {
    let sum = |count: fn(&Day) -> i64| {
        words::number(periods.iter().map(|period| count(&period.sums)).sum::<i64>())
    };
    let (from, to) = match (periods.first(), periods.last()) {
        (Some(first), Some(last)) => (first.from.as_str(), last.to.as_str()),
        _ => return "Nothing yet.".into(),
    };
    let day = |text: &str| Timestamp::parse(text).map(words::date).unwrap_or_default();
    format!(
        "From {} to {}: {} added, {} removed.",
        day(from),
        day(to),
        sum(|day| day.added),
        sum(|day| day.removed)
    )
}

#[cfg(test)]
mod tests;
