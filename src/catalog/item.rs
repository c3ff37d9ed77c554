//! The state of an item: its values by field name.
//!
//! An item's state is a map from field name to canonical value; null has no entry. Only this module
//! decides whether a value is stored in its column or in `extra` ([`Fields::cell`],
//! [`Fields::extra`], [`Fields::from_row`]), so no value can be lost between the two.

use std::{collections::HashSet, fmt, sync::Arc};

pub use super::column::FieldName;
use super::{
    cell::Cell,
    column::{Column, Holds},
    json::Raw,
    kind::Kind,
    value::{Sort, Value, object_json, pairs},
};

/// The field names of items, of which items with the same fields share one copy.
#[derive(Debug, Default)]
pub struct Names {
    all: HashSet<Arc<[FieldName]>>,
    /// The last ones requested, at an index computed from the names: most items have the same names
    /// as one shortly before.
    recent: [Arc<[FieldName]>; 32],
}

impl Names {
    /// Returns the shared copy of `names`.
    pub fn shared<'a>(
        &mut self,
        names: impl ExactSizeIterator<Item = &'a FieldName> + Clone,
    ) -> Arc<[FieldName]> {
        let mix = |mix: usize, name: &FieldName| {
            let last = name.as_bytes().last().map_or(0, |byte| usize::from(*byte));
            mix.wrapping_mul(31).wrapping_add(name.len() + last)
        };
        let recent = &mut self.recent[names.clone().fold(0, mix) % 32];
        if recent.len() != names.len() || !recent.iter().eq(names.clone()) {
            let names: Arc<[FieldName]> = names.cloned().collect();
            *recent = self.all.get(&names).cloned().unwrap_or_else(|| names.clone());
            self.all.insert(names);
        }
        recent.clone()
    }
}

/// The values of an item, sorted by field name, without fields that are null. Packed, since a whole
/// catalogue of them is in memory twice while it is compared.
#[derive(Clone, Default)]
pub struct Fields {
    names: Arc<[FieldName]>,
    /// For each name, the sort of its value and where its text ends, which is where the next one begins.
    slots: Box<[(Sort, u32)]>,
    text: Box<str>,
}

impl Fields {
    /// Creates the fields from pairs in any order. Names must be unique and values not null;
    /// `names` are those of other items.
    pub fn new(mut pairs: Vec<(FieldName, Value<'_>)>, names: Option<&mut Names>) -> Self {
        if !pairs.is_sorted_by(|a, b| a.0 < b.0) {
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
        }
        let mut text = String::with_capacity(pairs.iter().map(|(_, v)| v.as_cell().len()).sum());
        let mut slots = Vec::with_capacity(pairs.len());
        for (_, value) in &pairs {
            text.push_str(value.as_cell());
            // No response body and no row is that large.
            slots.push((value.sort(), u32::try_from(text.len()).unwrap_or(u32::MAX)));
        }
        let own = pairs.iter().map(|(name, _)| name);
        let names = match names {
            Some(names) => names.shared(own),
            None => own.cloned().collect(),
        };
        Self { names, slots: slots.into(), text: text.into() }
    }

    /// Returns the field's value; `None` if it is null or was never known.
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        self.names.iter().position(|field| field == name).map(|at| self.value(at))
    }

