//! How v3 of the fake HeyGen splits its looks into pages, and the faults of its pages.
//!
//! Cursors contain characters with a meaning in a query, so that a client must encode them.

use std::collections::BTreeMap;

use super::server::Refusal;

/// The settings and faults of the pages.
#[derive(Default)]
pub struct Paging {
    /// The list as it was when its first page was requested.
    pub told: Vec<String>,
    /// Whether looks contain only what v2 sends, and the type of talking photos.
    pub plain: bool,
    /// The total size of all pages so far, in bytes.
    pub told_bytes: usize,
    /// The number of looks on each page, whatever is requested.
    pub fixed: Option<usize>,
    /// How many looks of the previous page each page but the first repeats.
    pub repeats: usize,
    /// The page after which an empty one follows.
    pub empty_after: Option<usize>,
    /// A page whose cursor leads to itself, and how many times.
    pub stays: Option<(usize, usize)>,
    /// Whether the last page's cursor leads to the first page.
    pub circle: bool,
    /// Whether more pages follow the last one, without an end.
    pub endless: bool,
    /// Whether the last page contains a cursor, which is then refused.
    pub ends_by_400: bool,
    /// The pages that fail, each with how many times.
    pub failing: BTreeMap<usize, (Refusal, usize)>,
    /// A page that breaks off, and after how many bytes.
    pub cut: Option<(usize, usize)>,
}

/// One page.
pub struct Page {
    pub body: Vec<u8>,
    /// The number of bytes after which it breaks off.
    pub cut: Option<usize>,
}

impl Paging {
    /// Returns the page of `looks` that a request asks for, or the refusal.
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

/// Returns the limit and the cursor of a query; `None` if the limit is not in 1 to `most`.
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
