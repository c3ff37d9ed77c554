//! The URL is the state: query strings ↔ typed questions. Pure.
//!
//! A parameter that is unknown, cannot be read or stands twice where one is meant is refused by
//! its name, so that a typo never shows a wrong list. An empty one counts as absent: forms send
//! their empty fields too. It knows no SQL and no HTML.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{
    catalog::kind::Kind,
    store::browse::{
        changes::ChangesFilter,
        filter::{Filter, Listed, Picture, Sort, Span},
    },
    time::Timestamp,
};

/// What is wrong with a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadParameter {
    /// Its name, as it was given.
    pub name: String,
    /// What it takes.
    pub why: String,
}

/// Where one stands: what every link carries on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The account, where it was chosen.
    pub account: Option<String>,
    /// A moment of the past.
    pub as_of: Option<AsOf>,
}

/// A moment of the past, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// As it stands in the URL.
    pub raw: String,
    /// The moment: of a day its end.
    pub at: Timestamp,
    /// Whether a day was given.
    pub is_day: bool,
}

/// A list as tiles or rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum View {
    /// Pictures.
    #[default]
    Grid,
    /// Ids and dates.
    Table,
}

/// What is asked of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GridQuery {
    /// Which items.
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
    /// As what.
    pub view: View,
    /// Which page, from 1.
    pub page: i64,
}

/// Bars of days or of weeks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum By {
    /// One bar a day.
    Day,
    /// One bar a week, from Monday.
    #[default]
    Week,
}

/// What is asked of the change feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangesQuery {
    /// Which changes.
    pub filter: ChangesFilter,
    /// `from` and `to` as they were written.
    pub from: Option<String>,
    /// The last day or moment, included.
    pub to: Option<String>,
    /// Of the feed: polls before this one.
    pub before: Option<i64>,
    /// Of one poll: which page, from 1.
    pub page: i64,
}

/// No value is longer, in bytes: every link of a page carries it on.
pub const LONGEST: usize = 1_024;

/// Whether a value can stand in a link: an empty one counts as absent.
pub fn can_be_asked(value: &str) -> bool {
    !value.is_empty() && value.len() <= LONGEST && !value.contains('\0')
}

/// The pairs of a query string that are not read yet.
#[derive(Debug, Default)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Decodes a query string.
    pub fn parse(query: &str) -> Result<Self, BadParameter> {
        let mut pairs = vec![];
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name).unwrap_or_else(|| name.to_owned());
            let value = decoded(value).ok_or_else(|| bad(&name, "is not text in UTF-8"))?;
            if value.contains('\0') {
                return Err(bad(&name, "holds a character that no text here has"));
            }
            if value.len() > LONGEST {
                return Err(bad(&name, &format!("is longer than {LONGEST} bytes")));
            }
            if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        Ok(Self(pairs))
    }

    /// All values of a parameter, each once.
    pub fn many(&mut self, name: &str) -> Vec<String> {
        let mut values: Vec<String> = vec![];
        self.0.retain(|(own, value)| {
            if own == name && !values.contains(value) {
                values.push(value.clone());
            }
            own != name
        });
        values.sort();
        values
    }

    /// The value of a parameter that may stand once.
    pub fn one(&mut self, name: &str) -> Result<Option<String>, BadParameter> {
        let mut values = self.many(name);
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(bad(name, "stands twice; give it once")),
        }
    }

    /// The value of a parameter with a few known words.
    fn word<T: Copy>(
        &mut self,
        name: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, BadParameter> {
        self.one(name)?.map(|value| known(name, &value, words)).transpose()
    }

    /// The values of a parameter with a few known words.
    fn words<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Result<Vec<T>, BadParameter> {
        self.many(name).iter().map(|value| known(name, value, words)).collect()
    }

    fn page(&mut self) -> Result<i64, BadParameter> {
        let Some(text) = self.one("page")? else { return Ok(1) };
        // So many pages no list can have; larger numbers are pages without items just as well.
        let digits = text.len() < 300 && text.bytes().all(|b| b.is_ascii_digit());
        let page = digits.then(|| text.parse().unwrap_or(i64::MAX)).filter(|page| *page >= 1);
        page.map(|page| page.min(1_000_000_000)).ok_or_else(|| bad("page", "is a number from 1"))
    }

    /// Refuses what nobody asked for.
    pub fn finish(self) -> Result<(), BadParameter> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(bad(&name, "is no parameter of this page")),
        }
    }
}

