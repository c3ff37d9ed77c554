//! `/avatars/{id}` and `/talking-photos/{id}`: one item, all that is known of it, what became of it.

use std::collections::BTreeMap;

use askama::Template;

use super::{
    diffs::{Is, Mark, columns, shown},
    failure::Failure,
    page::{Context, Link, Message, NOT_SHOWN, Pic, Shell, file_path},
    params::can_be_asked,
    response::render,
    route::{View, item_path, list_path},
    words,
};
use crate::{
    catalog::{
        diff::OpenedBy,
        item::{Fields, Kind},
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

/// What happened to the item once.
struct Event {
    at_millis: i64,
    class: &'static str,
    sign: &'static str,
    word: &'static str,
    at: String,
    when: String,
    poll: Option<(String, i64)>,
    version: Option<i64>,
    between: String,
    text: String,
    rows: Vec<Row>,
    pair: Option<Pair>,
}

struct Row {
    field: String,
    old: Vec<Mark>,
    new: Vec<Mark>,
    learned: bool,
}

/// Two pictures to look at side by side.
struct Pair {
    key: String,
    before: Shot,
    after: Shot,
}

struct Shot {
    src: Option<String>,
    title: String,
    size: String,
    class: String,
}

/// Two versions side by side.
struct Compared {
    from: i64,
    to: i64,
    versions: Vec<i64>,
    action: String,
    hidden: Vec<(&'static str, String)>,
    older: Option<String>,
    newer: Option<String>,
    pair: Option<Pair>,
    rows: Vec<Row>,
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
        crumb: Link::new(
            context.href(list_path(kind), &[]),
            if kind == Kind::Avatar { "Avatars" } else { "Talking photos" },
        ),
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
            (false, true) => format!("It is among the {}", other.plural()),
            (_, false) => format!("It is among the {} of the account {account}", other.plural()),
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
    let columns = kind.columns().iter().map(|column| column.name);
    for name in columns.filter(|name| !name.ends_with("_url") && *name != kind.name_field()) {
        facts.push(field_fact(context, kind, name, newest.fields.get(name)));
    }
    let homeless = newest
        .fields
        .iter()
        .filter(|(name, _)| !kind.columns().iter().any(|column| column.name == name.as_ref()));
    for (name, value) in homeless.take(100) {
        facts.push(plain(&label(name), words::exact(&shown(value.as_cell()))));
    }
    facts.push(plain("Account", words::exact(&context.account)));
    for (name, field) in [("Picture", "preview_image_url"), ("Preview video", "preview_video_url")]
    {
        if kind.columns().iter().any(|column| column.name == field) {
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

/// All that happened, newest first.
fn events(
    context: &Context<'_>,
    kind: Kind,
    item: &ItemHistory,
    contents: &Contents,
    changed: &[(i64, String)],
) -> Vec<Event> {
    let mut events = vec![];
    for (at, version) in item.versions.iter().enumerate() {
        events.extend(removal(context, version));
        events.push(opening(context, kind, item, at, contents, changed));
        events.extend(refreshed(context, kind, version, contents));
    }
    // Pictures that changed behind the same URL stand between the versions by their time.
    events.sort_by_key(|event| std::cmp::Reverse(event.at_millis));
    events
}

fn event(context: &Context<'_>, at: Timestamp, poll: Option<i64>) -> Event {
    Event {
        at_millis: at.millis(),
        class: "changed",
        sign: "~",
        word: "Changed",
        at: at.to_string(),
        when: words::date_time(at),
        poll: poll.map(|poll| (context.href(&format!("/polls/{poll}"), &[]), poll)),
        version: None,
        between: String::new(),
        text: String::new(),
        rows: vec![],
        pair: None,
    }
}

fn between(after: Option<Timestamp>, at: Timestamp) -> String {
    after.map_or(String::new(), |after| {
        format!("between {} and {}", words::date_time(after), words::date_time(at))
    })
}

fn removal(context: &Context<'_>, version: &ItemVersion) -> Option<Event> {
    let at = version.valid_to.filter(|_| version.closed_by.as_deref() == Some("removed"))?;
    let seen = version.closed_after.map(words::date_time);
    Some(Event {
        class: "removed",
        sign: "−",
        word: "Removed",
        between: between(version.closed_after, at),
        text: seen.map_or("No longer listed.".into(), |seen| {
            format!("No longer listed. Last seen {seen}.")
        }),
        // A removal and a new version may share no moment; the order of both is that of time.
        ..event(context, at, version.closed_poll)
    })
}

fn opening(
    context: &Context<'_>,
    kind: Kind,
    item: &ItemHistory,
    at: usize,
    contents: &Contents,
    changed: &[(i64, String)],
) -> Event {
    let (version, before) = (&item.versions[at], item.versions.get(at + 1));
    let (class, sign, word) = match version.opened_by {
        OpenedBy::Added => ("added", "+", "Added"),
        OpenedBy::Changed => ("changed", "~", "Changed"),
        OpenedBy::Restored => ("restored", "↺", "Restored"),
        OpenedBy::Learned => ("soft", "·", "Learned"),
    };
    let at = version.valid_from;
    let mut event = Event {
        class,
        sign,
        word,
        version: Some(version.version),
        between: between(version.opened_after, at),
        ..event(context, at, Some(version.opened_poll))
    };
    let Some(before) = before else {
        event.text = match (version.opened_by, version.opened_after) {
            (OpenedBy::Added, None) => "There at the first poll.".into(),
            (OpenedBy::Added, Some(_)) => "Listed for the first time.".into(),
            _ => String::new(),
        };
        return event;
    };
    if version.opened_by == OpenedBy::Restored
        && let Some(gone) = before.valid_to
    {
        event.text = format!("Back after {}.", words::span(gone, at));
    }
    event.rows = rows(&before.fields, &version.fields);
    for row in &mut event.rows {
        row.learned =
            !changed.iter().any(|(of, field)| *of == version.version && *field == row.field);
    }
    let key = format!("v{}", version.version);
    event.pair = pair(context, kind, &key, item, before, version, contents);
    event
}

/// Contents that came behind the version's own URL while it stood.
fn refreshed(
    context: &Context<'_>,
    kind: Kind,
    version: &ItemVersion,
    contents: &Contents,
) -> Vec<Event> {
    let Some(url) = url(&version.fields, "preview_image_url") else { return vec![] };
    let Some(all) = contents.get(&url) else { return vec![] };
    let within = |at: Timestamp| {
        at >= version.valid_from
            && version.valid_to.is_none_or(|end| at < end)
            && context.place.at().is_none_or(|now| at <= now)
    };
    let mut events = vec![];
    for two in all.windows(2) {
        let (Some(at), true) = (two[1].fetched_at, two[0].sha256 != two[1].sha256) else {
            continue;
        };
        if within(at) {
            events.push(Event {
                word: "New picture",
                text: "Another picture behind the same address.".into(),
                pair: Some(Pair {
                    key: format!("p{}", at.millis()),
                    before: shot(context, kind, version, Some(&two[0]), "Before"),
                    after: shot(context, kind, version, Some(&two[1]), "After"),
                }),
                ..event(context, at, None)
            });
        }
    }
    events
}

/// Every field that differs.
fn rows(old: &Fields, new: &Fields) -> Vec<Row> {
    let mut names: Vec<&str> =
        old.iter().chain(new.iter()).map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| old.get(name) != new.get(name));
    let row = |name: &&str| {
        let [old, new] = [old, new].map(|fields| fields.get(name));
        let [old, new] = [&old, &new].map(|value| value.as_ref().map(Value::as_cell));
        let [before, after] = columns(old, new);
        Row { field: (*name).to_owned(), old: before, new: after, learned: false }
    };
    names.iter().take(200).map(row).collect()
}

/// From when until when a version's picture stood: other versions with the same URL had it too,
/// and behind one URL there may have been several.
fn stood(
    item: &ItemHistory,
    version: &ItemVersion,
    contents: &Contents,
    content: Option<&Content>,
) -> (Timestamp, Option<Timestamp>) {
    let picture = |version: &ItemVersion| url(&version.fields, "preview_image_url");
    let own = picture(version);
    let mut run = (version.valid_from, version.valid_to);
    let older = item.versions.iter().filter(|other| other.version < version.version);
    for other in older.take_while(|other| picture(other) == own) {
        run.0 = other.valid_from;
    }
    let newer = item.versions.iter().rev().filter(|other| other.version > version.version);
    for other in newer.take_while(|other| picture(other) == own) {
        run.1 = other.valid_to;
    }
    let all = own.as_ref().and_then(|url| contents.get(url)).map_or(&[][..], Vec::as_slice);
    let fetched = content.and_then(|content| content.fetched_at);
    let at = all.iter().position(|known| known.fetched_at == fetched);
    if let Some(at) = at {
        // The first content behind the URL was there when the URL came.
        run.0 = run.0.max(fetched.filter(|_| at > 0).unwrap_or(run.0));
        let next = all.get(at + 1).and_then(|next| next.fetched_at);
        run.1 = [run.1, next].into_iter().flatten().min();
    }
    run
}

/// Both pictures, where they differ.
fn pair(
    context: &Context<'_>,
    kind: Kind,
    key: &str,
    item: &ItemHistory,
    before: &ItemVersion,
    after: &ItemVersion,
    contents: &Contents,
) -> Option<Pair> {
    let picture = |version: &ItemVersion| url(&version.fields, "preview_image_url");
    let (old, new) = (picture(before), picture(after));
    // Of a version that ended the last content that it had; of one that stands, the newest.
    let old_content = old.as_deref().and_then(|url| {
        let until = before.valid_to.or(context.place.at());
        content_at(contents, url, until).or_else(|| content_at(contents, url, context.place.at()))
    });
    let new_content = new.as_deref().and_then(|url| {
        let until = after.valid_to.or(context.place.at());
        content_at(contents, url, until).or_else(|| content_at(contents, url, context.place.at()))
    });
    let hash = |content: Option<&Content>| content.and_then(|content| content.sha256.clone());
    let differ = old != new || hash(old_content) != hash(new_content);
    if !differ || (old.is_none() && new.is_none()) {
        return None;
    }
    let (began, ended) = stood(item, before, contents, old_content);
    let until = ended.map_or(String::new(), |end| {
        format!(" to {}", words::short_date(end, context.reference()))
    });
    let (since_new, _) = stood(item, after, contents, new_content);
    let since = |at: Timestamp| words::short_date(at, context.reference());
    Some(Pair {
        key: key.to_owned(),
        before: shot(
            context,
            kind,
            before,
            old_content,
            &format!("Before, {}{until}", since(began)),
        ),
        after: shot(
            context,
            kind,
            after,
            new_content,
            &format!("After, since {}", since(since_new)),
        ),
    })
}

fn shot(
    context: &Context<'_>,
    kind: Kind,
    version: &ItemVersion,
    content: Option<&Content>,
    title: &str,
) -> Shot {
    let hash = content
        .filter(|content| content.kept && !context.without_mirror())
        .and_then(|content| content.sha256.as_deref());
    let name = version.fields.name(kind).unwrap_or("");
    Shot {
        src: hash.map(file_path),
        title: title.to_owned(),
        size: match (hash, content.and_then(|content| content.bytes)) {
            (Some(_), Some(size)) => words::bytes(size),
            (None, _) if url(&version.fields, "preview_image_url").is_none() => {
                "no picture given".into()
            }
            (None, _) => "not kept".into(),
            (Some(_), None) => String::new(),
        },
        class: Pic::new(None, kind, name, "").class,
    }
}

fn compare(
    context: &Context<'_>,
    kind: Kind,
    path: &str,
    item: &ItemHistory,
    contents: &Contents,
    (from, to): (i64, i64),
) -> Result<Compared, Failure> {
    let find = |number: i64, name: &str| {
        let found = item.versions.iter().find(|version| version.version == number);
        found.ok_or_else(|| {
            let newest = item.versions.first().map_or(0, |version| version.version);
            Failure::Parameter(super::params::BadParameter {
                name: name.into(),
                why: format!("is the number of a version, 1 to {newest}"),
            })
        })
    };
    let (before, after) = (find(from, "from")?, find(to, "to")?);
    let versions: Vec<i64> = item.versions.iter().rev().map(|version| version.version).collect();
    let step = |by: i64| {
        let (from, to) = (from + by, to + by);
        let known = |number: i64| versions.contains(&number);
        (known(from) && known(to))
            .then(|| context.href(path, &[("from", from.to_string()), ("to", to.to_string())]))
    };
    Ok(Compared {
        from,
        to,
        action: path.to_owned(),
        hidden: context.place.pairs(),
        older: step(-1),
        newer: step(1),
        pair: pair(context, kind, "two", item, before, after, contents),
        rows: rows(&before.fields, &after.fields),
        versions,
    })
}
