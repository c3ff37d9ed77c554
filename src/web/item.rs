//! `/avatars/{id}` and `/talking-photos/{id}`: one item, all that is known of it, what became of it.

mod history;

use std::collections::BTreeMap;

use askama::Template;
use history::{Compared, Event, compare, events};

use super::{
    diffs::{Is, shown},
    failure::Failure,
    page::{Context, Link, Message, NOT_SHOWN, Pic, Shell, file_path},
    params::can_be_asked,
    response::render,
    route::{View, item_path, list_path},
    words,
};
use crate::{
    catalog::{
        item::Fields,
        kind::Kind,
        value::{Sort, Value},
    },
    store::browse::{
        Reading,
        item::{Content, ItemHistory, ItemVersion, Neighbour, VERSIONS},
    },
    time::Timestamp,
};

#[derive(Template)]
#[template(path = "item.html")]
struct Page {
    shell: Shell,
    crumb: Link,
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
    facts: Vec<Fact>,
    summary: String,
    compare: Option<String>,
    compared: Option<Compared>,
    events: Vec<Event>,
    others: Vec<(Link, Pic)>,
    all_others: Option<Link>,
}

/// A field and its value; with links where it can be asked for.
struct Fact {
    name: String,
    text: String,
    links: Vec<Link>,
    soft: bool,
}

/// The contents of a URL, oldest first.
type Contents = BTreeMap<String, Vec<Content>>;

/// The page of one item.
pub async fn page(
    context: &Context<'_>,
    reading: &mut Reading,
    kind: Kind,
    id: &str,
    two: Option<(i64, i64)>,
) -> Result<String, Failure> {
    let scope = context.scope(kind);
    let Some(item) = reading.item(&scope, id).await? else {
        return Err(unknown(context, reading, kind, id).await?);
    };
    let Some(newest) = item.versions.first().cloned() else {
        return Err(unknown(context, reading, kind, id).await?);
    };
    let mut contents = Contents::new();
    for content in reading.contents(&urls(&item)).await? {
        contents.entry(content.url.clone()).or_default().push(content);
    }
    let changed = reading.changed_fields(&scope, id).await?;
    let name = newest.fields.name(kind).unwrap_or("").to_owned();
    let word = name.split_whitespace().next().unwrap_or("").to_owned();
    let others = match word.chars().count() {
        1..=60 => reading.neighbours(&scope, &word, id).await?,
        _ => vec![],
    };
    let path = item_path(kind, id);
    let compared =
        two.map(|two| compare(context, kind, &path, &item, &contents, two)).transpose()?;
    let events = match compared {
        None => events(context, kind, &item, &contents, &changed),
        Some(_) => vec![],
    };
    let image = url(&newest.fields, "preview_image_url");
    let image_content =
        image.as_deref().and_then(|url| content_at(&contents, url, context.place.at()));
    let video = url(&newest.fields, "preview_video_url")
        .and_then(|url| content_at(&contents, &url, context.place.at()).cloned())
        .and_then(|content| content.sha256)
        .filter(|_| !context.without_mirror());
    let hash = image_content.and_then(|content| content.sha256.as_deref());
    let last = newest.version;
    let whole_name = words::exact(&name);
    let shown_name = match name.is_empty() {
        true => "no name".to_owned(),
        false => words::tile_name(&whole_name),
    };
    let mut facts = facts(context, kind, &item, &newest, &contents);
    if !name.is_empty() && shown_name != whole_name {
        // Too long for a heading: whole among the facts.
        let fact = Fact { name: "Name".into(), text: whole_name, links: vec![], soft: false };
        facts.insert(0, fact);
    }
    render(&Page {
        shell: Shell::new(context, &View::Item(kind, id.to_owned()), short(&shown_name)),
        crumb: Link::new(context.href(list_path(kind), &[]), words::heading(kind)),
        name: shown_name,
        no_name: name.is_empty(),
        copy: words::attribute(id),
        shown_id: words::exact(id),
        removed: item.removed_at.is_some(),
        whole: context.href(&path, &[]),
        state: state(context, &item),
        pic: Pic::new(
            hash.filter(|_| !context.without_mirror()),
            kind,
            if name.is_empty() { id } else { &name },
            "",
        ),
        pic_word: match hash {
            Some(_) => context.without_mirror().then_some(NOT_SHOWN),
            None => Some(picture_word(context, image.as_deref(), &contents)),
        },
        video: video.map(|hash| file_path(&hash)),
        facts,
        summary: summary(&item, &contents),
        compare: (last > 1 && compared.is_none()).then(|| {
            context.href(&path, &[("from", (last - 1).to_string()), ("to", last.to_string())])
        }),
        compared,
        events,
        all_others: (others.len() >= 6).then(|| {
            Link::new(context.href(list_path(kind), &[("q", word.clone())]), "All of them")
        }),
        others: others.iter().map(|other| neighbour(context, kind, other)).collect(),
    })
}

