//! The arguments of a call, checked against the tool's parameters.

use serde_json::{Map, Value as Json};

use super::tools::{MOST, Takes, Tool, USUAL};
use crate::{
    catalog::kind::Kind,
    error::{Error, Result},
    store::table::words::CHANGES,
    time::Timestamp,
};

/// The arguments of one call.
pub struct ToolArguments(Map<String, Json>);

impl ToolArguments {
    /// # Errors
    /// [`crate::error::Kind::Usage`] for an argument that is unknown, invalid or missing.
    pub fn of(tool: &Tool, given: Map<String, Json>) -> Result<Self> {
        let mut arguments = Map::new();
        for (name, value) in given {
            let known = tool.parameters.iter().find(|parameter| parameter.name == name);
            let Some(parameter) = known else {
                let names: Vec<&str> = tool.parameters.iter().map(|one| one.name).collect();
                return Err(Error::usage(format!(
                    "{} takes no {name:?}; it takes {}",
                    tool.name,
                    if names.is_empty() { "nothing".into() } else { names.join(", ") }
                )));
            };
            if let Some(wanted) = expected_instead(parameter.takes, &value) {
                return Err(Error::usage(format!("{name} must be {wanted}")));
            }
            if !value.is_null() {
                arguments.insert(name, value);
            }
        }
        let lacks = |name: &str| !arguments.contains_key(name);
        match tool.parameters.iter().find(|one| one.required && lacks(one.name)) {
            Some(missing) => {
                Err(Error::usage(format!("{} needs the argument {}", tool.name, missing.name)))
            }
            None => Ok(Self(arguments)),
        }
    }

    /// Returns a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// Returns a boolean; false if it is missing.
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Json::as_bool).unwrap_or_default()
    }

    /// Returns a list of texts.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let all = self.0.get(name).and_then(Json::as_array).into_iter().flatten();
        all.filter_map(|one| one.as_str().map(str::to_owned)).collect()
    }

    /// Returns names and plain values, the values as text.
    pub fn values(&self, name: &str) -> Vec<(String, String)> {
        let all = self.0.get(name).and_then(Json::as_object).into_iter().flatten();
        let text = |value: &Json| value.as_str().map_or(value.to_string(), str::to_owned);
        all.map(|(name, value)| (name.clone(), text(value))).collect()
    }

    /// Returns the number of rows.
    pub fn limit(&self) -> usize {
        self.limit_or(USUAL)
    }

    /// Returns the number of rows, or `usual` if none is given.
    pub fn limit_or(&self, usual: usize) -> usize {
        let limit = self.0.get("limit").and_then(Json::as_u64);
        limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usual)
    }

    /// Returns the requested kind.
    pub fn kind(&self) -> Option<Kind> {
        Kind::parse(self.text("kind")?)
    }

    /// Returns the requested kinds.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> + use<> {
        Kind::only(self.kind())
    }

    /// Returns a time.
    ///
    /// # Errors
    /// [`crate::error::Kind::Usage`] for a text that is not a time.
    pub fn time(&self, name: &str, now: Timestamp) -> Result<Option<Timestamp>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let time = Timestamp::parse_relative(text, now);
        time.map(Some).ok_or_else(|| {
            Error::usage(format!("{name}: {text:?} is not a time: write {}", Timestamp::FORMS))
        })
    }

    /// Returns the kind, account and id after which the next page begins.
    ///
    /// # Errors
    /// [`crate::error::Kind::Usage`] for a text that is not a cursor of an answer.
    pub fn cursor(&self) -> Result<Option<(Kind, String, String)>> {
        let Some(text) = self.text("cursor") else { return Ok(None) };
        let parts: Option<(String, String, String)> = serde_json::from_str(text).ok();
        let parts =
            parts.filter(|(_, account, id)| ![account, id].iter().any(|text| text.contains('\0')));
        let parts = parts.and_then(|(kind, account, id)| Some((Kind::parse(&kind)?, account, id)));
        parts.map(Some).ok_or_else(|| Error::usage("cursor: must be next_cursor of an answer"))
    }
}

/// Returns the cursor after an item.
pub fn cursor_after(kind: Kind, account: &str, id: &str) -> String {
    Json::from(vec![kind.as_str(), account, id]).to_string()
}

/// Returns what the value should be, if it is something else.
fn expected_instead(takes: Takes, value: &Json) -> Option<String> {
    let one_of = |words: &[&str]| {
        let is_one = value.as_str().is_some_and(|text| words.contains(&text));
        (!is_one).then(|| format!("one of {}", words.join(", ")))
    };
    let is_plain = |value: &Json| !value.is_array() && !value.is_object() && !value.is_null();
    let wanted = match takes {
        _ if value.is_null() => return None,
        // No value in the database contains it.
        _ if has_nul(value) => "without NUL characters",
        Takes::Kind => return one_of(&Kind::ALL.map(Kind::as_str)),
        Takes::Change => return one_of(&CHANGES),
        Takes::Text | Takes::Time if value.is_string() => return None,
        Takes::Text | Takes::Time => "a string",
        Takes::Flag if value.is_boolean() => return None,
        Takes::Flag => "true or false",
        Takes::Limit if value.as_u64().is_some_and(|n| (1..=MOST as u64).contains(&n)) => {
            return None;
        }
        Takes::Limit => return Some(format!("a whole number from 1 to {MOST}")),
        Takes::Texts => match value.as_array() {
            Some(all) if all.len() <= MOST && all.iter().all(Json::is_string) => return None,
            _ => return Some(format!("an array of at most {MOST} strings")),
        },
        Takes::Values => match value.as_object() {
            Some(all) if all.values().all(is_plain) => return None,
            _ => "an object of strings, numbers, true and false",
        },
    };
    Some(wanted.into())
}

/// Whether a text in the value contains a NUL.
fn has_nul(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains('\0'),
        Json::Array(all) => all.iter().any(has_nul),
        Json::Object(all) => all.iter().any(|(name, one)| name.contains('\0') || has_nul(one)),
        _ => false,
    }
}
