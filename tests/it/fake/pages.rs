//! How v3 of the fake HeyGen splits its looks into pages, and the ways in which it goes wrong.
//!
//! Cursors hold characters that mean something in a query, so that a client must encode them.

use std::collections::BTreeMap;

use super::server::Refusal;

/// How the pages are told.
#[derive(Default)]
pub struct Paging {
    /// The list as it was when its first page was asked for.
    pub told: Vec<String>,
    /// Looks say what v2 says, and nothing else but the type of talking photos.
    pub plain: bool,
    /// The sizes of all pages so far.
    pub told_bytes: usize,
    /// Each page has so many looks, whatever is asked for.
    pub fixed: Option<usize>,
    /// Each page but the first begins with so many looks of the one before.
    pub repeats: usize,
    /// After this page comes an empty one.
    pub empty_after: Option<usize>,
    /// This page's cursor leads to itself, so many times.
    pub stays: Option<(usize, usize)>,
    /// The last page's cursor leads to the first.
    pub circle: bool,
    /// After the last page come others, without an end.
    pub endless: bool,
    /// The last page tells a cursor, which is then refused.
    pub ends_by_400: bool,
    /// Pages that fail, with how often.
    pub failing: BTreeMap<usize, (Refusal, usize)>,
    /// A page that breaks off after so many bytes.
    pub cut: Option<(usize, usize)>,
}

/// One page.
pub struct Page {
    pub body: Vec<u8>,
    /// Where it breaks off.
    pub cut: Option<usize>,
}

impl Paging {
    /// The page of `looks` that a request asks for, or why there is none.
    pub fn page(
        &mut self,
        looks: impl Fn() -> Vec<String>,
        query: Option<&str>,
    ) -> Result<Page, Refusal> {
        let (limit, token) = asked(query, 50).ok_or_else(|| Refusal::of(400))?;
        if token.is_none() {
            self.told = looks();
        }
        let number = token.as_deref().map_or(Some(1), number).ok_or_else(|| Refusal::of(400))?;
        if let Some((refusal, times)) = self.failing.get_mut(&number)
            && *times > 0
        {
            *times -= 1;
            return Err(refusal.clone());
        }
        let pages = self.pages(&self.told, self.fixed.unwrap_or(limit));
        let last = number >= pages.len();
        if number > pages.len() && !self.endless {
            return Err(Refusal::of(400));
        }
        let page = pages.get(number - 1).map(|page| page.join(",")).unwrap_or_default();
        let next = self.next(number, last);
        let next_token = next.map_or("null".into(), |next| format!("\"{}\"", cursor(next)));
        let body = format!(
            r#"{{"data":[{}],"has_more":{},"next_token":{next_token}}}"#,
            page,
            next.is_some()
        );
        self.told_bytes += body.len();
        let cut = self.cut.filter(|(page, _)| *page == number).map(|(_, at)| at);
        Ok(Page { body: body.into_bytes(), cut })
    }

    fn pages<'a>(&self, looks: &'a [String], limit: usize) -> Vec<&'a [String]> {
        let mut pages = vec![];
        let mut at = 0;
        while at < looks.len() || pages.is_empty() {
            let from = if at > 0 { at - self.repeats.min(limit / 2) } else { 0 };
            at = looks.len().min(from + limit);
            pages.push(&looks[from..at]);
        }
        if let Some(after) = self.empty_after {
            pages.insert(after.min(pages.len()), &[]);
        }
        pages
    }

    fn next(&mut self, number: usize, last: bool) -> Option<usize> {
        if let Some((page, times)) = &mut self.stays
            && *page == number
            && *times > 0
        {
            *times -= 1;
            return Some(number);
        }
        match last {
            true if self.circle => Some(1),
            true if !self.endless && !self.ends_by_400 => None,
            _ => Some(number + 1),
        }
    }
}

/// Limit and cursor of a query; no page has more than `most` records.
pub fn asked(query: Option<&str>, most: usize) -> Option<(usize, Option<String>)> {
    let pairs: BTreeMap<_, _> =
        url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    let limit = pairs.get("limit").map_or(Some(10), |limit| limit.parse().ok())?;
    (1..=most).contains(&limit).then(|| (limit, pairs.get("token").cloned()))
}

pub fn cursor(page: usize) -> String {
    format!("p/{page}+&=%20é")
}

pub fn number(cursor: &str) -> Option<usize> {
    cursor.strip_prefix("p/")?.strip_suffix("+&=%20é")?.parse().ok()
}