fn short(name: &str) -> String {
    let mut letters = name.chars();
    let head: String = letters.by_ref().take(80).collect();
    if letters.next().is_some() { head + "…" } else { head }
}

async fn unknown(
    context: &Context<'_>,
    reading: &mut Reading,
    kind: Kind,
    id: &str,
) -> Result<Failure, Failure> {
    let mut text = format!("There is nothing with the id “{}” here", short(&words::exact(id)));
    if let Some(as_of) = &context.place.as_of {
        text.push_str(&format!(" on {}", words::date(as_of.at)));
    }
    text.push('.');
    let mut message = Message::new(&context.place, "No such id", text);
    for (account, other) in reading.elsewhere(id).await? {
        let place = super::params::Place {
            account: (context.accounts.len() > 1).then(|| account.clone()),
            as_of: None,
        };
        let text = match (other == kind, account == context.account) {
            (true, true) => "It stands in the catalogue of now".to_owned(),
            (false, true) => format!("It is among the {}", other.plural),
            (_, false) => format!("It is among the {} of the account {account}", other.plural),
        };
        message.links.push(Link::new(place.href(&item_path(other, id), &[]), text));
    }
    message.search = Some((list_path(kind).to_owned(), id.to_owned()));
    Ok(Failure::NotFound(Box::new(message)))
}

fn url(fields: &Fields, name: &str) -> Option<String> {
    fields.text(name).map(str::to_owned)
}

/// Every URL that the item ever had.
fn urls(item: &ItemHistory) -> Vec<String> {
    let each = item.versions.iter().flat_map(|version| {
        ["preview_image_url", "preview_video_url"].map(|name| url(&version.fields, name))
    });
    let mut urls: Vec<String> = each.flatten().collect();
    urls.sort();
    urls.dedup();
    urls
}

/// The newest content of a URL at a moment, if its file is kept.
fn content_at<'a>(contents: &'a Contents, url: &str, at: Option<Timestamp>) -> Option<&'a Content> {
    contents.get(url)?.iter().rev().find(|content| {
        content.sha256.is_some()
            && content.kept
            && at.is_none_or(|at| content.fetched_at.is_some_and(|fetched| fetched <= at))
    })
}

