//! The parameters of each page: query strings ↔ typed queries. The URL contains the whole state. Pure.

use super::{
    query_pairs::{BadParameter, QueryPairs, bad, not_one_of},
    viewpoint::end_of,
};
use crate::{
    catalog::kind::{Kind, Role},
    store::{
        browse::{
            facets::{self, Facet},
            filter::{ItemFilter, Order},
        },
        change::ChangeFilter,
        table::words::CHANGES,
    },
    time::Timestamp,
};

/// How a list is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// As pictures.
    Grid,
    /// As rows with ids and dates.
    Table,
}

/// The parameters of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GridQuery {
    /// The filter of the items.
    pub filter: ItemFilter,
    /// The order of the items.
    pub order: Order,
    /// The layout, if one was chosen.
    pub layout: Option<Layout>,
    /// The number of the page, from 1.
    pub page: i64,
}

/// The period of a bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum By {
    /// One bar per day.
    Day,
    /// One bar per week, from Monday.
    #[default]
    Week,
}

/// The parameters of the change feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangesQuery {
    /// The filter of the changes.
    pub filter: ChangeFilter,
    /// The first day or moment, as in the URL.
    pub from: Option<String>,
    /// The last day or moment, as in the URL.
    pub to: Option<String>,
    /// In the feed: only polls before this one.
    pub before: Option<i64>,
    /// For one poll: the number of the page, from 1.
    pub page: i64,
}

/// The orders of a list: word in the URL, text, order.
pub const ORDERS: [(&str, &str, Order); 4] = [
    ("name", "Name, A to Z", Order::Name),
    ("added", "Newest first", Order::Added),
    ("changed", "Last changed first", Order::Changed),
    ("id", "Id", Order::Id),
];
const LAYOUTS: [(&str, Layout); 2] = [("grid", Layout::Grid), ("table", Layout::Table)];

/// Returns the layout of a kind if none is chosen: rows if it has no pictures.
pub fn default_layout(kind: Kind) -> Layout {
    match kind.previews.iter().any(|preview| preview.role == Role::Image) {
        true => Layout::Grid,
        false => Layout::Table,
    }
}

impl GridQuery {
    /// Takes all parameters of a list of these kinds.
    pub fn take(pairs: &mut QueryPairs, kinds: &[Kind]) -> Result<Self, BadParameter> {
        let none = pairs.take_all("none");
        let has = |name: &str| kinds.iter().any(|kind| kind.column(name).is_some());
        let no_column = |name: &&String| !has(name);
        if let Some(name) = none.iter().find(no_column) {
            return Err(bad("none", &format!("must be a field of this list; '{name}' is not")));
        }
        let q = pairs.one("q")?.unwrap_or_default();
        let mut filter = ItemFilter::new(q, none);
        for facet in facets::FACETS.iter().filter(|facet| facet.column.is_none_or(has)) {
            filter.choose(facet, take_facet(pairs, facet)?);
        }
        let default_layout = kinds.first().map(|kind| default_layout(*kind));
        let orders = ORDERS.map(|(word, _, order)| (word, order));
        Ok(Self {
            filter,
            order: pairs.word("sort", &orders)?.unwrap_or_default(),
            layout: pairs.word("view", &LAYOUTS)?.filter(|layout| Some(*layout) != default_layout),
            page: pairs.page()?,
        })
    }

    /// Fails if `past` and a choice is not known for the past.
    pub fn refuse_unknown_past(&self, past: bool) -> Result<(), BadParameter> {
        if !past {
            return Ok(());
        }
        for facet in &facets::FACETS {
            let of_past = |word: &&str| !facets::is_of_present(facet.param, word);
            if !self.filter.chosen(facet).iter().all(|word| of_past(&word.as_str())) {
                let words = facet.choices().iter().map(|choice| choice.word);
                let words: Vec<&str> = words.filter(of_past).collect();
                let why = format!("must be one of {} in the past", words.join(", "));
                return Err(bad(facet.param, &why));
            }
        }
        Ok(())
    }