impl Place {
    /// Takes `account` and `as_of`.
    pub fn take(pairs: &mut Pairs, now: Timestamp) -> Result<Self, BadParameter> {
        let account = pairs.one("account")?;
        let as_of = pairs.one("as_of")?.map(|raw| AsOf::parse(raw, now)).transpose()?;
        Ok(Self { account, as_of: as_of.flatten() })
    }

    /// As much of the place as can be read: for pages that say why there is no other.
    pub fn loosely(query: &str, now: Timestamp) -> Self {
        let mut pairs = Pairs::default();
        for pair in query.split('&').filter_map(|pair| Pairs::parse(pair).ok()) {
            pairs.0.extend(pair.0);
        }
        let account = pairs.one("account").ok().flatten();
        let as_of = pairs.one("as_of").ok().flatten();
        let as_of = as_of.and_then(|raw| AsOf::parse(raw, now).ok().flatten());
        Self { account, as_of }
    }

    /// The place as a query string's pairs, for a form.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let account = self.account.iter().map(|account| ("account", account.clone()));
        let as_of = self.as_of.iter().map(|as_of| ("as_of", as_of.raw.clone()));
        account.chain(as_of).collect()
    }

    /// The moment of the past; `None` is now.
    pub fn at(&self) -> Option<Timestamp> {
        self.as_of.as_ref().map(|as_of| as_of.at)
    }

    /// A link to `path` that stays in this place.
    pub fn href(&self, path: &str, own: &[(&str, String)]) -> String {
        let mut pairs: Vec<(&str, &str)> = vec![];
        pairs.extend(self.account.as_deref().map(|account| ("account", account)));
        pairs.extend(self.as_of.as_ref().map(|as_of| ("as_of", as_of.raw.as_str())));
        pairs.extend(own.iter().map(|(name, value)| (*name, value.as_str())));
        let mut href = path.to_owned();
        for (index, (name, value)) in pairs.into_iter().enumerate() {
            href.push(if index == 0 { '?' } else { '&' });
            href.push_str(name);
            href.push('=');
            href.push_str(&encoded(value));
        }
        href
    }
}

impl AsOf {
    /// `Ok(None)` for today: that is now.
    fn parse(raw: String, now: Timestamp) -> Result<Option<Self>, BadParameter> {
        let (at, is_day) = end_of(&raw).ok_or_else(|| {
            bad("as_of", "is a day (2026-09-07) or a time (2026-09-07T05:57:09Z)")
        })?;
        if at < now {
            return Ok(Some(Self { raw, at, is_day }));
        }
        // The day that is not over yet is now; anything later is a slip.
        match end_of(&now.to_string()[..10]) {
            Some((today, _)) if at <= today => Ok(None),
            _ => Err(bad("as_of", "lies in the future")),
        }
    }
}

/// The last moment that a day or time names, and whether it is a day.
fn end_of(text: &str) -> Option<(Timestamp, bool)> {
    let at = Timestamp::parse(text)?;
    let is_day = text.trim().len() == 10;
    let end = std::time::Duration::from_millis(86_399_999);
    Some((if is_day { at.plus(end) } else { at }, is_day))
}

