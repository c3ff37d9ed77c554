//! `/polls` and `/polls/{n}`: what was polled, what was held back, what the API said.

use askama::Template;

use super::{
    changes::{self, Form, sums},
    diffs::{Is, Mark, inline, sign},
    failure::Failure,
    page::{Context, Link, Message, Pager, Shell, Step},
    params::{ChangesQuery, Place},
    response::render,
    route::{View, item_path},
    words,
};
use crate::{
    catalog::{cell::Cell, kind::Kind},
    store::{
        browse::{
            Reading,
            polls::{NearPoll, SchemaRow},
        },
        query::ChangeRow,
        record::Record,
        row::{Counts, PollRow},
    },
};

/// So many polls, or changes of one, stand on a page.
const PAGE: i64 = 60;

#[derive(Template)]
#[template(path = "polls.html")]
struct Page {
    shell: Shell,
    total: String,
    held: Option<Held>,
    notices: Vec<(String, String, i64)>,
    schema: Vec<(Link, String)>,
    rows: Vec<RowView>,
    pager: Option<Pager>,
}

/// Removals that are held back, and how to let them through.
pub struct Held {
    /// How many.
    pub count: String,
    /// Why.
    pub reason: String,
    /// The poll.
    pub poll: i64,
    /// The missing items.
    pub which: Vec<Link>,
    /// The command; none where later polls have judged anew.
    pub command: Option<String>,
}

struct RowView {
    number: i64,
    href: String,
    at: String,
    when: String,
    outcome: String,
    class: &'static str,
    avatars: String,
    photos: String,
    sums: Vec<(&'static str, String)>,
    error: String,
    missing: String,
    held: String,
}

#[derive(Template)]
#[template(path = "poll.html")]
struct One {
    shell: Shell,
    polls: String,
    number: i64,
    class: &'static str,
    outcome: String,
    when: String,
    at: String,
    newer: Option<String>,
    older: Option<String>,
    held: Option<Held>,
    facts: Vec<(String, String)>,
    schema: Vec<(String, String)>,
    total: String,
    form: Form,
    rows: Vec<ChangeRowView>,
    pager: Option<Pager>,
}

struct ChangeRowView {
    href: String,
    name: String,
    id: String,
    sign: &'static str,
    word: String,
    field: String,
    marks: Vec<Mark>,
}

/// What the poll held back; of the last good one, as long as it is that, also the very command that
/// lets it through.
pub fn held(context: &Context<'_>, poll: &PollRow) -> Option<Held> {
    let count = poll.counts.map(|counts| counts.held).filter(|held| *held > 0)?;
    let reason = poll.held_reason.clone().unwrap_or_default();
    // The reason names the lists that are held; both stand where it names none.
    let named: Vec<Kind> =
        Kind::ALL.into_iter().filter(|kind| reason.contains(kind.plural)).collect();
    let kinds = if named.is_empty() { Kind::ALL.to_vec() } else { named };
    let missing = |kind: Kind| {
        let own = vec![("listed", "missing".to_owned())];
        Link::new(
            context.href(super::route::list_path(kind), &own),
            format!("missing {}", kind.plural),
        )
    };
    let last = context.place.as_of.is_none() && poll.poll_id == context.good.row.poll_id;
    // A saved response is polled again from its file: without it this would ask the API.
    let from = match (poll.trigger.as_str(), &poll.source) {
        ("file", Some(name)) => format!(" --from {}", shell_word(name)),
        _ => String::new(),
    };
    let stdin = if from == " --from -" { " < FILE" } else { "" };
    let account = match context.accounts.len() > 1 || context.account != "default" {
        true => format!(" --account {}", shell_word(&context.account)),
        false => String::new(),
    };
    Some(Held {
        count: words::number(count),
        reason,
        poll: poll.poll_id,
        which: if last { kinds.into_iter().map(missing).collect() } else { vec![] },
        command: last.then(|| {
            format!(
                "{} sync{account}{from} --accept-removals={count}{stdin}",
                context.app.settings.program
            )
        }),
    })
}

/// A word as a shell takes it.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:@/".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// The list of polls.
pub async fn page(
    context: &Context<'_>,
    reading: &mut Reading,
    page: i64,
) -> Result<String, Failure> {
    let (account, at) = (&context.account, context.place.at());
    let offset = (page - 1).saturating_mul(PAGE);
    let (polls, total) = reading.polls(account, at, PAGE, offset).await?;
    let mut notices = reading.notices(account, at).await?;
    // What the API no longer says stands with its poll.
    notices.retain(|notice| notice.last_poll >= context.good.row.poll_id);
    let schema = reading.schema_news(account, at).await?;
    let poll_link = |number: i64| context.href(&format!("/polls/{number}"), &[]);
    if polls.is_empty() && page > 1 {
        let text = format!("There is no page {page} of polls.");
        let mut message = Message::new(&context.place, "Polls", text);
        message.links = vec![Link::new(context.href("/polls", &[]), "The newest polls")];
        return Err(Failure::NotFound(Box::new(message)));
    }
    let pages = (total + PAGE - 1) / PAGE;
    render(&Page {
        shell: Shell::new(context, &View::Polls, "Polls"),
        total: words::number(total),
        held: held(context, &context.good.row),
        notices: notices
            .into_iter()
            .map(|notice| {
                (words::visible(&notice.text), poll_link(notice.first_poll), notice.first_poll)
            })
            .collect(),
        schema: schema
            .iter()
            .map(|(poll, row)| (Link::new(poll_link(*poll), format!("poll {poll}")), told(row)))
            .collect(),
        rows: polls.iter().map(|poll| row(context, poll)).collect(),
        pager: Pager::new(page, pages, |page| {
            let own = if page > 1 { vec![("page", page.to_string())] } else { vec![] };
            context.href("/polls", &own)
        }),
    })
}

fn class(outcome: &str) -> &'static str {
    match outcome {
        "failed" => "removed",
        "held" => "held",
        _ => "",
    }
}

