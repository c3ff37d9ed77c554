//! `/avatars` and `/talking-photos`: the list, its facets, its states.

use std::sync::Arc;

use askama::Template;

use super::{
    failure::Failure,
    page::{Context, Link, Message, Pager, Shell, Step, TileView},
    params::{self, GridQuery, View as Layout},
    response::render,
    route::View,
    words,
};
use crate::{
    catalog::kind::Kind,
    store::browse::{
        Mark, Reading,
        filter::{Filter, Listed, Picture, Sort, Span},
        items::Facets,
    },
};

/// So many items stand on a page.
pub const PAGE: i64 = 60;
/// So many tags are shown before "More".
const FEW_TAGS: usize = 4;

#[derive(Template)]
#[template(path = "grid.html")]
struct Page {
    shell: Shell,
    heading: String,
    total: String,
    action: &'static str,
    q: String,
    sorts: [(&'static str, &'static str, bool); 4],
    /// What the search form carries on.
    hidden: Vec<(&'static str, String)>,
    groups: Vec<Group>,
    pills: Vec<Link>,
    views: [Link; 2],
    table: bool,
    tiles: Vec<TileView>,
    pager: Option<Pager>,
    /// Where nothing matches: ways out, with how much they lead to.
    ways_out: Vec<Link>,
    nothing: &'static str,
}

/// A facet.
struct Group {
    title: &'static str,
    choices: Vec<Choice>,
    more: Vec<Choice>,
}

/// A value of a facet.
#[derive(Clone)]
struct Choice {
    /// Where it leads; a value that no link can say leads nowhere.
    href: Option<String>,
    text: String,
    count: String,
    chosen: bool,
}

/// Refuses to tell who was missing in the past.
pub fn refuse_unknown_past(context: &Context<'_>, query: &GridQuery) -> Result<(), Failure> {
    match context.place.as_of.is_some() && query.filter.listed == Listed::Missing {
        true => Err(params::BadParameter {
            name: "listed".into(),
            why: "is now, removed or all in the past: who was missing then is not kept".into(),
        }
        .into()),
        false => Ok(()),
    }
}

/// The list's page.
pub async fn page(
    context: &Context<'_>,
    reading: &mut Reading,
    mark: &Mark,
    kind: Kind,
    query: &GridQuery,
) -> Result<String, Failure> {
    let mut query = query.clone();
    refuse_unknown_past(context, &query)?;
    // Far behind the end there is nothing to look for.
    query.page = query.page.max(1);
    let facets = facets(context, reading, mark, kind, &query.filter).await?;
    let pages = (facets.total + PAGE - 1) / PAGE;
    let tiles = match facets.total > 0 && query.page <= pages {
        true => {
            let (scope, moments) = (context.scope(kind), context.moments());
            let offset = (query.page - 1) * PAGE;
            reading.tiles(&scope, &query.filter, &moments, query.sort, PAGE, offset).await?
        }
        false => vec![],
    };
    let ways_out = match facets.total {
        0 => ways_out(context, reading, kind, &query, &facets).await?,
        _ => vec![],
    };
    let path = super::route::list_path(kind);
    let heading = words::heading(kind);
    let href = |query: &GridQuery| context.href(path, &query.pairs());
    if facets.total > 0 && tiles.is_empty() {
        let text = format!(
            "Page {} does not exist: this list has {}.",
            words::number(query.page),
            words::counted(pages, "page", "pages")
        );
        let mut message = Message::new(&context.place, heading, text);
        message.links = vec![
            Link::new(href(&query.with(|_| ())), "The first page"),
            Link::new(href(&query.with(|q| q.page = pages)), "The last page"),
        ];
        return Err(Failure::NotFound(Box::new(message)));
    }
    let mut views: Vec<TileView> = tiles.iter().map(|tile| TileView::new(context, tile)).collect();
    views.iter_mut().take(5).for_each(|tile| tile.eager = true);
    let groups = groups(context, kind, &query, &facets, &href);
    let nothing = if facets.total == 0 { "Nothing matches." } else { "" };
    render(&Page {
        shell: Shell::new(context, &View::Grid(kind), heading.clone()),
        heading,
        total: words::number(facets.total),
        action: path,
        q: query.filter.q.clone(),
        sorts: sorts(query.sort),
        hidden: hidden(context, &query),
        pills: pills(context, &query, &href),
        groups,
        views: [
            Link::new(href(&query.with(|q| q.view = Layout::Grid)), "Pictures"),
            Link::new(href(&query.with(|q| q.view = Layout::Table)), "Table"),
        ],
        table: query.view == Layout::Table,
        tiles: views,
        pager: Pager::new(query.page, pages, |page| href(&query.with(|q| q.page = page))),
        ways_out,
        nothing,
    })
}

async fn facets(
    context: &Context<'_>,
    reading: &mut Reading,
    mark: &Mark,
    kind: Kind,
    filter: &Filter,
) -> Result<Arc<Facets>, Failure> {
    let (scope, moments) = (context.scope(kind), context.moments());
    let key = format!("{mark:?} {scope:?} {filter:?} {moments:?}");
    if let Some(kept) = context.app.facets.get(&key) {
        return Ok(kept);
    }
    let facets = Arc::new(reading.facets(&scope, filter, &moments).await?);
    context.app.facets.keep(key, &facets);
    Ok(facets)
}

/// Where nothing matches: each choice dropped alone, with how many items that shows.
async fn ways_out(
    context: &Context<'_>,
    reading: &mut Reading,
    kind: Kind,
    query: &GridQuery,
    facets: &Facets,
) -> Result<Vec<Link>, Failure> {
    let path = super::route::list_path(kind);
    let mut ways: Vec<(String, GridQuery, Option<i64>)> = vec![];
    let filter = &query.filter;
    let without = facets.without;
    let mut add = |is: bool, text: &str, count, edit: &dyn Fn(&mut Filter)| {
        if is {
            ways.push((text.to_owned(), query.with(|q| edit(&mut q.filter)), count));
        }
    };
    add(filter.listed != Listed::Now, "any of today's", Some(without[0]), &|f| {
        f.listed = Listed::All
    });
    add(filter.new.is_some(), "new", Some(without[1]), &|f| f.new = None);
    add(filter.changed.is_some(), "changed", Some(without[2]), &|f| f.changed = None);
    add(!filter.gender.is_empty(), "gender", Some(without[3]), &|f| f.gender.clear());
    add(!filter.premium.is_empty(), "premium", Some(without[4]), &|f| f.premium.clear());
    add(!filter.of_type.is_empty(), "type", Some(without[5]), &|f| f.of_type.clear());
    add(!filter.picture.is_empty(), "picture", Some(without[6]), &|f| f.picture.clear());
    add(!filter.q.is_empty(), "the search", None, &|f| f.q.clear());
    add(!filter.tag.is_empty(), "tags", None, &|f| f.tag.clear());
    add(!filter.none.is_empty(), "empty fields", None, &|f| f.none.clear());
    let mut links = vec![];
    for (text, without, count) in ways {
        let count = match count {
            Some(count) => count,
            None => {
                let (scope, moments) = (context.scope(kind), context.moments());
                reading.total(&scope, &without.filter, &moments).await?
            }
        };
        let text = match text.as_str() {
            "any of today's" => format!("Listed or not ({})", words::number(count)),
            text => format!("Without {text} ({})", words::number(count)),
        };
        links.push(Link::new(context.href(path, &without.pairs()), text));
    }
    links.push(Link::new(context.href(path, &[]), "All of them"));
    Ok(links)
}

fn sorts(chosen: Sort) -> [(&'static str, &'static str, bool); 4] {
    [
        (Sort::Name, "Name, A to Z"),
        (Sort::Added, "Newest first"),
        (Sort::Changed, "Last changed first"),
        (Sort::Id, "Id"),
    ]
    .map(|(sort, text)| (params::sort_word(sort), text, sort == chosen))
}

/// All of the question but what the form's own fields ask.
fn hidden(context: &Context<'_>, query: &GridQuery) -> Vec<(&'static str, String)> {
    let mut pairs = query.with(|_| ()).pairs();
    pairs.retain(|(name, _)| !matches!(*name, "q" | "sort"));
    context.place.pairs().into_iter().chain(pairs).collect()
}

fn picture_text(picture: Picture, past: bool) -> &'static str {
    match picture {
        Picture::Mirrored if past => "kept",
        Picture::Pending if past => "not kept",
        Picture::Mirrored => "mirrored",
        Picture::Pending => "not yet",
        Picture::Failed => "could not be fetched",
        Picture::Gone => "gone",
        Picture::None => "none given",
        Picture::Risk => "at risk: link expires",
    }
}

