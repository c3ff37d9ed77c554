//! Stored items → an answer of the API, of which a poll learns nothing new.
//!
//! The reverse of [`super::list`]: each record has the fields that its list carries, null where
//! nothing is known, and no other. It is written record by record; nothing is gathered here.
//!
//! One thing an answer tells beside its values: which JSON types each field has. Items that the
//! last list did not show (missing, or not decodable) may hold values of other types than that
//! list had. [`Plan`] finds the few that would tell a poll of types that were never listed
//! together; their records get a part that is nested too deep to be read, which says exactly
//! what is known: the item is there, and its state is the last known one (rule 7).

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{
    item::{FieldName, Fields},
    kind::Kind,
    schema::{JsonType, Schema, Types},
    value::{MAX_DEPTH, Value, write_json_string},
};

/// What stands before the first list's records.
pub const HEAD: &str = "{\"error\":null,\"data\":{";
/// What stands behind the last list's records.
pub const TAIL: &str = "}}\n";

/// The field that no poll can read.
const UNREADABLE: &str = "not_listed_like_this";

/// How the records of one list are written.
#[derive(Debug)]
pub struct Plan {
    kind: Kind,
    /// The carried fields but the id, in the order in which records have them.
    fields: Vec<(FieldName, Way)>,
}

/// How the values of one field are written.
#[derive(Debug)]
struct Way {
    /// The types that the list is known to have.
    known: Types,
    /// The types that may be shown: the known ones, or none.
    shown: Types,
    /// What a text is written as that may have been a number (rule 5).
    number_like: JsonType,
}

/// Which types the records of a list would show, field by field.
#[derive(Debug)]
pub struct Survey(Vec<Seen>);

#[derive(Clone, Debug, Default)]
struct Seen {
    certain: Types,
    number_like: bool,
}

impl Plan {
    /// For the list of `kind` that carries what `schema` says.
    pub fn new(kind: Kind, schema: &Schema) -> Self {
        let carried: BTreeMap<&FieldName, Types> = schema
            .iter()
            .filter(|(name, field)| field.carried && *name != kind.id)
            .map(|(name, field)| (name, field.types))
            .collect();
        // In the API's own order, then by name.
        let known = kind.columns.iter().filter_map(|column| {
            carried
                .get_key_value(&FieldName::Borrowed(column.name))
                .map(|(name, types)| (*name, *types))
        });
        let other = carried
            .iter()
            .filter(|(name, _)| !kind.columns.iter().any(|column| column.name == name.as_ref()));
        let all = known.chain(other.map(|(name, types)| (*name, *types)));
        Self { kind, fields: all.map(|(name, types)| (name.clone(), Way::new(types))).collect() }
    }

    /// An empty survey of the list's items.
    pub fn survey(&self) -> Survey {
        Survey(vec![Seen::default(); self.fields.len()])
    }

    /// Adds an item to the survey.
    pub fn look_at(&self, fields: &Fields, survey: &mut Survey) {
        if self.is_unreadable(fields) {
            return;
        }
        for ((name, _), seen) in self.fields.iter().zip(&mut survey.0) {
            match fields.get(name) {
                None => {}
                Some(value) if is_number_like(&value) => seen.number_like = true,
                Some(value) => seen.certain = seen.certain.with(JsonType::of(&value)),
            }
        }
    }

    /// Learns from a survey of all items; `false` when another one is needed, since some records
    /// will not be readable now that were counted in this one.
    pub fn settle(&mut self, survey: &Survey) -> bool {
        let mut settled = true;
        for ((_, way), seen) in self.fields.iter_mut().zip(&survey.0) {
            settled &= way.settle(seen);
        }
        settled
    }

    /// What stands before the list's first record; `first` for the first list of an answer.
    pub fn begin(&self, first: bool) -> String {
        format!("{}\"{}\":[", if first { "" } else { "," }, self.kind.table)
    }

    /// What stands behind the list's last record.
    pub fn end(&self) -> &'static str {
        "\n]"
    }

    /// Appends an item's record; `first` for the first one of the list.
    pub fn write(&self, id: &str, fields: &Fields, first: bool, out: &mut String) {
        out.push_str(if first { "\n{" } else { ",\n{" });
        write_json_string(self.kind.id, out);
        out.push(':');
        write_json_string(id, out);
        for (name, way) in &self.fields {
            out.push(',');
            write_json_string(name, out);
            out.push(':');
            match fields.get(name) {
                None => out.push_str("null"),
                // Its text is the number's own.
                Some(value) if way.is_number(&value) => out.push_str(value.as_cell()),
                Some(value) => value.write_json(out),
            }
        }
        if self.is_unreadable(fields) {
            let name = self.unreadable_name();
            out.push_str(&format!(
                ",\"{name}\":{}{}",
                "[".repeat(MAX_DEPTH),
                "]".repeat(MAX_DEPTH)
            ));
        }
        out.push('}');
    }

    /// Whether the item holds a value of a type that must not be shown.
    fn is_unreadable(&self, fields: &Fields) -> bool {
        self.fields.iter().any(|(name, way)| {
            fields.get(name).is_some_and(|value| !way.shown.contains(way.json_type(&value)))
        })
    }

    /// A name that no field has.
    fn unreadable_name(&self) -> String {
        let mut name = UNREADABLE.to_owned();
        while self.fields.iter().any(|(field, _)| *field == name) {
            name.push('_');
        }
        name
    }
}

impl Way {
    fn new(known: Types) -> Self {
        let number = known.contains(JsonType::Number);
        let number_like = if number { JsonType::Number } else { JsonType::String };
        Self { known, shown: known, number_like }
    }

