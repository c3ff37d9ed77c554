//! The front page: `/`.

use askama::Template;

use super::{
    anchor::Anchor,
    briefs::{BriefView, after_polls, brief_view, vanishing},
    change_views::{ChangeView, folded},
    chart::{self, Period},
    context::PageContext,
    diffs::Is,
    failure::PageFailure,
    held::{HeldNotice, all_held, missing},
    numbers::{HALF_YEAR, Numbers, WEEK, half_year},
    params::By,
    pic::is_compact,
    response::render,
    shell::Shell,
    timeline::{Charts, back, charts},
    words,
};
use crate::{
    catalog::kind::Kind,
    store::{
        browse::{Reading, overview::Lists, polls::Day},
        change::ChangeFilter,
        status::ItemCounts,
    },
    time::Timestamp,
};

/// The number of changed items after which no older polls are read.
const MANY: i64 = 100;
/// A history of fewer days than this has one bar per day.
const SHORT: i64 = 42;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    shell: Shell,
    /// The number of items of each kind.
    current: Vec<Anchor>,
    /// Whether no item was added or removed in the last seven days.
    same_items: bool,
    /// The changes of the last seven days.
    changed: Vec<Anchor>,
    missing: Vec<Anchor>,
    /// "is" or "are", for the missing items.
    verb: &'static str,
    week: &'static str,
    held: Vec<HeldNotice>,
    charts: Charts,
    /// The span of the chart.
    span: String,
    per_day: String,
    q: &'static str,
    hidden: Vec<(&'static str, String)>,
    newest: Vec<BriefView>,
    /// Whether none of the newest items has a picture to show.
    compact: bool,
    all_new: Anchor,
    vanishing: Vec<BriefView>,
    all_missing: Vec<Anchor>,
    at_risk: Vec<Anchor>,
    only_held: bool,
    changes: Vec<(String, ChangeView)>,
    all_changes: Anchor,
}

/// Renders the front page.
pub async fn page(context: &PageContext<'_>, reading: &mut Reading) -> Result<String, PageFailure> {
    let (account, at) = (context.account.as_str(), context.viewpoint.at());
    let days = half_year(context, reading).await?;
    let numbers = Numbers::read(context, reading, &days).await?;
    let lists = reading.front_page(account, at, context.now).await?;
    let changes = changes(context, reading, &lists).await?;
    let all = numbers.missing();
    let total: i64 = all.iter().map(|(_, count)| count).sum();
    let link = |(kind, count): &(Kind, i64)| missing(context, *kind, words::items(*kind, *count));
    let links: Vec<Anchor> = all.iter().map(link).collect();
    // If nothing changed in the last seven days, the newest changes are older: the link has no first day.
    let all_changes = match numbers.week.changed {
        0 => Anchor::new(context.href("/changes", &[("change", "changed".into())]), "All"),
        many => Anchor::new(since(context, "changed"), format!("All {}", words::number(many))),
    };
    let newest: Vec<_> = lists.newest.iter().map(|brief| brief_view(context, brief, "")).collect();
    render(&OverviewPage {
        shell: Shell::new(context, "Overview"),
        current: current(context, &numbers),
        same_items: numbers.week.added + numbers.week.removed == 0,
        changed: week(context, &numbers.week),
        all_missing: match links.as_slice() {
            [one] => vec![Anchor { text: format!("All {}", words::number(total)), ..one.clone() }],
            all => all.to_vec(),
        },
        missing: links,
        verb: if total == 1 { "is" } else { "are" },
        week: if at.is_some() { "In the seven days before" } else { "In the last seven days" },
        held: all_held(context, reading).await?,
        span: span(context),
        charts: charts(context, reading, &half_year_periods(context, &days)).await?,
        per_day: context.href("/timeline", &[("by", "day".into())]),
        q: "",
        hidden: context.viewpoint.pairs(),
        compact: is_compact(newest.iter().map(|brief| &brief.pic)),
        newest,
        all_new: Anchor::new(context.href("/changes", &[("change", "added".into())]), "All"),
        only_held: context.polls.last.iter().all(|poll| after_polls(poll) == 1),
        vanishing: vanishing(context, &lists),
        at_risk: at_risk(context, &lists),
        changes,
        all_changes,
    })
}

/// Returns the link to the changes of one sort in the last seven days.
fn since(context: &PageContext<'_>, change: &str) -> String {
    let from = words::day(back(context.reference(), WEEK));
    context.href("/changes", &[("change", change.to_owned()), ("from", from)])
}

fn current(context: &PageContext<'_>, numbers: &Numbers) -> Vec<Anchor> {
    let link = |(kind, counts): &(Kind, ItemCounts)| {
        Anchor::new(context.href(kind.path, &[]), words::items(*kind, counts.current))
    };
    let polled: Vec<Kind> = context.kinds().collect();
    numbers.counts.iter().filter(|(kind, _)| polled.contains(kind)).map(link).collect()
}

fn week(context: &PageContext<'_>, week: &Day) -> Vec<Anchor> {
    let shown = week.counts().into_iter().filter(|(_, count)| *count > 0);
    let link = |(word, count): (&str, i64)| {
        Anchor::new(since(context, word), format!("{} {word}", words::number(count)))
    };
    shown.map(link).collect()
}

fn at_risk(context: &PageContext<'_>, lists: &Lists) -> Vec<Anchor> {
    let risky = |kind: &Kind| lists.expiring.iter().any(|brief| brief.kind == *kind);
    let link = |kind: Kind| {
        let href = context.href(kind.path, &[("picture", "risk".into())]);
        Anchor::new(href, format!("{} with pictures at risk", words::plural(kind)))
    };
    Kind::ALL.into_iter().filter(risky).map(link).collect()
}

/// Returns the bars of the last half year; a history of a few weeks has one bar per day.
fn half_year_periods(context: &PageContext<'_>, days: &[Day]) -> Vec<Period> {
    let reference = context.reference();
    let first = words::start_of_day(context.first_poll_at());
    let from = back(reference, HALF_YEAR).max(first);
    let by = if from > back(reference, SHORT) { By::Day } else { By::Week };
    chart::periods(days, from, reference, by, reference)
}

/// Returns the span of the chart, as text: half a year, or since the first poll.
fn span(context: &PageContext<'_>) -> String {
    let (reference, first) = (context.reference(), context.first_poll_at());
    match first > back(reference, HALF_YEAR) {
        true => format!("Since {}", words::date(first)),
        false => "The last half year".into(),
    }
}

async fn changes(
    context: &PageContext<'_>,
    reading: &mut Reading,
    lists: &Lists,
) -> Result<Vec<(String, ChangeView)>, PageFailure> {
    let filter = ChangeFilter { change: Some("changed".into()), ..ChangeFilter::default() };
    // Polls older than those with the newest `MANY` changed items are not read.
    let mut seen = 0;
    let enough = |(_, _, items): &&(i64, Timestamp, i64)| {
        let look = seen < MANY;
        seen += items;
        look
    };
    let polls: Vec<&(i64, Timestamp, i64)> = lists.changed.iter().take_while(enough).collect();
    let ids: Vec<i64> = polls.iter().map(|(poll, ..)| *poll).collect();
    let lines = reading.shared_changes(&ids, &filter).await?;
    let mut views = vec![];
    for (poll, at, _) in polls {
        let of_poll: Vec<_> = lines.iter().filter(|line| line.poll_id == *poll).collect();
        let day = words::short_date(*at, context.reference());
        views.extend(folded(context, &of_poll).into_iter().map(|view| (day.clone(), view)));
    }
    views.truncate(4);
    Ok(views)
}