fn picture_word(context: &Context<'_>, url: Option<&str>, contents: &Contents) -> &'static str {
    let Some(url) = url else { return "no picture given" };
    if context.place.as_of.is_some() {
        return "picture of that day not kept";
    }
    match contents.get(url).and_then(|all| all.first()).map(|content| content.state.as_str()) {
        Some("gone") => "HeyGen no longer has the picture",
        Some("failed") => "picture could not be fetched",
        _ => "picture not mirrored yet",
    }
}

fn state(context: &Context<'_>, item: &ItemHistory) -> Option<(&'static str, String)> {
    let day = |at| words::short_date(at, context.reference());
    match (item.removed_at, item.missing_since) {
        (Some(at), _) => Some(("removed", format!("Removed {}", day(at)))),
        (None, Some(at)) => Some(("held", format!("Missing since {}", day(at)))),
        (None, None) => None,
    }
}

/// A field's name for people: of those with a column; the others keep the API's.
fn label(field: &str) -> String {
    match field {
        "gender" => "Gender".into(),
        "premium" => "Premium".into(),
        "tags" => "Tags".into(),
        "type" => "Type".into(),
        "default_voice_id" => "Default voice".into(),
        other => words::tile_name(other),
    }
}

fn facts(
    context: &Context<'_>,
    kind: Kind,
    item: &ItemHistory,
    newest: &ItemVersion,
    contents: &Contents,
) -> Vec<Fact> {
    let reference = context.reference();
    let plain =
        |name: &str, text: String| Fact { name: name.into(), text, links: vec![], soft: false };
    let listed = match (item.removed_at, item.missing_since) {
        (Some(at), _) => format!("No, removed {}", words::date_time(at)),
        (None, Some(at)) => format!("Missing since {}", words::date_time(at)),
        (None, None) => {
            format!("Yes, last seen {} UTC", words::today_or_date(context.polled_at(), context.now))
        }
    };
    let first = format!(
        "{}, {} ago",
        words::date(item.first_seen_at),
        words::span(item.first_seen_at, reference)
    );
    let mut facts = vec![plain("Listed", listed), plain("First seen", first)];
    let columns = kind.columns.iter().map(|column| column.name);
    for name in columns.filter(|name| !name.ends_with("_url") && *name != kind.label) {
        facts.push(field_fact(context, kind, name, newest.fields.get(name)));
    }
    let homeless = newest
        .fields
        .iter()
        .filter(|(name, _)| !kind.columns.iter().any(|column| column.name == name.as_ref()));
    for (name, value) in homeless.take(100) {
        facts.push(plain(&label(name), words::exact(&shown(value.as_cell()))));
    }
    facts.push(plain("Account", words::exact(&context.account)));
    for (name, field) in [("Picture", "preview_image_url"), ("Preview video", "preview_video_url")]
    {
        if kind.columns.iter().any(|column| column.name == field) {
            facts.push(plain(name, kept(context, url(&newest.fields, field).as_deref(), contents)));
        }
    }
    facts
}

fn field_fact(context: &Context<'_>, kind: Kind, name: &str, value: Option<Value<'_>>) -> Fact {
    let own = |value: &str| {
        let parameter = match name {
            "tags" => "tag",
            other => other,
        };
        context.href(list_path(kind), &[(parameter, value.to_owned())])
    };
    let mut fact = Fact { name: label(name), text: String::new(), links: vec![], soft: false };
    let Some(value) = value else {
        fact.text = "not known".into();
        fact.soft = true;
        return fact;
    };
    let text = value.as_cell();
    match (name, value.sort()) {
        ("premium", Sort::Bool) => {
            let word = if value.as_bool() == Some(true) { "yes" } else { "no" };
            fact.links = vec![Link::new(own(word), word)];
        }
        ("gender" | "type", Sort::Text) if can_be_asked(text) => {
            fact.links = vec![Link::new(own(text), words::exact(text))];
        }
        ("tags", Sort::Texts) => {
            let texts: Vec<String> = serde_json::from_str(text).unwrap_or_default();
            match texts.iter().all(|tag| can_be_asked(tag)) {
                true => {
                    fact.links =
                        texts.iter().map(|tag| Link::new(own(tag), words::exact(tag))).collect()
                }
                false => fact.text = words::exact(&texts.join(", ")),
            }
            if texts.is_empty() {
                fact.text = "none".into();
            }
        }
        _ => fact.text = words::exact(text),
    }
    if fact.text.is_empty() && fact.links.is_empty() {
        fact.text = "(empty)".into();
        fact.soft = true;
    }
    fact
}

/// "mirrored 18 Nov 2026, 41 kB, sha256 9c1e…07f2".
fn kept(context: &Context<'_>, url: Option<&str>, contents: &Contents) -> String {
    let Some(url) = url else { return "none given".into() };
    match content_at(contents, url, context.place.at()) {
        Some(content) => {
            let hash = content.sha256.as_deref().unwrap_or_default();
            let day = content.fetched_at.map(words::date).unwrap_or_default();
            let size = content.bytes.map(words::bytes).unwrap_or_default();
            // The whole hash is the name of the file that the picture's link leads to.
            let (head, tail) = (hash.get(..4).unwrap_or(hash), hash.get(60..).unwrap_or_default());
            format!("mirrored {day}, {size}, sha256 {head}…{tail}")
        }
        None => picture_word(context, Some(url), contents).replace("picture ", ""),
    }
}

fn summary(item: &ItemHistory, contents: &Contents) -> String {
    let versions = words::counted(item.versions.len() as i64, "version", "versions");
    let more = if item.versions.len() as i64 >= VERSIONS { ", the newest" } else { "" };
    let images =
        item.versions.iter().filter_map(|version| url(&version.fields, "preview_image_url"));
    let images: std::collections::BTreeSet<String> = images.collect();
    let kept: std::collections::BTreeSet<&str> = images
        .iter()
        .filter_map(|url| contents.get(url))
        .flatten()
        .filter_map(|content| content.sha256.as_deref())
        .collect();
    format!("{versions}{more}, {}", words::counted(kept.len() as i64, "picture", "pictures"))
}

fn neighbour(context: &Context<'_>, kind: Kind, other: &Neighbour) -> (Link, Pic) {
    let name = other.name.as_deref().unwrap_or(&other.id);
    let image = other.image.as_deref().filter(|_| !context.without_mirror());
    let link = Link::new(context.item(kind, &other.id), words::tile_name(name));
    (link, Pic::new(image, kind, name, ""))
}
