//! The catalogue's timeline as bars: added above the line, removed below. Pure; own SVG, coloured
//! by the style sheet.

use chrono::{Datelike, Days, NaiveDate};

use super::{params::By, words};
use crate::{store::browse::polls::Day, time::Timestamp};

/// The height of a label, in the units of the picture.
const LABEL: i64 = 14;

/// A day or a week.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Its first day.
    pub from: String,
    /// Its last day.
    pub to: String,
    /// "21 Sep" or "week of 21 Sep".
    pub label: String,
    /// What happened.
    pub sums: Day,
}

/// A bar and its place in the picture.
#[derive(Clone, Debug)]
pub struct Bar {
    /// `added` or `removed`.
    pub class: &'static str,
    /// Place and size, in units of the picture.
    pub x: i64,
    /// Top.
    pub y: i64,
    /// Width.
    pub width: i64,
    /// Height.
    pub height: i64,
}

/// Words in the picture.
#[derive(Clone, Debug)]
pub struct Label {
    /// `axis`, `end` or `note`.
    pub class: &'static str,
    /// Place.
    pub x: i64,
    /// Base line.
    pub y: i64,
    /// The words.
    pub text: String,
}

/// A place to click.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Left edge.
    pub x: i64,
    /// Width.
    pub width: i64,
    /// Where to.
    pub href: String,
    /// What is said of it.
    pub title: String,
}

/// A picture of bars.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Its own id.
    pub id: &'static str,
    /// Width in units.
    pub width: i64,
    /// Height in units.
    pub height: i64,
    /// Where nothing happened.
    pub zero: i64,
    /// Heights of thin lines.
    pub lines: Vec<i64>,
    /// The bars.
    pub bars: Vec<Bar>,
    /// The words.
    pub labels: Vec<Label>,
    /// Places to click.
    pub hits: Vec<Hit>,
    /// One sentence.
    pub summary: String,
}

/// The days from `from` to `to`, both included, as spans that leave none out.
pub fn spans(
    days: &[Day],
    from: Timestamp,
    to: Timestamp,
    by: By,
    reference: Timestamp,
) -> Vec<Span> {
    let first = from.to_chrono().date_naive();
    let last = to.to_chrono().date_naive();
    let mut spans: Vec<Span> = vec![];
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
            sums.added += day.added;
            sums.changed += day.changed;
            sums.removed += day.removed;
            sums.restored += day.restored;
        }
        let label = Timestamp::parse(&from).map(|at| words::short_date(at, reference));
        let label = label.unwrap_or_default();
        let label = if by == By::Day { label } else { format!("week of {label}") };
        spans.push(Span { from, to, label, sums });
        start = next;
    }
    spans
}

fn monday(day: NaiveDate) -> NaiveDate {
    let back = Days::new(day.weekday().num_days_from_monday().into());
    day.checked_sub_days(back).unwrap_or(day)
}

/// Draws the spans; `href` leads to what happened in one.
pub fn chart(
    id: &'static str,
    spans: &[Span],
    width: i64,
    href: impl Fn(&Span) -> String,
) -> Chart {
    let most_added = spans.iter().map(|span| span.sums.added).max().unwrap_or(0);
    let most_removed = spans.iter().map(|span| span.sums.removed).max().unwrap_or(0);
    let (top, above, below) = (18, 118, 30);
    let scale = (most_added.max(1) as f64 / above as f64).max(most_removed as f64 / below as f64);
    let tall = |count: i64| match count {
        0 => 0,
        count => ((count as f64 / scale).round() as i64).max(2),
    };
    let zero = top + above;
    let mut chart = Chart {
        id,
        width,
        height: zero + below + 34,
        zero,
        lines: vec![],
        bars: vec![],
        labels: vec![],
        hits: vec![],
        summary: summary(spans),
    };
    for step in ticks(most_added) {
        let y = zero - tall(step);
        if chart.lines.last().is_some_and(|last| last - y < LABEL) {
            continue;
        }
        chart.lines.push(y);
        chart.labels.push(Label { class: "end", x: width, y: y - 5, text: words::number(step) });
    }
    let slot = width as f64 / spans.len().max(1) as f64;
    let bar = (slot * 0.7).clamp(1.0, 40.0) as i64;
    let mut month = String::new();
    let mut labelled = -44;
    for (at, span) in spans.iter().enumerate() {
        let left = (at as f64 * slot) as i64;
        let x = left + ((slot - bar as f64) / 2.0) as i64;
        let (up, down) = (tall(span.sums.added), tall(span.sums.removed));
        let mut push = |class, y, height| {
            if height > 0 {
                chart.bars.push(Bar { class, x, y, width: bar, height });
            }
        };
        push("added", zero - up, up);
        push("removed", zero + 2, down);
        let name = month_of(&span.from);
        if name != month && at > 0 && left - labelled >= 44 {
            chart.labels.push(Label { class: "axis", x, y: chart.height - 6, text: name.clone() });
            labelled = left;
        }
        month = name;
        chart.hits.push(Hit {
            x: left,
            width: slot.ceil() as i64,
            href: href(span),
            title: told(span),
        });
    }
    for (class, most) in [("added", most_added), ("removed", most_removed)] {
        chart.labels.extend(peak(spans, class, most, slot, bar, zero, &tall, width));
    }
    chart
}

