//! The page of one item: its facts, its pictures, its history.

mod facts;
mod history;
mod pictures;

use std::collections::BTreeSet;

use askama::Template;
use facts::{Fact, facts};
use history::{Compared, ItemEvent, compare, events};
use pictures::{AUDIO, Contents, VIDEO, picture_word, preview_at, summary, url, urls};

use super::{
    anchor::Anchor,
    context::PageContext,
    diffs::Is,
    failure::PageFailure,
    message::MessagePage,
    pic::{IMAGE, OfItem, Pic, is_compact, source},
    response::render,
    route::item_path,
    shell::Shell,
    users::{UsersView, users},
    viewpoint::Viewpoint,
    words,
};
use crate::{
    catalog::kind::{Kind, Role},
    store::{
        browse::{
            Reading,
            item::{ItemWithVersions, Neighbour},
        },
        ids::Known,
        query::Version,
    },
};

#[derive(Template)]
#[template(path = "item.html")]
struct ItemPage {
    shell: Shell,
    crumb: Anchor,
    name: String,
    no_name: bool,
    copy: String,
    shown_id: String,
    removed: bool,
    whole: String,
    state: Option<(&'static str, String)>,
    pic: Pic,
    pic_word: Option<&'static str>,
    video: Option<String>,
    audio: Option<String>,
    facts: Vec<Fact>,
    summary: String,
    compare: Option<String>,
    compared: Option<Compared>,
    events: Vec<ItemEvent>,
    others: Vec<(Anchor, Pic)>,
    /// Whether none of them has a picture to show.
    compact: bool,
    all_others: Option<Anchor>,
    used: Option<UsersView>,
}

/// Renders the page of one item; `two` are the versions to compare.
pub async fn page(
    context: &PageContext<'_>,
    reading: &mut Reading,
    kind: Kind,
    id: &str,
    two: Option<(i64, i64)>,
) -> Result<String, PageFailure> {
    let scope = context.scope(kind);
    let item = reading.item(&scope, id).await?;
    let newest = item.as_ref().and_then(|item| item.versions.first().cloned());
    let (Some(item), Some(newest)) = (item, newest) else {
        return Err(unknown(context, reading, kind, id).await?);
    };
    let mut contents = Contents::new();
    for content in reading.contents(&urls(&item)).await? {
        contents.entry(content.url.clone()).or_default().push(content);
    }
    let changed = reading.changed_fields(&scope, id).await?;
    let used = users(context, reading, kind, id).await?;
    let first_word = newest.fields.name(kind).and_then(|name| name.split_whitespace().next());
    let first_word = first_word.unwrap_or("").to_owned();
    let others = match first_word.chars().count() {
        1..=60 if used.is_none() => reading.neighbours(&scope, &first_word, id).await?,
        _ => vec![],
    };
    let compared = match two {
        Some(two) => Some(compare(context, &item_path(kind, id), &item, &contents, two)?),
        None => None,
    };
    let events = match compared {
        None => events(context, &item, &contents, &changed),
        Some(_) => vec![],
    };
    let page = of_item(context, kind, id, &item, &newest, &contents);
    let all_others = (others.len() >= 6).then(|| {
        let parameters = [("q", first_word.clone())];
        Anchor::new(context.href(kind.path, &parameters), "All of them")
    });
    let compare = page.compare.filter(|_| compared.is_none());
    let others: Vec<_> = others.iter().map(|other| neighbour(context, kind, other)).collect();
    render(&ItemPage {
        compare,
        compared,
        events,
        compact: is_compact(others.iter().map(|(_, pic)| pic)),
        others,
        all_others,
        used,
        ..page
    })
}

/// Returns the page without history and neighbours.
fn of_item(
    context: &PageContext<'_>,
    kind: Kind,
    id: &str,
    item: &ItemWithVersions,
    newest: &Version,
    contents: &Contents,
) -> ItemPage {
    let at = context.viewpoint.at();
    let name = newest.fields.name(kind).unwrap_or("");
    let whole_name = words::exact(name);
    let shown_name = match name.is_empty() {
        true => "no name".to_owned(),
        false => words::tile_name(&whole_name),
    };
    let mut facts = facts(context, kind, item, newest, contents);
    if !name.is_empty() && shown_name != whole_name {
        // The heading is shortened, so the whole name becomes a fact.
        facts.insert(0, Fact::plain("Name", whole_name));
    }
    let image = url(&newest.fields, IMAGE);
    let this_item = OfItem::of(newest);
    let picture = preview_at(contents, image.as_deref(), at);
    let [video, audio] = [(VIDEO, Role::Video), (AUDIO, Role::Audio)].map(|(field, role)| {
        let preview = preview_at(contents, url(&newest.fields, field).as_deref(), at);
        source(context, this_item, role, &preview)
    });
    let pic = Pic::of(context, this_item, Some(name), &picture);
    let last = newest.version;
    let path = item_path(kind, id);
    let two = [("from", (last - 1).to_string()), ("to", last.to_string())];
    ItemPage {
        shell: Shell::new(context, short(&shown_name)),
        crumb: Anchor::new(context.href(kind.path, &[]), kind.title),
        name: shown_name,
        no_name: name.is_empty(),
        copy: words::attribute(id),
        shown_id: words::exact(id),
        removed: item.removed_at.is_some(),
        whole: context.href(&path, &[]),
        state: state(context, item),
        pic_word: match pic.src {
            Some(_) => None,
            None => picture_word(context, image.as_deref(), contents),
        },
        pic,
        video,
        audio,
        facts,
        summary: summary(kind, item, contents),
        compare: (last > 1).then(|| context.href(&path, &two)),
        compared: None,
        events: vec![],
        others: vec![],
        compact: true,
        all_others: None,
        used: None,
    }
}

fn short(name: &str) -> String {
    let mut letters = name.chars();
    let head: String = letters.by_ref().take(80).collect();
    if letters.next().is_some() { head + "…" } else { head }
}

async fn unknown(
    context: &PageContext<'_>,
    reading: &mut Reading,
    kind: Kind,
    id: &str,
) -> Result<PageFailure, PageFailure> {
    let mut text = format!("There is nothing with the id “{}” here", short(&words::exact(id)));
    if let Some(as_of) = &context.viewpoint.as_of {
        text.push_str(&format!(" on {}", words::date(as_of.at)));
    }
    text.push('.');
    let mut message = MessagePage::of(context, "No such id", text);
    let known = reading.store().known(&BTreeSet::from([id]), &Kind::ALL).await?;
    for Known { account, kind: other, .. } in known.into_iter().take(20) {
        let viewpoint = Viewpoint {
            account: (context.stamp.accounts.len() > 1).then(|| account.clone()),
            as_of: None,
        };
        let text = match (other == kind, account == context.account) {
            (true, true) => "It is in the present catalogue".to_owned(),
            (false, true) => format!("It is among the {}", words::plural(other)),
            (_, false) => {
                format!("It is among the {} of the account {account}", words::plural(other))
            }
        };
        message.links.push(Anchor::new(viewpoint.href(&item_path(other, id), &[]), text));
    }
    message.search = Some((kind.path, id.to_owned()));
    Ok(PageFailure::NotFound(Box::new(message)))
}

fn state(context: &PageContext<'_>, item: &ItemWithVersions) -> Option<(&'static str, String)> {
    let day = |at| words::short_date(at, context.reference());
    match (item.removed_at, item.missing_since) {
        (Some(at), _) => Some(("removed", format!("Removed {}", day(at)))),
        (None, Some(at)) => Some(("held", format!("Missing since {}", day(at)))),
        (None, None) => None,
    }
}

fn neighbour(context: &PageContext<'_>, kind: Kind, other: &Neighbour) -> (Anchor, Pic) {
    let name = other.name.as_deref().unwrap_or(&other.id);
    let item = OfItem { kind, id: &other.id, version: other.version };
    let link = Anchor::new(context.item(kind, &other.id), words::tile_name(name.trim()));
    (link, Pic::of(context, item, Some(name), &other.image))
}
