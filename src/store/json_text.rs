//! The JSON value of a column.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::catalog::value::Value;

/// Canonical JSON, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonText(pub String);

/// Serializes as a JSON value, not as a string.
impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        let value: serde_json::Value =
            serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        value.serialize(into)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(from)?;
        Ok(Self::canonical(&value.to_string()))
    }
}

impl JsonText {
    /// Makes JSON canonical, since an engine may have rendered it differently.
    pub fn canonical(json: &str) -> Self {
        Self(
            Value::decode(json.trim(), 1).map_or_else(|_| json.to_owned(), |value| value.to_json()),
        )
    }
}