const LISTED: [(&str, Listed); 4] = [
    ("now", Listed::Now),
    ("missing", Listed::Missing),
    ("removed", Listed::Removed),
    ("all", Listed::All),
];
const SPANS: [(&str, Span); 3] = [("poll", Span::Poll), ("7d", Span::Week), ("30d", Span::Month)];
const YES_NO: [(&str, bool); 2] = [("yes", true), ("no", false)];
const PICTURES: [(&str, Picture); 6] = [
    ("mirrored", Picture::Mirrored),
    ("pending", Picture::Pending),
    ("failed", Picture::Failed),
    ("gone", Picture::Gone),
    ("none", Picture::None),
    ("risk", Picture::Risk),
];
const SORTS: [(&str, Sort); 4] =
    [("name", Sort::Name), ("added", Sort::Added), ("changed", Sort::Changed), ("id", Sort::Id)];
const VIEWS: [(&str, View); 2] = [("grid", View::Grid), ("table", View::Table)];
const KINDS: [(&str, Kind); 2] = [("avatar", Kind::AVATAR), ("talking_photo", Kind::TALKING_PHOTO)];
const CHANGES: [(&str, &str); 4] =
    [("added", "added"), ("changed", "changed"), ("removed", "removed"), ("restored", "restored")];

/// The word of a value.
fn word_of<T: PartialEq + Copy>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word)
}

/// How the URL says it.
pub fn listed_word(value: Listed) -> &'static str {
    word_of(&LISTED, value)
}

/// How the URL says it.
pub fn span_word(value: Span) -> &'static str {
    word_of(&SPANS, value)
}

/// How the URL says it.
pub fn picture_word(value: Picture) -> &'static str {
    word_of(&PICTURES, value)
}

/// How the URL says it.
pub fn sort_word(value: Sort) -> &'static str {
    word_of(&SORTS, value)
}

impl GridQuery {
    /// Takes all of a list's parameters.
    pub fn take(pairs: &mut Pairs, kind: Kind) -> Result<Self, BadParameter> {
        let avatar = kind == Kind::AVATAR;
        let many = |pairs: &mut Pairs, name| if avatar { pairs.many(name) } else { vec![] };
        let none = pairs.many("none");
        let no_column = |name: &&String| !kind.columns.iter().any(|known| known.name == **name);
        if let Some(name) = none.iter().find(no_column) {
            return Err(bad("none", &format!("is a field; '{name}' is none of theirs")));
        }
        Ok(Self {
            filter: Filter {
                q: pairs.one("q")?.unwrap_or_default(),
                listed: pairs.word("listed", &LISTED)?.unwrap_or_default(),
                new: pairs.word("new", &SPANS)?,
                changed: pairs.word("changed", &SPANS)?,
                gender: many(pairs, "gender"),
                premium: if avatar { pairs.words("premium", &YES_NO)? } else { vec![] },
                tag: many(pairs, "tag"),
                of_type: many(pairs, "type"),
                picture: pairs.words("picture", &PICTURES)?,
                none,
            },
            sort: pairs.word("sort", &SORTS)?.unwrap_or_default(),
            view: pairs.word("view", &VIEWS)?.unwrap_or_default(),
            page: pairs.page()?,
        })
    }

    /// The same as a query string's pairs; what is usual is left out.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let Self { filter, sort, view, page } = self;
        let Filter { q, listed, new, changed, gender, premium, tag, of_type, picture, none } =
            filter;
        let mut pairs: Vec<(&'static str, String)> = vec![];
        let mut add = |name, value: &str| pairs.push((name, value.to_owned()));
        if !q.is_empty() {
            add("q", q);
        }
        if *listed != Listed::Now {
            add("listed", listed_word(*listed));
        }
        new.iter().for_each(|span| add("new", span_word(*span)));
        changed.iter().for_each(|span| add("changed", span_word(*span)));
        gender.iter().for_each(|value| add("gender", value));
        premium.iter().for_each(|yes| add("premium", word_of(&YES_NO, *yes)));
        tag.iter().for_each(|value| add("tag", value));
        of_type.iter().for_each(|value| add("type", value));
        picture.iter().for_each(|value| add("picture", picture_word(*value)));
        none.iter().for_each(|value| add("none", value));
        if *sort != Sort::Name {
            add("sort", sort_word(*sort));
        }
        if *view != View::Grid {
            add("view", word_of(&VIEWS, *view));
        }
        if *page > 1 {
            add("page", &page.to_string());
        }
        pairs
    }

