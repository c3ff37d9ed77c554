//! The history of an item: its versions as events, and two pictures or two versions side by side.

use super::pictures::{Contents, content_at, preview_at, url};
use crate::{
    catalog::{diff::OpenedBy, item::Fields, kind::Role, value::Value},
    store::{
        browse::{
            item::{ItemWithVersions, StoredContent},
            picture::ItemPreview,
        },
        query::Version,
    },
    time::Timestamp,
    web::{
        context::PageContext,
        diffs::{Mark, columns},
        failure::PageFailure,
        pic::{IMAGE, OfItem, Pic, source},
        query_pairs::BadParameter,
        words,
    },
};

/// One event of the item.
pub(super) struct ItemEvent {
    pub(super) at_millis: i64,
    pub(super) class: &'static str,
    pub(super) sign: &'static str,
    pub(super) word: &'static str,
    pub(super) at: String,
    pub(super) when: String,
    pub(super) poll: Option<(String, i64)>,
    pub(super) version: Option<i64>,
    pub(super) between: String,
    pub(super) text: String,
    pub(super) rows: Vec<FieldRow>,
    pub(super) pair: Option<Pair>,
}

pub(super) struct FieldRow {
    pub(super) field: String,
    pub(super) old: Vec<Mark>,
    pub(super) new: Vec<Mark>,
    pub(super) learned: bool,
}

/// Two pictures to look at side by side.
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) before: Shot,
    pub(super) after: Shot,
}

pub(super) struct Shot {
    pub(super) pic: Pic,
    pub(super) title: String,
    pub(super) size: String,
}

/// Two versions side by side.
pub(super) struct Compared {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) versions: Vec<i64>,
    pub(super) action: String,
    pub(super) hidden: Vec<(&'static str, String)>,
    pub(super) older: Option<String>,
    pub(super) newer: Option<String>,
    pub(super) pair: Option<Pair>,
    pub(super) rows: Vec<FieldRow>,
}

/// Returns all events, newest first.
pub(super) fn events(
    context: &PageContext<'_>,
    item: &ItemWithVersions,
    contents: &Contents,
    changed: &[(i64, String)],
) -> Vec<ItemEvent> {
    let mut events = vec![];
    for (at, version) in item.versions.iter().enumerate() {
        events.extend(removal(context, version));
        events.push(opening(context, item, at, contents, changed));
        events.extend(refreshed(context, version, contents));
    }
    // New pictures of an unchanged URL are sorted between the versions by their time.
    events.sort_by_key(|event| std::cmp::Reverse(event.at_millis));
    events
}

