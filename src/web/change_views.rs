//! The entries of the change feed: changes that many items share are one entry. Pure.

use std::collections::BTreeMap;

use super::{
    anchor::Anchor,
    context::PageContext,
    diffs::{Mark, inline, sign},
    pic::{IMAGE, OfItem, Pic, source},
    route::item_path,
    words,
};
use crate::{
    catalog::{
        catalogue::Catalogue,
        kind::{Kind, Role},
    },
    store::browse::changes::SharedChange,
};

/// An entry of the change feed.
pub struct ChangeView {
    /// The picture of the item, or of the first of several items.
    pub pic: Pic,
    /// The name of the item, or the number of items.
    pub who: String,
    /// The URL of the item's page, if it is one item.
    pub href: Option<String>,
    /// `+`, `~`, `−` or `↺`.
    pub sign: &'static str,
    /// `added`, `changed`, `removed` or `restored`; also its CSS class.
    pub word: String,
    /// The changed fields.
    pub hows: Vec<How>,
    /// The link to all changes of the entry.
    pub more: Option<Anchor>,
}

/// A changed field, or a text.
pub struct How {
    /// The field; empty if there is a text.
    pub field: String,
    /// The old and the new value.
    pub marks: Vec<Mark>,
    /// The text.
    pub text: String,
    /// A link to more.
    pub link: Option<Anchor>,
}

/// The maximum number of entries of added or removed items of a poll; more are combined into one entry.
const FEW: usize = 5;

/// Returns the entries of one poll: a shared change once, added or removed items grouped by person.
pub fn folded(context: &PageContext<'_>, lines: &[&SharedChange]) -> Vec<ChangeView> {
    let mut groups: BTreeMap<(usize, Kind), Vec<&SharedChange>> = BTreeMap::new();
    let order = |change: &str| match change {
        "changed" => 0,
        "restored" => 1,
        "added" => 2,
        _ => 3,
    };
    for line in lines.iter().copied() {
        groups.entry((order(&line.change), line.kind)).or_default().push(line);
    }
    let mut views = vec![];
    for lines in groups.into_values() {
        let (fields, whole): (Vec<&SharedChange>, Vec<&SharedChange>) =
            lines.into_iter().partition(|line| line.field.is_some());
        match whole.is_empty() {
            true => views.extend(changed(context, &fields)),
            false => views.extend(added_or_removed(context, &whole, &fields)),
        }
    }
    views
}

fn changed(context: &PageContext<'_>, lines: &[&SharedChange]) -> Vec<ChangeView> {
    let mut views: Vec<ChangeView> = vec![];
    let mut alone: Vec<(&str, usize)> = vec![];
    let mut shown = 0;
    for line in lines {
        shown += line.same;
        let known = alone.iter().find(|(id, _)| *id == line.item_id).map(|(_, at)| *at);
        match known {
            Some(at) if line.same == 1 => {
                views[at].hows.push(how(context, line));
                if line.field.as_deref() == Some(IMAGE) {
                    views[at].pic = pic(context, line);
                }
            }
            _ => {
                if line.same == 1 {
                    alone.push((&line.item_id, views.len()));
                }
                views.push(view(context, line, line.same, vec![how(context, line)]));
            }
        }
    }
    if let Some(line) = lines.first()
        && line.all > shown
    {
        let rest = line.all - shown;
        let mut view = view(context, line, rest, vec![]);
        view.href = None;
        view.who = words::counted(rest, "more change", "more changes");
        view.more = Some(all_link(context, line, false, "Show all"));
        views.push(view);
    }
    views
}