fn span_text(span: Span) -> &'static str {
    match span {
        Span::Poll => "Since last poll",
        Span::Week => "Last 7 days",
        Span::Month => "Last 30 days",
    }
}

fn groups(
    context: &Context<'_>,
    kind: Kind,
    query: &GridQuery,
    facets: &Facets,
    href: &dyn Fn(&GridQuery) -> String,
) -> Vec<Group> {
    let past = context.place.as_of.is_some();
    let choice = |text: &str, count: i64, chosen: bool, edit: &dyn Fn(&mut Filter)| Choice {
        href: Some(href(&query.with(|q| edit(&mut q.filter)))),
        text: words::tile_name(text),
        count: words::number(count),
        chosen,
    };
    // A value that cannot be asked for is named and counted all the same.
    let value_choice = |text: &str, count: i64, chosen: bool, edit: &dyn Fn(&mut Filter)| {
        let shown = if text.is_empty() { "(empty)" } else { text };
        let known = choice(shown, count, chosen, edit);
        match params::can_be_asked(text) {
            true => known,
            false => Choice { href: None, ..known },
        }
    };
    let filter = &query.filter;
    let mut groups = vec![];
    let listed = [
        (Listed::Now, "Now", 0),
        (Listed::Missing, "Missing, may go", 1),
        (Listed::Removed, "Removed", 2),
        (Listed::All, "Ever", 3),
    ];
    let shown = |listed: Listed, count: i64| match listed {
        Listed::Missing => !past && (count > 0 || filter.listed == listed),
        Listed::Removed | Listed::All => facets.listed[2] > 0 || filter.listed == listed,
        Listed::Now => true,
    };
    let listed = listed.into_iter().filter(|(one, _, at)| shown(*one, facets.listed[*at]));
    groups.push((
        "Listed",
        listed
            .map(|(one, text, at)| {
                choice(text, facets.listed[at], filter.listed == one, &|f| f.listed = one)
            })
            .collect::<Vec<_>>(),
    ));
    let spans = |counts: [i64; 3],
                 chosen: Option<Span>,
                 set: &dyn Fn(&mut Filter, Option<Span>)| {
        let of = |span: Span| {
            let next = if chosen == Some(span) { None } else { Some(span) };
            choice(span_text(span), counts[span as usize], chosen == Some(span), &|f| set(f, next))
        };
        match counts.iter().any(|count| *count > 0) || chosen.is_some() {
            true => Span::ALL.map(of).to_vec(),
            false => vec![],
        }
    };
    groups.push(("New", spans(facets.new, filter.new, &|f, span| f.new = span)));
    groups.push(("Changed", spans(facets.changed, filter.changed, &|f, span| f.changed = span)));
    let free = |counts: &std::collections::BTreeMap<Option<String>, i64>,
                chosen: &[String],
                column: &'static str,
                toggle: &dyn Fn(&mut Filter, &str)| {
        let mut values: Vec<(&Option<String>, &i64)> = counts.iter().collect();
        values.sort_by_key(|(value, count)| (value.is_none(), -**count));
        let few = values.len() < 2 && chosen.is_empty();
        let shown = values.into_iter().take(if few { 0 } else { 12 });
        shown
            .map(|(value, count)| match value {
                Some(value) => {
                    value_choice(value, *count, chosen.contains(value), &|f| toggle(f, value))
                }
                None => {
                    let is = filter.none.iter().any(|known| known == column);
                    choice("not given", *count, is, &|f| flip(&mut f.none, column))
                }
            })
            .collect::<Vec<_>>()
    };
    let gender =
        free(&facets.gender, &filter.gender, "gender", &|f, value| flip(&mut f.gender, value));
    groups.push(("Gender", gender));
    let known = facets.premium.keys().filter(|value| value.is_some()).count();
    if known + usize::from(facets.premium.contains_key(&None)) >= 2 || !filter.premium.is_empty() {
        let of = |yes: bool| {
            let count = facets.premium.get(&Some(yes)).copied().unwrap_or(0);
            let text = if yes { "yes" } else { "no" };
            choice(text, count, filter.premium.contains(&yes), &|f| match f
                .premium
                .iter()
                .position(|known| *known == yes)
            {
                Some(at) => drop(f.premium.remove(at)),
                None => f.premium.push(yes),
            })
        };
        groups.push(("Premium", vec![of(true), of(false)]));
    }
    let of_type =
        free(&facets.of_type, &filter.of_type, "type", &|f, value| flip(&mut f.of_type, value));
    groups.push(("Type", of_type));
    let tags = match facets.tags.len() < 2 && filter.tag.is_empty() {
        true => vec![],
        false => facets
            .tags
            .iter()
            .map(|(tag, count)| {
                value_choice(tag, *count, filter.tag.contains(tag), &|f| flip(&mut f.tag, tag))
            })
            .collect(),
    };
    groups.push(("Tags", tags));
    let pictures: Vec<Choice> = Picture::CLASSES
        .into_iter()
        .chain([Picture::Risk])
        .filter_map(|picture| {
            let chosen = filter.picture.contains(&picture);
            let count = facets.picture.get(&picture).copied();
            let count = count.or(chosen.then_some(0))?;
            Some(choice(picture_text(picture, past), count, chosen, &|f| match f
                .picture
                .iter()
                .position(|known| *known == picture)
            {
                Some(at) => drop(f.picture.remove(at)),
                None => f.picture.push(picture),
            }))
        })
        .collect();
    let pictures = if pictures.len() < 2 && filter.picture.is_empty() { vec![] } else { pictures };
    groups.push(("Picture", pictures));
    let _ = kind;
    let parted = groups.into_iter().filter(|(_, choices)| !choices.is_empty());
    parted.map(|(title, choices)| parted_group(title, choices)).collect()
}