    fn value(&self, at: usize) -> Value<'_> {
        let (sort, text) = self.packed(at);
        Value::of(sort, text)
    }

    fn packed(&self, at: usize) -> (Sort, &str) {
        let start = at.checked_sub(1).and_then(|before| self.slots.get(before));
        let start = start.map_or(0, |(_, end)| *end as usize);
        let (sort, end) = self.slots.get(at).copied().unwrap_or((Sort::Text, 0));
        (sort, self.text.get(start..end as usize).unwrap_or_default())
    }

    /// Returns all fields that are not null, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&FieldName, Value<'_>)> {
        self.names.iter().enumerate().map(|(at, name)| (name, self.value(at)))
    }

    /// Returns a copy with additional fields, which must have no value here.
    pub fn with(&self, others: Vec<(FieldName, Value<'_>)>) -> Self {
        let own = self.iter().map(|(name, value)| (name.clone(), value));
        Self::new(own.chain(others).collect(), None)
    }

    /// Returns the item's name, if it is a string.
    pub fn name(&self, kind: Kind) -> Option<&str> {
        self.text(kind.label)
    }

    /// Returns the field's value, if it is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        let at = self.names.iter().position(|field| field == name)?;
        let (sort, text) = self.packed(at);
        (sort == Sort::Text).then_some(text)
    }

    /// Returns the values of the kind's own columns and of `extra`, in the order of the tables.
    pub fn cells(&self, kind: Kind) -> impl Iterator<Item = Cell<'_>> {
        let extra = self.extra(kind).map(Cell::json);
        kind.columns.iter().map(|column| self.cell(column)).chain([extra.into()])
    }

    /// Returns the value in `column`; null if the column cannot hold it.
    pub fn cell(&self, column: &Column) -> Cell<'_> {
        let value = self.get(column.name).filter(|value| fits(column, value));
        value.map_or(Cell::Null, Value::into_column)
    }

    /// Returns the values without a column that can hold them, as a canonical JSON object; `None` if empty.
    pub fn extra(&self, kind: Kind) -> Option<String> {
        let homeless = |(name, value): &(&FieldName, Value<'_>)| {
            !kind.columns.iter().any(|column| column.name == **name && fits(column, value))
        };
        let homeless: Vec<_> = self.iter().filter(homeless).collect();
        (!homeless.is_empty()).then(|| object_json(homeless))
    }

    /// Reads the state that a row contains, the reverse of [`Self::cell`] and [`Self::extra`]. JSON
    /// that a database has reformatted is made canonical.
    pub fn from_row(
        kind: Kind,
        cells: Vec<(FieldName, Value<'_>)>,
        extra: Option<&str>,
        names: Option<&mut Names>,
    ) -> Self {
        let mut all = cells;
        for (name, raw) in extra.and_then(|extra| pairs(extra)).unwrap_or_default() {
            all.extend(decoded(raw).map(|value| (kind.field(&name), value)));
        }
        Self::new(all, names)
    }

    /// Returns all fields as one canonical JSON object.
    pub fn to_json(&self) -> String {
        object_json(self.iter())
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        let same_names = Arc::ptr_eq(&self.names, &other.names) || self.names == other.names;
        same_names && self.slots == other.slots && self.text == other.text
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

/// Returns whether the column can hold the value; if it cannot, the value is stored in `extra`.
fn fits(column: &Column, value: &Value<'_>) -> bool {
    match column.holds {
        Holds::Text => value.sort() == Sort::Text,
        Holds::Boolean => value.sort() == Sort::Bool,
        Holds::Integer => value.as_int().is_some(),
        Holds::Texts => value.sort() == Sort::Texts,
        // No field of an item has such a column.
        Holds::Time | Holds::Json => false,
    }
}

/// Decodes a stored value; its depth was checked when it was received.
fn decoded(raw: Raw<'_>) -> Option<Value<'_>> {
    Value::read(raw, 1).ok().filter(|value| value.sort() != Sort::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields {
        Fields::from_row(Kind::AVATAR, vec![], Some(json), None)
    }

    #[test]
    fn a_value_that_its_column_cannot_hold_lives_in_extra_under_its_own_name() {
        let odd = fields(r#"{"avatar_name":"A","premium":"yes","tags":["b",1],"zoom":2}"#);
        let held = Kind::AVATAR.columns.iter().filter(|column| odd.cell(column) != Cell::Null);
        let cells: Vec<_> = held.map(|column| column.name).collect();
        assert_eq!(cells, ["avatar_name"]);
        assert_eq!(
            odd.extra(Kind::AVATAR).as_deref(),
            Some(r#"{"premium":"yes","tags":["b",1],"zoom":2}"#)
        );
    }

    #[test]
    fn columns_and_extra_give_the_same_fields_back() {
        let state =
            fields(r#"{"avatar_name":"A","premium":true,"tags":[],"type":5,"x":{"b":1,"a":null}}"#);
        let cells = Kind::AVATAR
            .columns
            .iter()
            .filter_map(|column| {
                Some((
                    column.name.into(),
                    state.get(column.name).filter(|value| fits(column, value))?,
                ))
            })
            .collect();
        let extra = state.extra(Kind::AVATAR);
        let back = Fields::from_row(Kind::AVATAR, cells, extra.as_deref(), None);
        assert_eq!(back, state);
    }

    #[test]
    fn items_with_the_same_fields_hold_their_names_together() {
        let mut names = Names::default();
        let [one, other, same] =
            [r#"{"a":1,"c":"x"}"#, r#"{"c":"longer","a":null,"b":[]}"#, r#"{"c":"y","a":2}"#]
                .map(|json| Fields::from_row(Kind::AVATAR, vec![], Some(json), Some(&mut names)));
        assert!(Arc::ptr_eq(&one.names, &same.names) && !Arc::ptr_eq(&one.names, &other.names));
        assert_eq!(
            other.with(vec![("a".into(), Value::int(3))]).to_json(),
            r#"{"a":3,"b":[],"c":"longer"}"#
        );
    }
}