    /// The same, changed by `edit`, from its first page on.
    pub fn with(&self, edit: impl FnOnce(&mut Self)) -> Self {
        let mut other = Self { page: 1, ..self.clone() };
        edit(&mut other);
        other
    }
}

impl ChangesQuery {
    /// Takes `kind`, `change`, `field`, `id`, `from`, `to` and `before`.
    pub fn take(pairs: &mut Pairs) -> Result<Self, BadParameter> {
        let mut query = Self { filter: Self::choices(pairs)?, page: 1, ..Self::default() };
        if let Some(before) = pairs.one("before")? {
            let number = before.parse().ok().filter(|number| *number >= 1);
            query.before = Some(number.ok_or_else(|| bad("before", "is the number of a poll"))?);
        }
        query.filter.id = pairs.one("id")?;
        query.from = pairs.one("from")?;
        query.to = pairs.one("to")?;
        let takes = "is a day (2026-09-07) or a time (2026-09-07T05:57:09Z)";
        if let Some(from) = &query.from {
            query.filter.from = Some(Timestamp::parse(from).ok_or_else(|| bad("from", takes))?);
        }
        if let Some(to) = &query.to {
            let (end, _) = end_of(to).ok_or_else(|| bad("to", takes))?;
            query.filter.until = Some(end.plus(std::time::Duration::from_millis(1)));
        }
        match (query.filter.from, query.filter.until) {
            (Some(from), Some(until)) if from >= until => Err(bad("from", "is later than `to`")),
            _ => Ok(query),
        }
    }

    /// Takes `kind`, `change`, `field` and `page`.
    pub fn of_poll(pairs: &mut Pairs) -> Result<Self, BadParameter> {
        Ok(Self { filter: Self::choices(pairs)?, page: pairs.page()?, ..Self::default() })
    }

    fn choices(pairs: &mut Pairs) -> Result<ChangesFilter, BadParameter> {
        Ok(ChangesFilter {
            kind: pairs.word("kind", &KINDS)?,
            change: pairs.word("change", &CHANGES)?.map(str::to_owned),
            field: pairs.one("field")?,
            ..ChangesFilter::default()
        })
    }

    /// The same as a query string's pairs.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let ChangesFilter { kind, change, field, id, from: _, until: _ } = &self.filter;
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

/// Takes `kind`, `change` and `id`.
pub fn take_feed(pairs: &mut Pairs) -> Result<ChangesFilter, BadParameter> {
    Ok(ChangesFilter {
        kind: pairs.word("kind", &KINDS)?,
        change: pairs.word("change", &CHANGES)?.map(str::to_owned),
        id: pairs.one("id")?,
        ..ChangesFilter::default()
    })
}

/// Takes `by`.
pub fn take_by(pairs: &mut Pairs) -> Result<By, BadParameter> {
    Ok(pairs.word("by", &[("day", By::Day), ("week", By::Week)])?.unwrap_or_default())
}

/// Takes `page` alone.
pub fn take_page(pairs: &mut Pairs) -> Result<i64, BadParameter> {
    pairs.page()
}

/// Takes `from` and `to`, numbers of versions.
pub fn take_versions(pairs: &mut Pairs) -> Result<Option<(i64, i64)>, BadParameter> {
    let mut number = |name: &str| -> Result<Option<i64>, BadParameter> {
        let Some(text) = pairs.one(name)? else { return Ok(None) };
        let number = text.parse::<i64>().ok().filter(|number| *number >= 1);
        number.map(Some).ok_or_else(|| bad(name, "is the number of a version"))
    };
    match (number("from")?, number("to")?) {
        (None, None) => Ok(None),
        (Some(from), Some(to)) => Ok(Some((from, to))),
        (Some(_), None) => Err(bad("to", "is missing beside `from`")),
        (None, Some(_)) => Err(bad("from", "is missing beside `to`")),
    }
}

fn known<T: Copy>(name: &str, value: &str, words: &[(&str, T)]) -> Result<T, BadParameter> {
    let found = words.iter().find(|(word, _)| *word == value);
    found.map(|(_, known)| *known).ok_or_else(|| {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        bad(name, &format!("is one of {}", all.join(", ")))
    })
}

fn bad(name: &str, why: &str) -> BadParameter {
    BadParameter { name: name.to_owned(), why: why.to_owned() }
}

fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(|text| text.into_owned())
}

