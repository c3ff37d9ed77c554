//! The change feed by day and poll: `/changes`.

use askama::Template;

use super::{
    change_form::{ChangesForm, form},
    change_views::{ChangeView, folded},
    context::PageContext,
    diffs::Is,
    failure::PageFailure,
    params::ChangesQuery,
    response::render,
    shell::Shell,
    words,
};
use crate::{
    store::{
        browse::{Reading, changes::SharedChange},
        change::ChangeFilter,
        row::PollRow,
    },
    time::Timestamp,
};

#[derive(Template)]
#[template(path = "changes.html")]
struct ChangesPage {
    shell: Shell,
    total: String,
    form: ChangesForm,
    polls: Vec<PollView>,
    newest: Option<String>,
    older: Option<String>,
    timeline: String,
    all: String,
    nothing: &'static str,
}

/// A poll and its changes.
pub struct PollView {
    /// Its number.
    pub number: i64,
    /// The URL of its page.
    pub href: String,
    /// The day, such as "Fri, 20 Nov"; empty if it is the day of the poll above.
    pub day: String,
    /// The time in ISO 8601.
    pub at: String,
    /// The time of day, such as "05:57".
    pub clock: String,
    /// The counts: CSS class, text such as "+34".
    pub sums: Vec<(&'static str, String)>,
    /// Its changes.
    pub lines: Vec<ChangeView>,
    /// A text instead of the changes.
    pub text: String,
}

/// Returns the counts of a poll that are not 0, with their CSS classes and signs.
pub fn sums(poll: &PollRow) -> Vec<(&'static str, String)> {
    let Some(counts) = poll.counts else { return vec![] };
    let all = [
        ("added", "+", counts.added),
        ("changed", "~", counts.changed),
        ("removed", "−", counts.removed),
        ("restored", "↺", counts.restored),
    ];
    let some = all.into_iter().filter(|(_, _, count)| *count > 0);
    some.map(|(class, sign, count)| (class, format!("{sign}{}", words::number(count)))).collect()
}

/// Returns the page of the change feed.
pub async fn page(
    context: &PageContext<'_>,
    reading: &mut Reading,
    query: &ChangesQuery,
) -> Result<String, PageFailure> {
    let filter = until(&query.filter, context.viewpoint.at());
    let (polls, more, total) =
        reading.polls_with_changes(&context.account, &filter, query.before).await?;
    let baseline = |poll: &PollRow| context.polls.is_first(poll);
    let unfiltered = !filter.selects_items();
    let ids: Vec<i64> = polls
        .iter()
        .filter(|poll| !(baseline(poll) && unfiltered))
        .map(|poll| poll.poll_id)
        .collect();
    let changes = reading.shared_changes(&ids, &filter).await?;
    let mut views: Vec<PollView> = vec![];
    let mut day = String::new();
    for poll in &polls {
        let mut view = poll_view(context, poll, &changes);
        if baseline(poll) && unfiltered {
            let added = poll.counts.map_or(0, |counts| counts.added);
            let added = words::counted(added, "item", "items");
            view.text = format!("The first poll: {added}.");
        }
        // The day is shown once.
        if view.day == day {
            view.day.clear();
        } else {
            day.clone_from(&view.day);
        }
        views.push(view);
    }
    let turned = |before: Option<i64>| {
        let query = ChangesQuery { before, ..query.clone() };
        context.href("/changes", &query.pairs())
    };
    render(&ChangesPage {
        shell: Shell::new(context, "Changes"),
        total: words::number(total),
        form: form(context, query, "/changes", true),
        newest: query.before.map(|_| turned(None)),
        older: polls.last().filter(|_| more).map(|last| turned(Some(last.poll_id))),
        polls: views,
        timeline: context.href("/timeline", &[]),
        all: context.href("/changes", &[]),
        nothing: match filter.since.is_some_and(|from| context.polls.newest() < Some(from)) {
            true => {
                "Nothing was polled since then. Keep this address: it shows what is new when you \
                 come back."
            }
            false => "No such changes.",
        },
    })
}

/// Returns the view of a poll and its changes.
fn poll_view(context: &PageContext<'_>, poll: &PollRow, changes: &[SharedChange]) -> PollView {
    let at = poll.observed_at.unwrap_or(context.now);
    let own: Vec<&SharedChange> =
        changes.iter().filter(|change| change.poll_id == poll.poll_id).collect();
    PollView {
        number: poll.poll_id,
        href: context.poll(poll.poll_id, &[]),
        day: words::weekday_date(at, context.reference()),
        at: at.to_string(),
        clock: words::clock(at),
        sums: sums(poll),
        lines: folded(context, &own),
        text: String::new(),
    }
}

/// Returns the filter, restricted to changes not later than `at`.
pub fn until(filter: &ChangeFilter, at: Option<Timestamp>) -> ChangeFilter {
    let end = at.map(|at| at.plus(std::time::Duration::from_millis(1)));
    let until = [filter.until, end].into_iter().flatten().min();
    ChangeFilter { until, ..filter.clone() }
}
