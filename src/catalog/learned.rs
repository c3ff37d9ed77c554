//! Decides which values were learned rather than changed (rule 4), both when a poll is compared and
//! when history is verified.

use super::{
    item::{FieldName, Fields},
    json_type::JsonType,
    schema::Types,
    value::{Sort, Value},
};
use crate::time::Timestamp;

/// The facts that decide whether a value that differs was learned.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// `observed_at` of the poll that last listed the item.
    pub last_listed_at: Timestamp,
    /// Whether that poll read another version of the API than this one.
    pub other_version: bool,
    /// When the field last appeared in the list, this poll included.
    pub appeared_at: Option<Timestamp>,
    /// Whether the field is one of [`super::description::Description::never_news`].
    pub never_news: bool,
    /// The JSON type that the old value had in its answer; `None` for null.
    pub old: Option<JsonType>,
    /// The JSON type that the new value has in its answer; `None` for null.
    pub new: Option<JsonType>,
}

impl Circumstances {
    /// Returns whether the value was learned.
    pub fn is_learned(&self) -> bool {
        let appeared_since = self.appeared_at.is_some_and(|at| at > self.last_listed_at);
        let other_type = match (self.old, self.new) {
            (Some(old), Some(new)) => old != new,
            _ => false,
        };
        appeared_since || self.other_version || self.never_news || other_type
    }
}

/// Returns the JSON type that a stored value had in its answer; `known` are the types of its field.
/// A text in a field that only ever had numbers is a number that is stored as text.
pub fn stored_type(known: Types, value: &Value<'_>) -> JsonType {
    let only_number = known.contains(JsonType::Number) && !known.contains(JsonType::String);
    match value.sort() {
        Sort::Text if only_number => JsonType::Number,
        _ => JsonType::of(value),
    }
}

/// A field that differs between two states: its name, its value before and its value now.
pub type Difference<'a> = (&'a FieldName, Option<Value<'a>>, Option<Value<'a>>);

/// Returns the fields that differ, sorted by name; null is `None`.
pub fn differences<'a>(old: &'a Fields, new: &'a Fields) -> Vec<Difference<'a>> {
    let mut names: Vec<&FieldName> = old.iter().chain(new.iter()).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    let both = names.into_iter().map(|name| (name, old.get(name), new.get(name)));
    both.filter(|(_, old, new)| old != new).collect()
}