fn added_or_removed(
    context: &PageContext<'_>,
    lines: &[&SharedChange],
    fields: &[&SharedChange],
) -> Vec<ChangeView> {
    let Some(first) = lines.first() else { return vec![] };
    let mut people: Vec<(&str, Vec<&SharedChange>)> = vec![];
    for line in lines {
        // A person is an avatar group, or if none is known, all items with the same first word.
        let person = line.group.as_deref().unwrap_or(first_word(line));
        match people.iter_mut().find(|(known, _)| *known == person && !person.is_empty()) {
            Some((_, same)) => same.push(line),
            None => people.push((person, vec![line])),
        }
    }
    if people.len() > FEW || first.all > lines.len() as i64 {
        let mut one = view(context, first, first.all, vec![]);
        one.more = Some(all_link(context, first, false, "Show all"));
        return vec![one];
    }
    let mut views = vec![];
    for (_, same) in people {
        let line = same[0];
        let mut hows = vec![How {
            field: String::new(),
            marks: vec![],
            text: details(context, line),
            link: None,
        }];
        if same.len() == 1 {
            let own =
                fields.iter().filter(|field| field.item_id == line.item_id && field.same == 1);
            hows.extend(own.map(|field| how(context, field)));
        }
        hows.retain(|how| !how.text.is_empty() || !how.field.is_empty());
        let mut one = view(context, line, same.len() as i64, hows);
        if same.len() > 1 {
            let items = match line.kind.catalogue == Catalogue::Avatars {
                true => words::counted(same.len(), "look", "looks"),
                false => words::items(line.kind, same.len() as i64),
            };
            let is_one_name = same.iter().all(|other| first_word(other) == first_word(line));
            let name = line.group_name.as_deref().map(str::trim).filter(|name| !name.is_empty());
            one.who = match name.or(is_one_name.then_some(first_word(line))) {
                Some(name) => format!("{}, {items}", words::tile_name(name)),
                None => format!("{items} of one person"),
            };
            one.more = Some(all_link(context, line, false, "Show all"));
        }
        views.push(one);
    }
    views
}

/// Returns the first word of the name.
fn first_word(line: &SharedChange) -> &str {
    line.name.as_deref().unwrap_or("").split_whitespace().next().unwrap_or("")
}

/// Returns a remark about an item that was added, removed or restored.
fn details(context: &PageContext<'_>, line: &SharedChange) -> String {
    match line.change.as_str() {
        "added" => {
            let gender = line.gender.as_deref().filter(|gender| !gender.is_empty());
            let video = line.has_video.then_some("with preview video");
            let all: Vec<String> =
                gender.map(words::tile_name).into_iter().chain(video.map(str::to_owned)).collect();
            all.join(", ")
        }
        "removed" => line.previous_poll_at.map_or(String::new(), |at| {
            let day = words::short_date(at, context.reference());
            format!("last seen {day}, {}", words::clock(at))
        }),
        _ => "listed again".into(),
    }
}

fn view(context: &PageContext<'_>, line: &SharedChange, count: i64, hows: Vec<How>) -> ChangeView {
    let name = line.name.as_deref().unwrap_or("");
    let who = match count {
        1 if name.is_empty() => line.item_id.clone(),
        1 => words::exact(&words::tile_name(name)),
        count => words::items(line.kind, count),
    };
    ChangeView {
        pic: pic(context, line),
        who,
        href: (count == 1).then(|| context.item(line.kind, &line.item_id)),
        sign: sign(&line.change),
        word: line.change.clone(),
        hows,
        more: (count > 1)
            .then(|| all_link(context, line, true, &format!("Show all {}", words::number(count)))),
    }
}

fn of_line(line: &SharedChange) -> OfItem<'_> {
    OfItem { kind: line.kind, id: &line.item_id, version: line.version }
}

fn pic(context: &PageContext<'_>, line: &SharedChange) -> Pic {
    Pic::of(context, of_line(line), line.name.as_deref(), &line.image)
}

fn how(context: &PageContext<'_>, line: &SharedChange) -> How {
    let field = line.field.clone().unwrap_or_default();
    if field == IMAGE && line.same == 1 {
        let text =
            if line.new.is_some() { "new preview picture" } else { "preview picture removed" };
        let is_shown = |preview| source(context, of_line(line), Role::Image, preview).is_some();
        let both = line.new.is_some() && is_shown(&line.image) && is_shown(&line.image_before);
        let versions = [("from", line.version - 1), ("to", line.version)]
            .map(|(name, version)| (name, version.to_string()));
        let href = || context.href(&item_path(line.kind, &line.item_id), &versions);
        let link = both.then(|| Anchor::new(href(), "Before and after"));
        return How { field: String::new(), marks: vec![], text: text.into(), link };
    }
    let marks = inline(line.old.as_deref(), line.new.as_deref());
    How { field: words::tile_name(&field), marks, text: String::new(), link: None }
}

/// Returns the link to these changes on the poll's page.
fn all_link(context: &PageContext<'_>, line: &SharedChange, of_field: bool, text: &str) -> Anchor {
    let mut parameters =
        vec![("kind", line.kind.as_str().to_owned()), ("change", line.change.clone())];
    parameters.extend(line.field.iter().filter(|_| of_field).map(|field| ("field", field.clone())));
    Anchor::new(context.poll(line.poll_id, &parameters), text)
}
