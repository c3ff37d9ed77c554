//! `/changes`: the change feed by day and poll.

use askama::Template;

use super::{
    diffs::{ChangeView, Is, folded},
    failure::Failure,
    page::{Context, Shell},
    params::ChangesQuery,
    response::render,
    route::View,
    words,
};
use crate::{
    catalog::kind::Kind,
    store::{
        browse::{Reading, changes::ChangesFilter},
        row::PollRow,
    },
    time::Timestamp,
};

#[derive(Template)]
#[template(path = "changes.html")]
struct Page {
    shell: Shell,
    total: String,
    form: Form,
    polls: Vec<PollView>,
    newest: Option<String>,
    older: Option<String>,
    timeline: String,
    all: String,
}

/// The choices above the feed.
pub struct Form {
    /// Where it leads.
    pub action: String,
    /// What it carries on.
    pub hidden: Vec<(&'static str, String)>,
    /// Value, words, chosen.
    pub kinds: Vec<(&'static str, &'static str, bool)>,
    /// Value, words, chosen.
    pub changes: Vec<(&'static str, &'static str, bool)>,
    /// Value, words, chosen.
    pub fields: Vec<(String, String, bool)>,
    /// The item's id.
    pub id: String,
    /// Days; `None` where there is no choice of time.
    pub days: Option<[String; 2]>,
}

/// A poll and what it changed.
pub struct PollView {
    /// Its number.
    pub number: i64,
    /// Its own page.
    pub href: String,
    /// "Fri, 20 Nov", empty where it is the day of the poll above.
    pub day: String,
    /// As the machine reads it.
    pub at: String,
    /// "05:57".
    pub clock: String,
    /// `+34` and so on.
    pub sums: Vec<(&'static str, String)>,
    /// What changed.
    pub lines: Vec<ChangeView>,
    /// Said instead of lines.
    pub text: String,
}

/// The signs and numbers of a poll.
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

/// The page of the change feed.
pub async fn page(
    context: &Context<'_>,
    reading: &mut Reading,
    query: &ChangesQuery,
) -> Result<String, Failure> {
    let filter = until(&query.filter, context.place.at());
    let (polls, more, total) =
        reading.polls_with_changes(&context.account, &filter, query.before).await?;
    let baseline = |poll: &PollRow| poll.observed_at == context.good.first;
    let whole_news = filter.kind.is_none() && filter.field.is_none() && filter.id.is_none();
    let ids: Vec<i64> = polls
        .iter()
        .filter(|poll| !(baseline(poll) && whole_news))
        .map(|poll| poll.poll_id)
        .collect();
    let lines = reading.lines(&context.account, &ids, &filter).await?;
    let mut day = String::new();
    let mut views = vec![];
    for poll in &polls {
        let at = poll.observed_at.unwrap_or(context.now);
        let own: Vec<_> =
            lines.iter().filter(|line| line.poll_id == poll.poll_id).cloned().collect();
        let today = words::weekday_date(at, context.reference());
        let text = match baseline(poll) && whole_news {
            true => format!(
                "The first poll: {}, which count as no news.",
                words::counted(poll.counts.map_or(0, |counts| counts.added), "item", "items")
            ),
            false => String::new(),
        };
        views.push(PollView {
            number: poll.poll_id,
            href: context.href(&format!("/polls/{}", poll.poll_id), &[]),
            day: if today == day { String::new() } else { today.clone() },
            at: at.to_string(),
            clock: words::clock(at),
            sums: sums(poll),
            lines: folded(context, &own),
            text,
        });
        day = today;
    }
    let turned = |before: Option<i64>| {
        let query = ChangesQuery { before, ..query.clone() };
        context.href("/changes", &query.pairs())
    };
    render(&Page {
        shell: Shell::new(context, &View::Changes, "Changes"),
        total: words::number(total),
        form: form(context, query, "/changes", true),
        newest: query.before.map(|_| turned(None)),
        older: polls.last().filter(|_| more).map(|last| turned(Some(last.poll_id))),
        polls: views,
        timeline: context.href("/timeline", &[]),
        all: context.href("/changes", &[]),
    })
}

/// The filter, no later than `at`.
pub fn until(filter: &ChangesFilter, at: Option<Timestamp>) -> ChangesFilter {
    let end = at.map(|at| at.plus(std::time::Duration::from_millis(1)));
    let until = [filter.until, end].into_iter().flatten().min();
    ChangesFilter { until, ..filter.clone() }
}

/// The choices as a form.
pub fn form(context: &Context<'_>, query: &ChangesQuery, action: &str, days: bool) -> Form {
    let filter = &query.filter;
    let kind = filter.kind.map(Kind::as_str).unwrap_or("");
    let change = filter.change.as_deref().unwrap_or("");
    let chosen = filter.field.clone().unwrap_or_default();
    let mut fields: Vec<String> = vec![String::new()];
    for kind in Kind::ALL {
        fields.extend(kind.columns.iter().map(|column| column.name.to_owned()));
    }
    fields.push(chosen.clone());
    let mut seen = std::collections::BTreeSet::new();
    fields.retain(|field| seen.insert(field.clone()));
    let day = |text: &Option<String>| {
        let at = text.as_deref().and_then(Timestamp::parse);
        at.map(words::day).unwrap_or_default()
    };
    Form {
        action: action.to_owned(),
        hidden: context.place.pairs(),
        kinds: [("", "both"), ("avatar", "avatars"), ("talking_photo", "talking photos")]
            .map(|(value, text)| (value, text, value == kind))
            .to_vec(),
        changes: ["", "added", "changed", "removed", "restored"]
            .map(|value| (value, if value.is_empty() { "any" } else { value }, value == change))
            .to_vec(),
        fields: fields
            .into_iter()
            .map(|field| {
                let text = if field.is_empty() { "any".into() } else { words::tile_name(&field) };
                let is = field == chosen;
                (field, text, is)
            })
            .collect(),
        id: filter.id.clone().unwrap_or_default(),
        days: days.then(|| [day(&query.from), day(&query.to)]),
    }
}