    /// Returns the pairs of a query string, without defaults.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let Self { filter, order, layout, page } = self;
        let mut pairs: Vec<(&'static str, String)> = vec![];
        let mut add = |name, value: &str| pairs.push((name, value.to_owned()));
        if !filter.q.is_empty() {
            add("q", &filter.q);
        }
        for facet in &facets::FACETS {
            filter.chosen(facet).iter().for_each(|value| add(facet.param, value));
        }
        filter.none.iter().for_each(|value| add("none", value));
        if *order != Order::default() {
            let word = ORDERS.iter().find(|(_, _, known)| known == order);
            add("sort", word.map_or("", |(word, ..)| *word));
        }
        if let Some((word, _)) = LAYOUTS.iter().find(|(_, known)| Some(*known) == *layout) {
            add("view", word);
        }
        if *page > 1 {
            add("page", &page.to_string());
        }
        pairs
    }

    /// Returns a copy at the first page.
    pub fn first_page(&self) -> Self {
        Self { page: 1, ..self.clone() }
    }

    /// Returns a copy at the first page, changed by `edit`.
    pub fn with(&self, edit: impl FnOnce(&mut Self)) -> Self {
        let mut other = self.first_page();
        edit(&mut other);
        other
    }
}

/// Takes the values of a facet's parameter.
fn take_facet(pairs: &mut QueryPairs, facet: &Facet) -> Result<Vec<String>, BadParameter> {
    let values: Vec<String> = match facet.single {
        true => pairs.one(facet.param)?.into_iter().collect(),
        false => pairs.take_all(facet.param),
    };
    let words: Vec<&str> = facet.choices().iter().map(|choice| choice.word).collect();
    let known = |value: &String| words.is_empty() || words.contains(&value.as_str());
    if values.iter().all(known) { Ok(values) } else { Err(not_one_of(facet.param, &words)) }
}

/// Takes `kind`.
fn take_kind(pairs: &mut QueryPairs) -> Result<Option<Kind>, BadParameter> {
    let kinds: Vec<(&str, Kind)> =
        Kind::ALL.into_iter().map(|kind| (kind.as_str(), kind)).collect();
    pairs.word("kind", &kinds)
}

impl ChangesQuery {
    /// Takes `kind`, `change`, `field`, `id`, `from`, `to` and `before`.
    pub fn take(pairs: &mut QueryPairs) -> Result<Self, BadParameter> {
        let mut query = Self { filter: Self::choices(pairs)?, page: 1, ..Self::default() };
        if let Some(before) = pairs.one("before")? {
            let number = before.parse().ok().filter(|number| *number >= 1);
            query.before =
                Some(number.ok_or_else(|| bad("before", "must be the number of a poll"))?);
        }
        query.filter.id = pairs.one("id")?;
        query.from = pairs.one("from")?;
        query.to = pairs.one("to")?;
        let takes = "must be a day (2026-09-07) or a time (2026-09-07T05:57:09Z)";
        if let Some(from) = &query.from {
            query.filter.since = Some(Timestamp::parse(from).ok_or_else(|| bad("from", takes))?);
        }
        if let Some(to) = &query.to {
            let (end, _) = end_of(to).ok_or_else(|| bad("to", takes))?;
            query.filter.until = Some(end.plus(std::time::Duration::from_millis(1)));
        }
        match (query.filter.since, query.filter.until) {
            (Some(from), Some(until)) if from >= until => Err(bad("from", "is later than `to`")),
            _ => Ok(query),
        }
    }

    /// Takes `kind`, `change`, `field` and `page`.
    pub fn of_poll(pairs: &mut QueryPairs) -> Result<Self, BadParameter> {
        Ok(Self { filter: Self::choices(pairs)?, page: pairs.page()?, ..Self::default() })
    }

    fn choices(pairs: &mut QueryPairs) -> Result<ChangeFilter, BadParameter> {
        Ok(ChangeFilter {
            kind: take_kind(pairs)?,
            change: take_change(pairs)?,
            field: pairs.one("field")?,
            ..ChangeFilter::default()
        })
    }