fn row(context: &Context<'_>, poll: &PollRow) -> RowView {
    let at = poll.observed_at.or(poll.started_at).unwrap_or(context.now);
    let count = |of: fn(&crate::store::row::Counts) -> i64| {
        poll.counts.as_ref().map(of).map(words::number).unwrap_or_default()
    };
    RowView {
        number: poll.poll_id,
        href: context.href(&format!("/polls/{}", poll.poll_id), &[]),
        at: at.to_string(),
        when: format!("{} {}", words::short_date(at, context.reference()), words::clock(at)),
        outcome: poll.outcome.clone(),
        class: class(&poll.outcome),
        avatars: count(|counts| counts.listed(Kind::AVATAR)),
        photos: count(|counts| counts.listed(Kind::TALKING_PHOTO)),
        sums: match poll.observed_at == context.good.first && !poll.failed() {
            true => vec![("soft", "the first poll".into())],
            false => sums(poll),
        },
        error: poll.error.as_deref().map(words::visible).unwrap_or_default(),
        missing: count(|counts| counts.missing),
        held: count(|counts| counts.held),
    }
}

fn told(row: &SchemaRow) -> String {
    let types = row.json_type.as_ref().map(|types| format!(" ({types})")).unwrap_or_default();
    format!("{} of {} {}{types}", words::tile_name(&row.field), row.kind.plural, row.change)
}

/// The poll at the place; one of another account stands under that account.
pub async fn find(
    context: &Context<'_>,
    reading: &mut Reading,
    number: i64,
) -> Result<NearPoll, Failure> {
    match reading.poll(number, context.place.at()).await? {
        Some(near) if near.row.account == context.account => Ok(near),
        Some(near) if context.place.account.is_none() => Err(Failure::OfAccount(near.row.account)),
        _ => {
            let text = format!("There is no poll {number} here.");
            let mut message = Message::new(&context.place, "No such poll", text);
            message.links = vec![Link::new(context.href("/polls", &[]), "All polls")];
            if context.place.as_of.is_some() && reading.poll(number, None).await?.is_some() {
                let now = Place { as_of: None, ..context.place.clone() };
                message
                    .links
                    .push(Link::new(now.href(&format!("/polls/{number}"), &[]), "Look now"));
            }
            Err(Failure::NotFound(Box::new(message)))
        }
    }
}

