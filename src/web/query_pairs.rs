//! The pairs of a query string: decoded, taken by name, encoded. Pure.
//!
//! A parameter that is unknown, malformed or given twice is refused with its name, so a typo never shows a
//! wrong list. An empty parameter counts as absent, because forms send their empty fields, too.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// A parameter that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadParameter {
    /// Its name, as in the address.
    pub name: String,
    /// What is wrong: the rest of a sentence that begins with the name.
    pub why: String,
}

/// The longest value, in bytes. It is limited because every link of a page contains it.
pub const LONGEST: usize = 1_024;

/// Returns whether a link can contain a value. An empty one cannot: it counts as absent.
pub fn fits_query(value: &str) -> bool {
    !value.is_empty() && value.len() <= LONGEST && !value.contains('\0')
}

/// The pairs of a query string that were not taken yet.
#[derive(Debug, Default)]
pub struct QueryPairs(Vec<(String, String)>);

impl QueryPairs {
    /// Decodes a query string; an empty parameter counts as absent.
    pub fn parse(query: &str) -> Result<Self, BadParameter> {
        let mut pairs = Self::strict(query)?;
        if let Some((name, _)) = pairs.all().find(|(_, value)| value.len() > LONGEST) {
            return Err(bad(name, &format!("is longer than {LONGEST} bytes")));
        }
        pairs.0.retain(|(_, value)| !value.is_empty());
        Ok(pairs)
    }

    /// Decodes a query string; an empty parameter is kept.
    pub fn strict(query: &str) -> Result<Self, BadParameter> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name).unwrap_or_else(|| name.to_owned());
            let value = decoded(value).ok_or_else(|| bad(&name, "is not text in UTF-8"))?;
            match value.contains('\0') {
                true => Err(bad(&name, "contains the character NUL")),
                false => Ok((name, value)),
            }
        });
        Ok(Self(pairs.collect::<Result<_, _>>()?))
    }

    /// Returns the pairs that were not taken yet.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Decodes the pairs that can be decoded, and drops the others.
    pub(super) fn readable(query: &str) -> Self {
        let pairs = query.split('&').filter_map(|pair| Self::parse(pair).ok());
        Self(pairs.flat_map(|pairs| pairs.0).collect())
    }

    /// Takes all values of a parameter, each once, sorted.
    pub fn take_all(&mut self, name: &str) -> Vec<String> {
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

    /// Takes the value of a parameter that may be given once.
    pub fn one(&mut self, name: &str) -> Result<Option<String>, BadParameter> {
        let mut values = self.take_all(name);
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(bad(name, "is given twice; give it once")),
        }
    }

    /// Takes the value of a parameter that must be one of a few known words.
    pub(super) fn word<T: Copy>(
        &mut self,
        name: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, BadParameter> {
        self.one(name)?.map(|value| known(name, &value, words)).transpose()
    }

    /// Takes the number of a page, from 1.
    pub(super) fn page(&mut self) -> Result<i64, BadParameter> {
        let Some(text) = self.one("page")? else { return Ok(1) };
        // No list has a billion pages, so larger numbers are treated as a billion.
        let digits = text.len() < 300 && text.bytes().all(|b| b.is_ascii_digit());
        let page = digits.then(|| text.parse().unwrap_or(i64::MAX)).filter(|page| *page >= 1);
        page.map(|page| page.min(1_000_000_000))
            .ok_or_else(|| bad("page", "must be a number, 1 or more"))
    }

    /// Fails if a parameter was not taken.
    pub fn finish(self) -> Result<(), BadParameter> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(bad(&name, "is not a parameter of this page")),
        }
    }
}

fn known<T: Copy>(name: &str, value: &str, words: &[(&str, T)]) -> Result<T, BadParameter> {
    let found = words.iter().find(|(word, _)| *word == value);
    found.map(|(_, known)| *known).ok_or_else(|| {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        not_one_of(name, &all)
    })
}

/// Returns the error for a value that is not one of `words`.
pub(super) fn not_one_of(name: &str, words: &[&str]) -> BadParameter {
    bad(name, &format!("must be one of {}", words.join(", ")))
}

pub(super) fn bad(name: &str, why: &str) -> BadParameter {
    BadParameter { name: name.to_owned(), why: why.to_owned() }
}

fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(|text| text.into_owned())
}

const QUERY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':');

pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string().replace("%20", "+")
}
