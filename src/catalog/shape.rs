//! The fields of a record and their JSON types, without their values.

use super::{json_type::JsonType, value::Object};

/// The field names and types of a record, which many records of a list have in common.
#[derive(Debug, Default, PartialEq)]
pub struct Shape(Vec<(Box<str>, Option<JsonType>)>);

impl Shape {
    /// Returns the shape of a record.
    pub fn of(pairs: &Object<'_>) -> Self {
        let fields =
            pairs.iter().map(|(key, raw)| (key.as_ref().into(), JsonType::of_raw(raw.get())));
        Self(fields.collect())
    }

    /// Returns whether the record has this shape.
    pub fn is_of(&self, pairs: &Object<'_>) -> bool {
        let mut both = self.0.iter().zip(pairs);
        self.0.len() == pairs.len()
            && both.all(|((name, of_type), (key, raw))| {
                **name == **key && *of_type == JsonType::of_raw(raw.get())
            })
    }
}
