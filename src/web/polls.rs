//! The list of polls: `/polls`.

use askama::Template;

use super::{
    anchor::Anchor,
    changes::sums,
    context::PageContext,
    failure::PageFailure,
    held::{HeldNotice, all_held},
    message::MessagePage,
    pager::{Pager, PagerStep},
    response::render,
    shell::Shell,
    words,
};
use crate::store::{
    browse::{Reading, polls::SchemaRow},
    row::PollRow,
};

/// The number of polls, or of changes of one poll, on a page.
pub const PAGE: i64 = 60;

#[derive(Template)]
#[template(path = "polls.html")]
struct PollsPage {
    shell: Shell,
    mirror: String,
    total: String,
    held: Vec<HeldNotice>,
    notices: Vec<(String, String, i64)>,
    schema: Vec<(Anchor, String)>,
    lists: Vec<&'static str>,
    rows: Vec<RowView>,
    pager: Option<Pager>,
}

struct RowView {
    number: i64,
    href: String,
    at: String,
    when: String,
    outcome: String,
    class: &'static str,
    /// The number of items in each list.
    listed: Vec<String>,
    sums: Vec<(&'static str, String)>,
    error: String,
    missing: String,
    held: String,
}

/// Renders the list of polls.
pub async fn page(
    context: &PageContext<'_>,
    reading: &mut Reading,
    page: i64,
) -> Result<String, PageFailure> {
    let (account, at) = (&context.account, context.viewpoint.at());
    let offset = (page - 1).saturating_mul(PAGE);
    let (polls, total) = reading.polls(account, at, PAGE, offset).await?;
    let mut notices = reading.notices(account, at).await?;
    // Notices that the API no longer sends are on the pages of their polls.
    let last: Vec<i64> = context.polls.last.iter().map(|poll| poll.poll_id).collect();
    notices.retain(|notice| {
        last.contains(&notice.last_poll) || last.iter().all(|poll| *poll < notice.last_poll)
    });
    let schema = reading.schema_news(account, at).await?;
    let states = reading.asset_states().await?;
    let poll_link = |number: i64| context.poll(number, &[]);
    if polls.is_empty() && page > 1 {
        let text = format!("There is no page {page} of polls.");
        let links = vec![Anchor::new(context.href("/polls", &[]), "The newest polls")];
        return Err(PageFailure::not_found(MessagePage::of(context, "Polls", text), links));
    }
    let pages = (total + PAGE - 1) / PAGE;
    render(&PollsPage {
        shell: Shell::new(context, "Polls"),
        total: words::number(total),
        held: all_held(context, reading).await?,
        notices: notices
            .into_iter()
            .map(|notice| {
                (words::visible(&notice.text), poll_link(notice.first_poll), notice.first_poll)
            })
            .collect(),
        schema: schema
            .iter()
            .map(|(poll, row)| {
                (Anchor::new(poll_link(*poll), format!("poll {poll}")), field_change(row))
            })
            .collect(),
        mirror: mirror(context, &states),
        lists: context.kinds().map(|kind| kind.title).collect(),
        rows: polls.iter().map(|poll| row(context, poll)).collect(),
        pager: Pager::new(page, pages, |page| {
            let parameters = if page > 1 { vec![("page", page.to_string())] } else { vec![] };
            context.href("/polls", &parameters)
        }),
    })
}

/// Returns the CSS class of an outcome.
pub fn class(outcome: &str) -> &'static str {
    match outcome {
        "failed" => "removed",
        "held" => "held",
        _ => "",
    }
}

/// Describes how many pictures and videos the mirror keeps, and how many failed or are gone.
fn mirror(context: &PageContext<'_>, states: &[(String, i64)]) -> String {
    let of = |state: &str| states.iter().find(|(known, _)| known == state).map_or(0, |(_, n)| *n);
    let all: i64 = states.iter().map(|(_, items)| items).sum();
    let others =
        if context.shows_live() { " Others are shown while their links work." } else { "" };
    if of("mirrored") == 0 {
        return format!(
            "The mirror keeps no pictures or videos: with mirror.enabled = true, {} mirror saves \
             them.{others}",
            context.app.settings.program
        );
    }
    let mut text = format!(
        "The mirror keeps {} of {}",
        words::number(of("mirrored")),
        words::counted(all, "picture or video", "pictures and videos")
    );
    for (state, why) in [("failed", "could not be fetched"), ("gone", "gone at HeyGen")] {
        if of(state) > 0 {
            text.push_str(&format!(", {} {why}", words::number(of(state))));
        }
    }
    format!("{text}.{others}")
}

fn row(context: &PageContext<'_>, poll: &PollRow) -> RowView {
    let at = poll.observed_at.or(poll.started_at).unwrap_or(context.now);
    let counts = poll.counts.as_ref();
    let shown = |count: Option<i64>| count.map(words::number).unwrap_or_default();
    RowView {
        number: poll.poll_id,
        href: context.poll(poll.poll_id, &[]),
        at: at.to_string(),
        when: format!("{} {}", words::short_date(at, context.reference()), words::clock(at)),
        outcome: poll.outcome.clone(),
        class: class(&poll.outcome),
        listed: context
            .kinds()
            .map(|kind| shown(counts.and_then(|c| c.listed[kind.index()])))
            .collect(),
        sums: match context.polls.is_first(poll) {
            true => vec![("soft", "the first poll".into())],
            false => sums(poll),
        },
        error: poll.error.as_deref().map(words::visible).unwrap_or_default(),
        missing: shown(counts.map(|counts| counts.missing)),
        held: shown(counts.map(|counts| counts.held)),
    }
}

/// Returns "zoom of avatars appeared (number)".
pub fn field_change(row: &SchemaRow) -> String {
    let types = row.json_type.as_ref().map(|types| format!(" ({types})")).unwrap_or_default();
    format!("{} of {} {}{types}", words::tile_name(&row.field), row.kind.plural, row.change)
}