    /// Returns the pairs of a query string.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let ChangeFilter { kind, change, field, id, since: _, until: _ } = &self.filter;
        let page = (self.page > 1).then(|| self.page.to_string());
        let all = [
            ("kind", kind.map(|kind| kind.as_str().to_owned())),
            ("change", change.clone()),
            ("field", field.clone()),
            ("id", id.clone()),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("before", self.before.map(|poll| poll.to_string())),
            ("page", page),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

fn take_change(pairs: &mut QueryPairs) -> Result<Option<String>, BadParameter> {
    let words = CHANGES.map(|word| (word, word));
    Ok(pairs.word("change", &words)?.map(str::to_owned))
}

/// Takes `kind`, `change` and `id`.
pub fn take_feed(pairs: &mut QueryPairs) -> Result<ChangeFilter, BadParameter> {
    Ok(ChangeFilter {
        kind: take_kind(pairs)?,
        change: take_change(pairs)?,
        id: pairs.one("id")?,
        ..ChangeFilter::default()
    })
}

/// Takes `by`.
pub fn take_by(pairs: &mut QueryPairs) -> Result<By, BadParameter> {
    Ok(pairs.word("by", &[("day", By::Day), ("week", By::Week)])?.unwrap_or_default())
}

/// Takes `from` and `to`, numbers of versions.
pub fn take_versions(pairs: &mut QueryPairs) -> Result<Option<(i64, i64)>, BadParameter> {
    let mut number = |name: &str| -> Result<Option<i64>, BadParameter> {
        let Some(text) = pairs.one(name)? else { return Ok(None) };
        let number = text.parse::<i64>().ok().filter(|number| *number >= 1);
        number.map(Some).ok_or_else(|| bad(name, "must be the number of a version"))
    };
    match (number("from")?, number("to")?) {
        (None, None) => Ok(None),
        (Some(from), Some(to)) => Ok(Some((from, to))),
        (Some(_), None) => Err(bad("to", "is missing: `from` needs it")),
        (None, Some(_)) => Err(bad("from", "is missing: `to` needs it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::viewpoint::Viewpoint;

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-23T10:00:00Z").unwrap()
    }

    fn grid(query: &str) -> Result<GridQuery, BadParameter> {
        let mut pairs = QueryPairs::parse(query)?;
        Viewpoint::take(&mut pairs, now())?;
        let grid = GridQuery::take(&mut pairs, &[Kind::AVATAR])?;
        pairs.finish()?;
        Ok(grid)
    }

    #[test]
    fn a_question_comes_back_from_its_own_link() {
        for query in [
            "q=a%26b+c&listed=all&new=7d&changed=poll&gender=female&gender=male&premium=no",
            "tag=a&tag=b%3Dc&type=x&picture=gone&none=tags&sort=added&view=table&page=7",
        ] {
            let grid_query = grid(query).unwrap();
            let href = Viewpoint::default().href("/avatars", &grid_query.pairs());
            assert_eq!(grid(href.split_once('?').unwrap().1).unwrap(), grid_query, "{href}");
        }
    }

    #[test]
    fn a_typo_is_refused_by_its_name() {
        for (query, name) in [
            ("gendre=female", "gendre"),
            ("listed=gone", "listed"),
            ("premium=true", "premium"),
            ("page=0", "page"),
            ("page=-1", "page"),
            ("page=x", "page"),
            ("sort=name&sort=id", "sort"),
            ("as_of=yesterday", "as_of"),
            ("as_of=2026-13-01", "as_of"),
            ("as_of=2027-01-01", "as_of"),
            ("none=nonsense", "none"),
            ("q=%FF", "q"),
            (&format!("q={}", "x".repeat(1_025)), "q"),
        ] {
            assert_eq!(grid(query).unwrap_err().name, name, "{query}");
        }
    }

    #[test]
    fn empty_fields_of_a_form_count_as_absent() {
        assert_eq!(grid("q=&as_of=&gender=").unwrap(), GridQuery { page: 1, ..Default::default() });
        assert_eq!(grid("page=99999999999999999999999").unwrap().page, 1_000_000_000);
    }
}
