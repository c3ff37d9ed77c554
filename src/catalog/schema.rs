//! Which fields a list carries, and with which JSON types (rule 4).
//!
//! What a list carries is the fold of its `schema_changes` rows; [`Schema`] is that fold, and
//! [`changes`] computes the rows that a poll adds to it.

use std::{collections::BTreeMap, fmt};

use strum::{EnumString, IntoStaticStr, VariantArray};

use super::{item::FieldName, json_type::JsonType, kind::Kind, record::Record, value::Value};
use crate::time::Timestamp;

/// The longest example, in characters; a longer one is cut.
pub const MAX_EXAMPLE: usize = 200;

/// A set of JSON types.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Types(u8);

impl Types {
    /// Returns the set with one more type.
    pub fn with(self, one: JsonType) -> Self {
        Self(self.0 | 1 << one as u8)
    }

    /// Returns whether the set contains the type.
    pub fn contains(self, one: JsonType) -> bool {
        self.0 & (1 << one as u8) != 0
    }

    /// Returns whether no type was seen.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Parses a value of the column `json_type`.
    pub fn parse(text: &str) -> Self {
        JsonType::ALL
            .into_iter()
            .filter(|one| text.split('|').any(|name| name == one.as_str()))
            .fold(Self::default(), Self::with)
    }

    /// Returns the value of the column `json_type` (`boolean|string`); `None` if empty.
    pub fn to_column(self) -> Option<String> {
        (!self.is_empty()).then(|| self.to_string())
    }
}

/// Sorted and joined: `boolean|string`.
impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = JsonType::ALL.into_iter().filter(|one| self.contains(*one));
        let names: Vec<_> = names.map(JsonType::as_str).collect();
        f.write_str(&names.join("|"))
    }
}

impl fmt::Debug for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The state of one field of one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Whether the last list with at least one kept record carried it.
    pub carried: bool,
    /// The types last seen; empty if there were only nulls.
    pub types: Types,
    /// `observed_at` of the poll at which it last appeared.
    pub appeared_at: Timestamp,
}

/// The fields of one list, by name: the fold of its `schema_changes`.
pub type Schema = BTreeMap<FieldName, Field>;

/// What happened to a field of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum FieldEvent {
    /// The list carries it now.
    Appeared,
    /// The list no longer carries it.
    Vanished,
    /// Its values have other types than before.
    Retyped,
}

impl FieldEvent {
    /// Returns the value of `schema_changes.change`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Parses a value of `schema_changes.change`.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A row of `schema_changes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaChange {
    /// The field's name.
    pub field: FieldName,
    /// What happened.
    pub change: FieldEvent,
    /// The types seen, or last known.
    pub types: Types,
    /// A value, as canonical JSON of at most [`MAX_EXAMPLE`] characters.
    pub example: Option<String>,
}

/// The fields of the kept records of one list.
#[derive(Debug, Default)]
pub struct Carried<'a> {
    fields: Vec<Seen<'a>>,
}

#[derive(Debug)]
struct Seen<'a> {
    name: &'a FieldName,
    types: Types,
    example: Option<Value<'a>>,
}

impl<'a> Carried<'a> {
    /// Reads the fields of `records`. The first record with a value provides the example, so the
    /// records must be sorted (by id) and not in the list's order.
    pub fn by(records: impl Iterator<Item = &'a Record>) -> Self {
        let mut carried = Self::default();
        for record in records {
            // Records of one list mostly have the same fields: the field after the last one is tried first.
            let mut hint = 0;
            for (name, value) in record.fields.iter() {
                let json_type = match record.numbers_as_text.is_empty() {
                    true => JsonType::of(&value),
                    false => record.json_type(name).unwrap_or(JsonType::of(&value)),
                };
                let seen = carried.entry(name, &mut hint);
                seen.types = seen.types.with(json_type);
                seen.example.get_or_insert(value);
            }
            for name in record.nulls.iter() {
                carried.entry(name, &mut hint);
            }
        }
        carried
    }

    fn entry(&mut self, name: &'a FieldName, hint: &mut usize) -> &mut Seen<'a> {
        let known = match self.fields.get(*hint) {
            Some(seen) if seen.name == name => Some(*hint),
            _ => self.fields.iter().position(|seen| seen.name == name),
        };
        let at = known.unwrap_or_else(|| {
            self.fields.push(Seen { name, types: Types::default(), example: None });
            self.fields.len() - 1
        });
        *hint = at + 1;
        &mut self.fields[at]
    }

    /// Returns whether the list carries the field.
    pub fn contains(&self, name: &str) -> bool {
        self.fields.iter().any(|seen| seen.name == name)
    }
}

/// Returns the rows that a poll adds to `schema_changes` for one list of `kind`; none if no record
/// was kept. The id is a field like the others here; `example_id` is the first kept one.
pub fn changes(
    schema: &Schema,
    carried: &Carried<'_>,
    kind: Kind,
    example_id: Option<&str>,
) -> Vec<SchemaChange> {
    let Some(example_id) = example_id else { return vec![] };
    let id = FieldName::Borrowed(kind.id);
    let id_types = Types::default().with(JsonType::String);
    let example = Some(Value::text(example_id));
    let id_seen = Seen { name: &id, types: id_types, example };
    // If the API has another name for the id, another field may have the name that the id has here.
    let others = carried.fields.iter().filter(|seen| *seen.name != id);
    let mut rows: Vec<SchemaChange> =
        others.chain([&id_seen]).filter_map(|seen| seen.compared(schema)).collect();
    let vanished = schema
        .iter()
        .filter(|(name, field)| field.carried && **name != id && !carried.contains(name));
    rows.extend(vanished.map(|(name, field)| SchemaChange {
        field: name.clone(),
        change: FieldEvent::Vanished,
        types: field.types,
        example: None,
    }));
    rows.sort_by(|a, b| a.field.cmp(&b.field));
    rows
}

impl Seen<'_> {
    fn compared(&self, schema: &Schema) -> Option<SchemaChange> {
        let known = schema.get(self.name);
        let last_types = known.map(|field| field.types).unwrap_or_default();
        let change = match known {
            Some(field) if field.carried => {
                let differs = !self.types.is_empty() && self.types != field.types;
                differs.then_some(FieldEvent::Retyped)?
            }
            _ => FieldEvent::Appeared,
        };
        let types = if self.types.is_empty() { last_types } else { self.types };
        let example = self.example.as_ref().map(|value| shortened(&value.to_json()));
        Some(SchemaChange { field: self.name.clone(), change, types, example })
    }
}

/// Applies a row of the poll that was observed at `observed_at`.
pub fn fold(schema: &mut Schema, change: &SchemaChange, observed_at: Timestamp) {
    let SchemaChange { field, change, types, example: _ } = change;
    let known = schema.entry(field.clone()).or_insert(Field {
        carried: false,
        types: Types::default(),
        appeared_at: observed_at,
    });
    if !types.is_empty() {
        known.types = *types;
    }
    match change {
        FieldEvent::Appeared => (known.carried, known.appeared_at) = (true, observed_at),
        FieldEvent::Vanished => known.carried = false,
        FieldEvent::Retyped => {}
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_EXAMPLE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_sorted_and_joined_and_read_back() {
        let types = Types::default().with(JsonType::String).with(JsonType::Boolean);
        assert_eq!(types.to_string(), "boolean|string");
        assert_eq!(Types::parse("boolean|string"), types);
        assert_eq!(Types::default().to_column(), None);
    }
}
