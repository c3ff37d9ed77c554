//! Writes stored items as an answer of the API, for `export --format api`.
//!
//! The reverse of [`super::list`]: each record has exactly the fields that its list carries, null
//! where no value is known. Records are written one at a time; nothing is collected here.
//!
//! A poll of the written answer opens and closes no version. It can change the JSON types of a
//! field in `schema_changes`: an item that the last list did not contain (missing, or not
//! decodable) may have a value of another type than that list had, and a number that is stored as
//! text is written as a string where the field has both types.

use std::collections::BTreeMap;

use super::{
    item::{FieldName, Fields},
    json::{JsonReader, parse},
    json_out::write_json_string,
    json_type::JsonType,
    kind::Kind,
    schema::{Schema, Types},
    value::Value,
};

/// The text before the first list's records.
pub const HEAD: &str = "{\"error\":null,\"data\":{";
/// The text after the last list's records.
pub const TAIL: &str = "}}\n";

/// Writes the records of one list.
#[derive(Debug)]
pub struct ListWriter {
    kind: Kind,
    /// The carried fields except the id, in the order in which they are written.
    fields: Vec<CarriedField>,
}

#[derive(Debug)]
struct CarriedField {
    name: FieldName,
    /// Whether a string that is the stored text of a number is written as that number (rule 5).
    number_like_as_number: bool,
}

impl ListWriter {
    /// Creates a writer for the list of `kind` that carries the fields of `schema`.
    pub fn new(kind: Kind, schema: &Schema) -> Self {
        let carried: BTreeMap<&FieldName, Types> = schema
            .iter()
            .filter(|(name, field)| field.carried && *name != kind.id)
            .map(|(name, field)| (name, field.types))
            .collect();
        // The known fields in the API's order, then the others by name.
        let known = kind.columns.iter().filter_map(|column| {
            carried
                .get_key_value(&FieldName::Borrowed(column.name))
                .map(|(name, types)| (*name, *types))
        });
        let other = carried
            .iter()
            .filter(|(name, _)| !kind.columns.iter().any(|column| column.name == name.as_ref()))
            .map(|(name, types)| (*name, *types));
        let fields = known.chain(other).map(|(name, types)| CarriedField {
            name: name.clone(),
            number_like_as_number: types.contains(JsonType::Number)
                && !types.contains(JsonType::String),
        });
        Self { kind, fields: fields.collect() }
    }

    /// Returns the text before the list's first record; `first` is whether it is the answer's first list.
    pub fn begin(&self, first: bool) -> String {
        format!("{}\"{}\":[", if first { "" } else { "," }, self.kind.table)
    }

    /// Returns the text after the list's last record.
    pub fn end(&self) -> &'static str {
        "\n]"
    }

    /// Appends an item's record; `first` is whether it is the first one of the list.
    pub fn write(&self, id: &str, fields: &Fields, first: bool, out: &mut String) {
        out.push_str(if first { "\n{" } else { ",\n{" });
        write_json_string(self.kind.id, out);
        out.push(':');
        write_json_string(id, out);
        for CarriedField { name, number_like_as_number } in &self.fields {
            out.push(',');
            write_json_string(name, out);
            out.push(':');
            match fields.get(name) {
                None => out.push_str("null"),
                Some(value) if *number_like_as_number && is_number_like(&value) => {
                    out.push_str(value.as_cell());
                }
                Some(value) => value.write_json(out),
            }
        }
        out.push('}');
    }
}

/// Returns whether the value is a string that could be the stored text of a number.
fn is_number_like(value: &Value<'_>) -> bool {
    let Some(text) = value.as_str() else { return false };
    JsonType::of_raw(text) == Some(JsonType::Number)
        && parse(text, JsonReader::value).is_ok_and(|raw| raw.get() == text)
        && Value::decode(text, 1).as_ref() == Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::schema::{FieldEvent, SchemaChange, fold},
        time::Timestamp,
    };

    /// Returns the schema of a list of avatars that carries `fields` with these types.
    fn schema(fields: &[(&'static str, &str)]) -> Schema {
        let mut schema = Schema::new();
        for (field, types) in fields {
            let (field, types) = ((*field).into(), Types::parse(types));
            let row = SchemaChange { field, change: FieldEvent::Appeared, types, example: None };
            fold(&mut schema, &row, Timestamp::from_millis(0));
        }
        schema
    }

    /// Writes the records of items with these fields; the ids are a, b, c …
    fn records(schema: &Schema, items: &[&str]) -> Vec<String> {
        let items: Vec<Fields> = items
            .iter()
            .map(|json| Fields::from_row(Kind::AVATAR, vec![], Some(json), None))
            .collect();
        let writer = ListWriter::new(Kind::AVATAR, schema);
        let record = |(id, item): (char, &Fields)| {
            let mut out = String::new();
            writer.write(&id.to_string(), item, true, &mut out);
            out
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
    fn a_number_that_is_kept_as_its_text_is_text_where_the_field_has_both_types() {
        let both = schema(&[("n", "number|string")]);
        let records = records(&both, &[r#"{"n":"1e400"}"#, r#"{"n":7}"#]);
        assert_eq!(records[0], r#"{"avatar_id":"a","n":"1e400"}"#);
        assert_eq!(records[1], r#"{"avatar_id":"b","n":7}"#);
    }
}
