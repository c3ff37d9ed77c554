//! The page of one poll: `/polls/{n}`.

use askama::Template;

use super::{
    anchor::Anchor,
    change_form::{self, ChangesForm},
    context::PageContext,
    diffs::{Is, Mark, inline, sign},
    failure::PageFailure,
    held::{HeldNotice, held},
    message::MessagePage,
    pager::{Pager, PagerStep},
    params::ChangesQuery,
    polls::{PAGE, class, field_change},
    response::render,
    shell::Shell,
    viewpoint::Viewpoint,
    words,
};
use crate::{
    catalog::{cell::Cell, column::Column, kind::Kind},
    store::{
        browse::{Reading, polls::NearPoll},
        change::ChangeRow,
        row::PollRow,
    },
};

#[derive(Template)]
#[template(path = "poll.html")]
struct PollPage {
    shell: Shell,
    polls: String,
    number: i64,
    class: &'static str,
    outcome: String,
    when: String,
    at: String,
    newer: Option<String>,
    older: Option<String>,
    held: Option<HeldNotice>,
    facts: Vec<(String, String)>,
    schema: Vec<(String, String)>,
    total: String,
    form: ChangesForm,
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

/// Returns the poll at the viewpoint. A poll of another account is a redirect if no account was given.
pub async fn find(
    context: &PageContext<'_>,
    reading: &mut Reading,
    number: i64,
) -> Result<NearPoll, PageFailure> {
    match reading.poll(number, context.viewpoint.at()).await? {
        Some(near) if near.row.account == context.account => Ok(near),
        Some(near) if context.viewpoint.account.is_none() => {
            Err(PageFailure::OfAccount(near.row.account))
        }
        _ => {
            let text = format!("There is no poll {number} here.");
            let mut links = vec![Anchor::new(context.href("/polls", &[]), "All polls")];
            if context.viewpoint.as_of.is_some() && reading.poll(number, None).await?.is_some() {
                let now = Viewpoint { as_of: None, ..context.viewpoint.clone() };
                links.push(Anchor::new(now.href(&format!("/polls/{number}"), &[]), "Look now"));
            }
            Err(PageFailure::not_found(MessagePage::of(context, "No such poll", text), links))
        }
    }
}

/// Renders the page of one poll.
pub async fn page(
    context: &PageContext<'_>,
    reading: &mut Reading,
    number: i64,
    query: &ChangesQuery,
) -> Result<String, PageFailure> {
    let NearPoll { row: poll, before, after } = find(context, reading, number).await?;
    let schema = reading.schema_of_poll(&poll).await?;
    let offset = (query.page - 1).saturating_mul(PAGE);
    let (rows, total) = reading.changes_of_poll(&poll, &query.filter, PAGE, offset).await?;
    let pages = (total + PAGE - 1) / PAGE;
    let path = format!("/polls/{number}");
    if rows.is_empty() && query.page > 1 {
        let text = format!("There is no page {} of these changes.", query.page);
        let message = MessagePage::of(context, format!("Poll {number}"), text);
        let first = ChangesQuery { page: 1, ..query.clone() }.pairs();
        let links = vec![Anchor::new(context.href(&path, &first), "The first page")];
        return Err(PageFailure::not_found(message, links));
    }
    let when = poll.observed_at.or(poll.started_at).unwrap_or(context.now);
    let near = |number: i64| context.poll(number, &[]);
    render(&PollPage {
        shell: Shell::new(context, format!("Poll {number}")),
        polls: context.href("/polls", &[]),
        number,
        class: class(&poll.outcome),
        outcome: poll.outcome.clone(),
        when: words::date_time(when),
        at: when.to_string(),
        newer: after.map(near),
        older: before.map(near),
        held: held(context, reading, &poll).await?,
        facts: facts(&poll),
        schema: schema
            .iter()
            .map(|row| {
                (field_change(row), row.example.as_deref().map(words::exact).unwrap_or_default())
            })
            .collect(),
        total: words::counted(total, "row", "rows"),
        form: change_form::form(context, query, &path, false),
        rows: rows.iter().map(|row| change(context, row)).collect(),
        pager: Pager::new(query.page, pages, |page| {
            context.href(&path, &ChangesQuery { page, ..query.clone() }.pairs())
        }),
    })
}

fn change(context: &PageContext<'_>, row: &ChangeRow) -> ChangeRowView {
    let marks = match row.field {
        Some(_) => inline(row.old_value.as_deref(), row.new_value.as_deref()),
        None => vec![],
    };
    ChangeRowView {
        href: Kind::parse(&row.kind)
            .map(|kind| context.item(kind, &row.item_id))
            .unwrap_or_default(),
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

/// Returns the columns of the poll's row that have a value, except its number and outcome.
fn facts(poll: &PollRow) -> Vec<(String, String)> {
    // What went wrong comes first.
    let first = ["error", "held_reason", "warning", "superseded"];
    let place = |name| first.iter().position(|one| *one == name).unwrap_or(first.len());
    let mut pairs: Vec<_> = poll.pairs().collect();
    pairs.sort_by_key(|(column, _)| place(column.name));
    pairs.into_iter().filter_map(|(column, cell)| fact(column, cell)).collect()
}

fn fact(column: &Column, cell: Cell<'_>) -> Option<(String, String)> {
    let name = match column.name {
        "poll_id" | "outcome" => return None,
        "held_reason" => "Held because".into(),
        "warning" => "Notice from HeyGen".into(),
        "superseded" => "Version gone".into(),
        "trigger" => "Started by".into(),
        "api_version" => "API version".into(),
        "started_at" => "Started".into(),
        "observed_at" => "Observed".into(),
        "finished_at" => "Finished".into(),
        "policy" => "Removal rules".into(),
        "http_status" => "HTTP status".into(),
        "response_bytes" => "Response".into(),
        "response_sha256" => "Response SHA-256".into(),
        "host" => "Machine".into(),
        "tool_version" => "Program".into(),
        "digest" => "Seal".into(),
        other => words::column(other),
    };
    let value = match cell {
        Cell::Null | Cell::Bool(false) => return None,
        Cell::Bool(true) => "yes".into(),
        Cell::Int(size) if column.name == "response_bytes" => words::bytes(size),
        Cell::Int(number) => words::number(number),
        Cell::Time(time) => time.to_string(),
        Cell::Text(text) => words::exact(&text),
        Cell::Json(json) => json.into_owned(),
    };
    (!value.is_empty()).then_some((name, value))
}