const QUERY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string().replace("%20", "+")
}

/// An id as a path's segment: every byte but letters, digits, `_` and `-` as `~XX`.
pub fn id_to_path(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => out.push(char::from(byte)),
            _ => out.push_str(&format!("~{byte:02X}")),
        }
    }
    out
}

/// The id that a path's segment stands for; `None` when it stands for none.
pub fn id_from_path(segment: &str) -> Option<String> {
    let segment: Vec<u8> = percent_decode_str(segment).collect();
    let mut bytes = Vec::with_capacity(segment.len());
    let mut at = 0;
    while let Some(byte) = segment.get(at) {
        if *byte == b'~' {
            let hex = std::str::from_utf8(segment.get(at + 1..at + 3)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            at += 3;
        } else {
            bytes.push(*byte);
            at += 1;
        }
    }
    String::from_utf8(bytes).ok().filter(|id| !id.is_empty() && !id.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-23T10:00:00Z").unwrap()
    }

    fn grid(query: &str) -> Result<GridQuery, BadParameter> {
        let mut pairs = Pairs::parse(query)?;
        Place::take(&mut pairs, now())?;
        let grid = GridQuery::take(&mut pairs, Kind::AVATAR)?;
        pairs.finish()?;
        Ok(grid)
    }

    #[test]
    fn a_question_comes_back_from_its_own_link() {
        for query in [
            "q=a%26b+c&listed=all&new=7d&changed=poll&gender=female&gender=male&premium=no",
            "tag=a&tag=b%3Dc&type=x&picture=gone&none=tags&sort=added&view=table&page=7",
        ] {
            let asked = grid(query).unwrap();
            let href = Place::default().href("/avatars", &asked.pairs());
            assert_eq!(grid(href.split_once('?').unwrap().1).unwrap(), asked, "{href}");
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

    #[test]
    fn a_day_means_its_end_and_today_means_now() {
        let place = |query: &str| Place::take(&mut Pairs::parse(query).unwrap(), now()).unwrap();
        let at = place("as_of=2026-09-07").at().unwrap();
        assert_eq!(at.to_string(), "2026-09-07T23:59:59.999Z");
        assert_eq!(place("as_of=2026-11-23").at(), None);
        let at = place("as_of=2026-09-07T05:57:00Z").at().unwrap();
        assert_eq!(at.to_string(), "2026-09-07T05:57:00.000Z");
    }

    #[test]
    fn any_id_travels_in_a_path() {
        for id in ["Abigail_public-1", "a/b", "a~b", "ü\n", "<script>", "x.csv", "a b%2F"] {
            let path = id_to_path(id);
            assert!(
                path.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-~".contains(&b)),
                "{path}"
            );
            assert_eq!(id_from_path(&path).as_deref(), Some(id));
        }
        for broken in ["~", "~4", "~zz", "~FF", "", "~00"] {
            assert_eq!(id_from_path(broken), None, "{broken}");
        }
    }
}