/// The page of one poll.
pub async fn one(
    context: &Context<'_>,
    reading: &mut Reading,
    number: i64,
    query: &ChangesQuery,
) -> Result<String, Failure> {
    let NearPoll { row: poll, before, after } = find(context, reading, number).await?;
    let schema = reading.schema_of_poll(&poll).await?;
    let offset = (query.page - 1).saturating_mul(PAGE);
    let (rows, total) = reading.changes_of_poll(&poll, &query.filter, PAGE, offset).await?;
    let pages = (total + PAGE - 1) / PAGE;
    let path = format!("/polls/{number}");
    if rows.is_empty() && query.page > 1 {
        let text = format!("There is no page {} of these changes.", query.page);
        let mut message = Message::new(&context.place, format!("Poll {number}"), text);
        let first = ChangesQuery { page: 1, ..query.clone() }.pairs();
        message.links = vec![Link::new(context.href(&path, &first), "The first page")];
        return Err(Failure::NotFound(Box::new(message)));
    }
    let when = poll.observed_at.or(poll.started_at).unwrap_or(context.now);
    let near = |number: i64| context.href(&format!("/polls/{number}"), &[]);
    render(&One {
        shell: Shell::new(context, &View::Poll(number), format!("Poll {number}")),
        polls: context.href("/polls", &[]),
        number,
        class: class(&poll.outcome),
        outcome: poll.outcome.clone(),
        when: words::date_time(when),
        at: when.to_string(),
        newer: after.map(near),
        older: before.map(near),
        held: held(context, &poll),
        facts: facts(&poll),
        schema: schema
            .iter()
            .map(|row| (told(row), row.example.as_deref().map(words::exact).unwrap_or_default()))
            .collect(),
        total: words::number(total),
        form: changes::form(context, query, &path, false),
        rows: rows.iter().map(|row| change(context, row)).collect(),
        pager: Pager::new(query.page, pages, |page| {
            context.href(&path, &ChangesQuery { page, ..query.clone() }.pairs())
        }),
    })
}

fn change(context: &Context<'_>, row: &ChangeRow) -> ChangeRowView {
    let kind = if row.kind == "avatar" { Kind::AVATAR } else { Kind::TALKING_PHOTO };
    let marks = match row.field {
        Some(_) => inline(row.old_value.as_deref(), row.new_value.as_deref()),
        None => vec![],
    };
    ChangeRowView {
        href: context.href(&item_path(kind, &row.item_id), &[]),
        name: row
            .name
            .as_deref()
            .map(|name| words::exact(&words::tile_name(name)))
            .unwrap_or_default(),
        id: row.item_id.clone(),
        sign: sign(&row.change),
        word: row.change.clone(),
        field: row.field.as_deref().map(words::tile_name).unwrap_or_default(),
        marks,
    }
}

/// The poll's whole row, for people.
fn facts(poll: &PollRow) -> Vec<(String, String)> {
    let PollRow {
        poll_id: _,
        account,
        trigger,
        api_version,
        source,
        started_at,
        observed_at,
        finished_at,
        outcome: _,
        counts,
        held_reason,
        policy,
        http_status,
        request_id,
        response_bytes,
        response_sha256,
        warning,
        superseded,
        error,
        host,
        tool_version,
        digest,
    } = poll;
    let text = |text: &Option<String>| text.as_deref().map(words::exact).unwrap_or_default();
    let time = |time: &Option<crate::time::Timestamp>| {
        time.map(|time| time.to_string()).unwrap_or_default()
    };
    let mut facts = vec![
        ("Error".to_owned(), text(error)),
        ("Held because".to_owned(), text(held_reason)),
        ("Notice from HeyGen".to_owned(), text(warning)),
        ("Version gone".to_owned(), if *superseded { "yes".into() } else { String::new() }),
        ("Account".to_owned(), words::exact(account)),
        ("Started by".to_owned(), trigger.clone()),
        ("Source".to_owned(), text(source)),
        ("API version".to_owned(), text(api_version)),
        ("Started".to_owned(), time(started_at)),
        ("Observed".to_owned(), time(observed_at)),
        ("Finished".to_owned(), time(finished_at)),
    ];
    if let Some(counts) = counts {
        let mut cells = vec![];
        counts.cells(&mut cells);
        facts.extend(Counts::names().zip(cells).filter_map(|(name, cell)| match cell {
            Cell::Int(count) => Some((words::column(name), words::number(count))),
            _ => None,
        }));
    }
    facts.extend([
        (
            "Removal rules".to_owned(),
            policy.as_ref().map(|policy| policy.0.clone()).unwrap_or_default(),
        ),
        (
            "HTTP status".to_owned(),
            http_status.map(|status| status.to_string()).unwrap_or_default(),
        ),
        ("Request id".to_owned(), text(request_id)),
        ("Response".to_owned(), response_bytes.map(words::bytes).unwrap_or_default()),
        ("SHA-256 of it".to_owned(), text(response_sha256)),
        ("Machine".to_owned(), text(host)),
        ("Program".to_owned(), text(tool_version)),
        ("Seal".to_owned(), text(digest)),
    ]);
    facts.retain(|(_, value)| !value.is_empty());
    facts
}