    /// Texts that may have been numbers take the type that is lacking; types that are not all
    /// there are not shown at all. `false` when that changed what is shown.
    fn settle(&mut self, seen: &Seen) -> bool {
        let both = self.known.contains(JsonType::Number) && self.known.contains(JsonType::String);
        if both {
            let lacks_text = !seen.certain.contains(JsonType::String);
            self.number_like = if lacks_text { JsonType::String } else { JsonType::Number };
        }
        let mut types = seen.certain;
        if seen.number_like {
            types = types.with(self.number_like);
        }
        let tells = types.is_empty() || types == self.known || self.shown.is_empty();
        if !tells {
            self.shown = Types::default();
        }
        tells
    }

    fn json_type(&self, value: &Value<'_>) -> JsonType {
        if is_number_like(value) { self.number_like } else { JsonType::of(value) }
    }

    fn is_number(&self, value: &Value<'_>) -> bool {
        self.number_like == JsonType::Number && is_number_like(value)
    }
}

/// Whether the value is a text that a number would have been kept as.
fn is_number_like(value: &Value<'_>) -> bool {
    let Some(text) = value.as_str() else { return false };
    JsonType::of_raw(text) == Some(JsonType::Number)
        && serde_json::from_str::<&RawValue>(text).is_ok_and(|raw| raw.get() == text)
        && Value::decode(text, 1).as_ref() == Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::schema::{Change, SchemaChange, fold},
        time::Timestamp,
    };

    /// A list of avatars that carries `fields` with their types.
    fn schema(fields: &[(&'static str, &str)]) -> Schema {
        let mut schema = Schema::new();
        for (field, types) in fields {
            let (field, types) = ((*field).into(), Types::parse(types));
            let row = SchemaChange { field, change: Change::Appeared, types, example: None };
            fold(&mut schema, &row, Timestamp::from_millis(0));
        }
        schema
    }

    /// The records of items that hold these fields, called a, b, c …
    fn records(schema: &Schema, items: &[&str]) -> Vec<String> {
        let items: Vec<Fields> =
            items.iter().map(|json| Fields::from_row(Kind::AVATAR, vec![], Some(json))).collect();
        let mut plan = Plan::new(Kind::AVATAR, schema);
        loop {
            let mut survey = plan.survey();
            items.iter().for_each(|item| plan.look_at(item, &mut survey));
            if plan.settle(&survey) {
                break;
            }
        }
        let record = |(id, item): (char, &Fields)| {
            let mut out = String::new();
            plan.write(&id.to_string(), item, true, &mut out);
            out.replace(&"[".repeat(MAX_DEPTH), "deep").replace(&"]".repeat(MAX_DEPTH), "")
        };
        ('a'..).zip(&items).map(record).map(|record| record.trim().to_owned()).collect()
    }

    #[test]
    fn a_record_has_what_its_list_carries_in_the_apis_order() {
        let schema = schema(&[
            ("zoom", "number"),
            ("avatar_id", "string"),
            ("gender", ""),
            ("avatar_name", "string"),
        ]);
        let records = records(&schema, &[r#"{"avatar_name":"A","zoom":2,"premium":true}"#]);
        assert_eq!(records, [r#"{"avatar_id":"a","avatar_name":"A","gender":null,"zoom":2}"#]);
    }

    #[test]
    fn a_number_that_is_kept_as_its_text_is_a_number_again() {
        let huge = [r#"{"n":"1e400"}"#, r#"{"n":"1180591620717411303424"}"#];
        let (a, b) =
            (r#"{"avatar_id":"a","n":1e400}"#, r#"{"avatar_id":"b","n":1180591620717411303424}"#);
        assert_eq!(records(&schema(&[("n", "number")]), &huge), [a, b]);
        let texts = records(&schema(&[("n", "string")]), &huge);
        assert_eq!(texts[0], r#"{"avatar_id":"a","n":"1e400"}"#);
    }

    #[test]
    fn a_text_that_may_have_been_a_number_takes_the_type_that_is_lacking() {
        let both = schema(&[("n", "number|string")]);
        assert_eq!(
            records(&both, &[r#"{"n":"1e400"}"#, r#"{"n":7}"#])[0],
            r#"{"avatar_id":"a","n":"1e400"}"#
        );
        assert_eq!(
            records(&both, &[r#"{"n":"1e400"}"#, r#"{"n":"x"}"#])[0],
            r#"{"avatar_id":"a","n":1e400}"#
        );
    }

    #[test]
    fn a_value_of_a_type_that_was_not_listed_makes_its_record_unreadable() {
        let schema = schema(&[("premium", "boolean")]);
        let records = records(&schema, &[r#"{"premium":"yes"}"#, r#"{"premium":true}"#]);
        assert_eq!(
            records,
            [
                r#"{"avatar_id":"a","premium":"yes","not_listed_like_this":deep}"#,
                r#"{"avatar_id":"b","premium":true}"#
            ]
        );
    }

    #[test]
    fn types_of_which_one_is_lacking_are_not_shown_at_all() {
        let schema = schema(&[("n", "boolean|number"), ("m", "number|string")]);
        let items = [r#"{"n":1,"m":"x"}"#, r#"{"m":2}"#, r#"{}"#];
        let unreadable: Vec<bool> =
            records(&schema, &items).iter().map(|record| record.contains("deep")).collect();
        // Without a, only b shows a type of m.
        assert_eq!(unreadable, [true, true, false]);
    }
}