/// Of many tags the most frequent and the chosen ones come first.
fn parted_group(title: &'static str, choices: Vec<Choice>) -> Group {
    if title != "Tags" || choices.len() <= FEW_TAGS + 1 {
        return Group { title, choices, more: vec![] };
    }
    let mut seen = 0;
    let (choices, more) = choices.into_iter().partition(|choice| {
        seen += 1;
        choice.chosen || seen <= FEW_TAGS
    });
    Group { title, choices, more }
}

/// Adds a value, or takes it away.
fn flip(values: &mut Vec<String>, value: &str) {
    match values.iter().position(|known| known == value) {
        Some(at) => drop(values.remove(at)),
        None => {
            values.push(value.to_owned());
            values.sort();
        }
    }
}

/// Each choice with the link that takes it away.
fn pills(
    context: &Context<'_>,
    query: &GridQuery,
    href: &dyn Fn(&GridQuery) -> String,
) -> Vec<Link> {
    let past = context.place.as_of.is_some();
    let filter = &query.filter;
    let mut pills = vec![];
    let mut pill = |name: &str, value: &str, edit: &dyn Fn(&mut Filter)| {
        let text = format!("{name} {}", words::tile_name(value));
        pills.push(Link::new(href(&query.with(|q| edit(&mut q.filter))), text.trim()));
    };
    if !filter.q.is_empty() {
        pill("search", &filter.q, &|f| f.q.clear());
    }
    if filter.listed != Listed::Now {
        pill("listed", params::listed_word(filter.listed), &|f| f.listed = Listed::Now);
    }
    if let Some(span) = filter.new {
        pill("new", &span_text(span).to_lowercase(), &|f| f.new = None);
    }
    if let Some(span) = filter.changed {
        pill("changed", &span_text(span).to_lowercase(), &|f| f.changed = None);
    }
    for value in &filter.gender {
        pill("gender", value, &|f| flip(&mut f.gender, value));
    }
    for yes in &filter.premium {
        pill("premium", if *yes { "yes" } else { "no" }, &|f| {
            f.premium.retain(|known| known != yes)
        });
    }
    for value in &filter.of_type {
        pill("type", value, &|f| flip(&mut f.of_type, value));
    }
    for value in &filter.tag {
        pill("tag", value, &|f| flip(&mut f.tag, value));
    }
    for picture in &filter.picture {
        pill("picture", picture_text(*picture, past), &|f| {
            f.picture.retain(|known| known != picture)
        });
    }
    for column in &filter.none {
        pill("no", column, &|f| flip(&mut f.none, column));
    }
    pills
}
