//! The account and the moment of the past, which every link of a page keeps. Pure.

use super::query_pairs::{BadParameter, QueryPairs, bad, encoded};
use crate::time::Timestamp;

/// The account and the time that are shown. Every link keeps both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Viewpoint {
    /// The account, if one was chosen.
    pub account: Option<String>,
    /// The moment of the past; `None` is now.
    pub as_of: Option<PastMoment>,
}

/// A moment of the past, with its text in the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastMoment {
    /// The text in the URL.
    pub raw: String,
    /// The moment; the end of the day if a day was given.
    pub at: Timestamp,
    /// Whether a day was given.
    pub is_day: bool,
}

impl Viewpoint {
    /// Takes `account` and `as_of`.
    pub fn take(pairs: &mut QueryPairs, now: Timestamp) -> Result<Self, BadParameter> {
        let account = pairs.one("account")?;
        let as_of = pairs.one("as_of")?.map(|raw| PastMoment::parse(raw, now)).transpose()?;
        Ok(Self { account, as_of: as_of.flatten() })
    }

    /// Takes as much of it as can be read, for error pages.
    pub fn loosely(query: &str, now: Timestamp) -> Self {
        let mut pairs = QueryPairs::readable(query);
        let account = pairs.one("account").ok().flatten();
        let as_of = pairs.one("as_of").ok().flatten();
        let as_of = as_of.and_then(|raw| PastMoment::parse(raw, now).ok().flatten());
        Self { account, as_of }
    }

    /// Returns the pairs of a query string, for a form.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let account = self.account.iter().map(|account| ("account", account.clone()));
        let as_of = self.as_of.iter().map(|as_of| ("as_of", as_of.raw.clone()));
        account.chain(as_of).collect()
    }

    /// Returns the moment of the past; `None` is now.
    pub fn at(&self) -> Option<Timestamp> {
        self.as_of.as_ref().map(|as_of| as_of.at)
    }

    /// Returns a link to `path` that keeps the account and the time.
    pub fn href(&self, path: &str, parameters: &[(&str, String)]) -> String {
        let mut pairs: Vec<(&str, &str)> = vec![];
        pairs.extend(self.account.as_deref().map(|account| ("account", account)));
        pairs.extend(self.as_of.as_ref().map(|as_of| ("as_of", as_of.raw.as_str())));
        pairs.extend(parameters.iter().map(|(name, value)| (*name, value.as_str())));
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

impl PastMoment {
    /// Parses a moment. Returns `Ok(None)` for today, which means now.
    fn parse(raw: String, now: Timestamp) -> Result<Option<Self>, BadParameter> {
        let (at, is_day) = end_of(&raw).ok_or_else(|| {
            bad("as_of", "must be a day (2026-09-07) or a time (2026-09-07T05:57:09Z)")
        })?;
        if at < now {
            return Ok(Some(Self { raw, at, is_day }));
        }
        // The current day means now; anything later is an error.
        match end_of(&now.to_string()[..10]) {
            Some((today, _)) if at <= today => Ok(None),
            _ => Err(bad("as_of", "is in the future")),
        }
    }
}

/// Returns the last moment of a day or time, and whether it is a day.
pub(super) fn end_of(text: &str) -> Option<(Timestamp, bool)> {
    let at = Timestamp::parse(text)?;
    // Every form with a time of day has a colon.
    let is_day = !text.contains(':');
    let end = std::time::Duration::from_millis(86_399_999);
    Some((if is_day { at.plus(end) } else { at }, is_day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_means_its_end_and_today_means_now() {
        let now = Timestamp::parse("2026-11-23T10:00:00Z").unwrap();
        let of =
            |query: &str| Viewpoint::take(&mut QueryPairs::parse(query).unwrap(), now).unwrap();
        let at = of("as_of=2026-09-07").at().unwrap();
        assert_eq!(at.to_string(), "2026-09-07T23:59:59.999Z");
        assert_eq!(of("as_of=2026-9-7").at(), Some(at), "without leading zeros");
        assert_eq!(of("as_of=2026-11-23").at(), None);
        let at = of("as_of=2026-09-07T05:57:00Z").at().unwrap();
        assert_eq!(at.to_string(), "2026-09-07T05:57:00.000Z");
    }
}