/// The highest bar is said in words beside it.
#[allow(clippy::too_many_arguments)] // one place, in the terms of its only caller
fn peak(
    spans: &[Span],
    class: &'static str,
    most: i64,
    slot: f64,
    bar: i64,
    zero: i64,
    tall: &impl Fn(i64) -> i64,
    width: i64,
) -> Option<Label> {
    let count = |span: &Span| if class == "added" { span.sums.added } else { span.sums.removed };
    let at = spans.iter().position(|span| count(span) == most).filter(|_| most > 1)?;
    let text = format!("{} {class}, {}", words::number(most), spans[at].label);
    let room = text.chars().count() as i64 * 7;
    let right = (at as f64 * slot + (slot + bar as f64) / 2.0) as i64 + 8;
    let left = (at as f64 * slot + (slot - bar as f64) / 2.0) as i64 - 8;
    // Words above or below other bars: clear of the tallest that they pass.
    let reach = (room as f64 / slot).ceil() as usize;
    let tallest = |range: std::ops::Range<usize>| {
        spans[range].iter().map(|span| tall(count(span))).max().unwrap_or(0)
    };
    let clear = |height: i64| match class {
        "added" if height + 18 < tall(most) => (zero - tall(most) + 24).min(zero - height - 6),
        "added" => zero - tall(most) - 4,
        _ => zero + 2 + height.max(8) + 14,
    };
    if right + room <= width - 40 {
        let y = clear(tallest(at + 1..(at + 1 + reach).min(spans.len())));
        Some(Label { class: "note", x: right, y, text })
    } else if left - room >= 0 {
        let y = clear(tallest(at.saturating_sub(reach)..at));
        Some(Label { class: "note last", x: left, y, text })
    } else {
        None
    }
}

/// One or two round numbers below the highest.
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
    [step, step * 2].into_iter().filter(|tick| *tick <= most && most > 1).collect()
}

fn month_of(day: &str) -> String {
    let at = Timestamp::parse(day).map(words::date).unwrap_or_default();
    at.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// "21 Sep: 3 added, 22 removed".
fn told(span: &Span) -> String {
    let sums = &span.sums;
    let parts = [
        ("added", sums.added),
        ("changed", sums.changed),
        ("removed", sums.removed),
        ("restored", sums.restored),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{} {word}", words::number(*count)))
        .collect();
    match said.is_empty() {
        true => format!("{}: nothing", span.label),
        false => format!("{}: {}", span.label, said.join(", ")),
    }
}

fn summary(spans: &[Span]) -> String {
    let sum = |count: fn(&Day) -> i64| {
        words::number(spans.iter().map(|span| count(&span.sums)).sum::<i64>())
    };
    let (from, to) = match (spans.first(), spans.last()) {
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
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn weeks_begin_on_monday_and_leave_no_day_out() {
        let day = |day: &str, added| Day { day: day.into(), added, ..Day::default() };
        let days = [day("2026-11-15", 1), day("2026-11-16", 2), day("2026-11-22", 3)];
        let weeks = spans(&days, at("2026-11-10"), at("2026-11-23"), By::Week, at("2026-11-23"));
        let told: Vec<_> = weeks.iter().map(|w| (w.from.as_str(), w.sums.added)).collect();
        assert_eq!(told, [("2026-11-09", 1), ("2026-11-16", 5), ("2026-11-23", 0)]);
    }

    #[test]
    fn no_bar_leaves_the_picture_whatever_the_numbers() {
        for (added, removed) in
            [(0, 0), (1, 0), (0, 1), (1_000_000, 3), (3, 1_000_000), (i64::MAX / 8, 1)]
        {
            let sums = Day { added, removed, ..Day::default() };
            let span = Span {
                from: "2026-11-23".into(),
                to: "2026-11-23".into(),
                label: "x".into(),
                sums,
            };
            let drawn = chart("c", &[span], 300, |_| String::new());
            for bar in &drawn.bars {
                assert!(
                    bar.y >= 0 && bar.y + bar.height <= drawn.height,
                    "{added} {removed} {bar:?}"
                );
            }
        }
    }

    #[test]
    fn ticks_are_round_numbers_below_the_highest() {
        assert_eq!(ticks(106), [100]);
        assert_eq!(ticks(65), [50]);
        assert_eq!(ticks(5), [5]);
        assert_eq!(ticks(0), Vec::<i64>::new());
    }
}