fn event(context: &PageContext<'_>, at: Timestamp, poll: Option<i64>) -> ItemEvent {
    ItemEvent {
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

fn removal(context: &PageContext<'_>, version: &Version) -> Option<ItemEvent> {
    let at = version.valid_to.filter(|_| version.closed_by.as_deref() == Some("removed"))?;
    let seen = version.closed_after.map(words::date_time);
    Some(ItemEvent {
        class: "removed",
        sign: "−",
        word: "Removed",
        between: between(version.closed_after, at),
        text: seen.map_or("No longer listed.".into(), |seen| {
            format!("No longer listed. Last seen {seen}.")
        }),
        ..event(context, at, version.closed_poll)
    })
}

fn opening(
    context: &PageContext<'_>,
    item: &ItemWithVersions,
    at: usize,
    contents: &Contents,
    changed: &[(i64, String)],
) -> ItemEvent {
    let (version, before) = (&item.versions[at], item.versions.get(at + 1));
    let (class, sign, word) = match version.opened_by {
        OpenedBy::Added => ("added", "+", "Added"),
        OpenedBy::Changed => ("changed", "~", "Changed"),
        OpenedBy::Restored => ("restored", "↺", "Restored"),
        OpenedBy::Learned => ("soft", "·", "Learned"),
    };
    let at = version.valid_from;
    let mut event = ItemEvent {
        class,
        sign,
        word,
        version: Some(version.version),
        between: between(version.opened_after, at),
        ..event(context, at, Some(version.opened_poll))
    };
    let Some(before) = before else {
        event.text = match (version.opened_by, version.opened_after) {
            (OpenedBy::Added, None) => "Listed at the first poll.".into(),
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
    event.pair = pair(context, &key, item, before, version, contents);
    event
}

/// Returns an event for each new content of the version's URL while the version was valid.
fn refreshed(context: &PageContext<'_>, version: &Version, contents: &Contents) -> Vec<ItemEvent> {
    let Some(url) = url(&version.fields, IMAGE) else { return vec![] };
    let Some(all) = contents.get(&url) else { return vec![] };
    let within = |at: Timestamp| {
        at >= version.valid_from
            && version.valid_to.is_none_or(|end| at < end)
            && context.viewpoint.at().is_none_or(|now| at <= now)
    };
    let mut events = vec![];
    for two in all.windows(2) {
        let (Some(at), true) = (two[1].fetched_at, two[0].sha256 != two[1].sha256) else {
            continue;
        };
        if within(at) {
            let stored = |content: &StoredContent| ItemPreview {
                stored: content.sha256.clone().filter(|_| content.stored),
                live_until: None,
            };
            let shot = |content: &StoredContent, title: &str| {
                shot(context, version, &stored(content), Some(content), title)
            };
            let pair = shot(&two[0], "Before").zip(shot(&two[1], "After"));
            let key = format!("p{}", at.millis());
            events.push(ItemEvent {
                word: "New picture",
                text: "Another picture at the same URL.".into(),
                pair: pair.map(|(before, after)| Pair { key, before, after }),
                ..event(context, at, None)
            });
        }
    }
    events
}

/// Returns the fields that differ, at most 200.
fn rows(old: &Fields, new: &Fields) -> Vec<FieldRow> {
    let mut names: Vec<&str> =
        old.iter().chain(new.iter()).map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| old.get(name) != new.get(name));
    let row = |name: &&str| {
        let [old, new] = [old, new].map(|fields| fields.get(name));
        let [old, new] = [&old, &new].map(|value| value.as_ref().map(Value::as_cell));
        let [before, after] = columns(old, new);
        FieldRow { field: (*name).to_owned(), old: before, new: after, learned: false }
    };
    names.iter().take(200).map(row).collect()
}

/// Returns the period in which a version's picture was shown. Adjacent versions with the same URL had the
/// same picture, and one URL may have had several contents.
fn shown_period(
    item: &ItemWithVersions,
    version: &Version,
    contents: &Contents,
    content: Option<&StoredContent>,
) -> (Timestamp, Option<Timestamp>) {
    let picture = |version: &Version| url(&version.fields, IMAGE);
    let shown = picture(version);
    let mut run = (version.valid_from, version.valid_to);
    let older = item.versions.iter().filter(|other| other.version < version.version);
    for other in older.take_while(|other| picture(other) == shown) {
        run.0 = other.valid_from;
    }
    let newer = item.versions.iter().rev().filter(|other| other.version > version.version);
    for other in newer.take_while(|other| picture(other) == shown) {
        run.1 = other.valid_to;
    }
    let all = shown.as_ref().and_then(|url| contents.get(url)).map_or(&[][..], Vec::as_slice);
    let fetched = content.and_then(|content| content.fetched_at);
    let at = all.iter().position(|known| known.fetched_at == fetched);
    if let Some(at) = at {
        // The first content of the URL is considered as old as the URL.
        run.0 = run.0.max(fetched.filter(|_| at > 0).unwrap_or(run.0));
        let next = all.get(at + 1).and_then(|next| next.fetched_at);
        run.1 = [run.1, next].into_iter().flatten().min();
    }
    run
}

/// Returns both pictures; `None` if they are the same or one of them cannot be shown.
fn pair(
    context: &PageContext<'_>,
    key: &str,
    item: &ItemWithVersions,
    before: &Version,
    after: &Version,
    contents: &Contents,
) -> Option<Pair> {
    let picture = |version: &Version| url(&version.fields, IMAGE);
    let (old, new) = (picture(before), picture(after));
    // For a version that ended: its last content. For the current version: the newest content.
    let content = |version: &Version, url: Option<&str>| {
        let (now, until) = (context.viewpoint.at(), version.valid_to.or(context.viewpoint.at()));
        content_at(contents, url?, until).or_else(|| content_at(contents, url?, now))
    };
    let (old_content, new_content) =
        (content(before, old.as_deref()), content(after, new.as_deref()));
    // The content is from [`content_at`], which returns only stored contents.
    let hash = |content: Option<&StoredContent>| content.and_then(|content| content.sha256.clone());
    let differ = old != new || hash(old_content) != hash(new_content);
    if !differ || (old.is_none() && new.is_none()) {
        return None;
    }
    let (began, ended) = shown_period(item, before, contents, old_content);
    let until = ended.map_or(String::new(), |end| {
        format!(" to {}", words::short_date(end, context.reference()))
    });
    let (since_new, _) = shown_period(item, after, contents, new_content);
    let since = |at: Timestamp| words::short_date(at, context.reference());
    // A URL has only one live picture, so two live pictures need two different URLs.
    let preview = |content: Option<&StoredContent>, url: &Option<String>| ItemPreview {
        stored: hash(content),
        live_until: preview_at(contents, url.as_deref(), None).live_until.filter(|_| old != new),
    };
    let shown = |version, content, url, title: String| {
        shot(context, version, &preview(content, url), content, &title)
    };
    Some(Pair {
        key: key.to_owned(),
        before: shown(before, old_content, &old, format!("Before, {}{until}", since(began)))?,
        after: shown(after, new_content, &new, format!("After, since {}", since(since_new)))?,
    })
}

/// Returns one of two pictures; `None` if it cannot be shown.
fn shot(
    context: &PageContext<'_>,
    version: &Version,
    preview: &ItemPreview,
    content: Option<&StoredContent>,
    title: &str,
) -> Option<Shot> {
    let src = source(context, OfItem::of(version), Role::Image, preview)?;
    let is_stored = preview.stored.is_some() && !context.without_mirror();
    let bytes = content.and_then(|content| content.bytes).filter(|_| is_stored);
    Some(Shot {
        pic: Pic::new(Some(src), version.fields.name(version.kind).unwrap_or("")),
        title: title.to_owned(),
        size: bytes.map(words::bytes).unwrap_or_default(),
    })
}

pub(super) fn compare(
    context: &PageContext<'_>,
    path: &str,
    item: &ItemWithVersions,
    contents: &Contents,
    (from, to): (i64, i64),
) -> Result<Compared, PageFailure> {
    let find = |number: i64, name: &str| {
        let found = item.versions.iter().find(|version| version.version == number);
        found.ok_or_else(|| {
            let newest = item.versions.first().map_or(0, |version| version.version);
            PageFailure::Parameter(BadParameter {
                name: name.into(),
                why: format!("must be the number of a version, 1 to {newest}"),
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
        hidden: context.viewpoint.pairs(),
        older: step(-1),
        newer: step(1),
        pair: pair(context, "two", item, before, after, contents),
        rows: rows(&before.fields, &after.fields),
        versions,
    })
}
