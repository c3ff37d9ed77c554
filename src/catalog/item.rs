//! What an item is: its kind, the columns of that kind, and its fields by the API's own names.
//!
//! An item's state is a map from field name to canonical value; null has no entry. Whether a
//! value lives in its column or in `extra` is decided here alone ([`Fields::cell`],
//! [`Fields::extra`], [`Fields::from_row`]), so nothing can be lost between the two.

use std::{borrow::Cow, fmt};

use serde_json::value::RawValue;

use super::value::{Value, pairs, write_json_object};

/// Avatar or talking photo.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An entry of the response's `avatars`.
    Avatar,
    /// An entry of the response's `talking_photos`.
    TalkingPhoto,
}

/// A field with a column of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    /// The API's name, which is the column's name too.
    pub name: &'static str,
    /// What the column can hold; any other value goes to `extra`.
    pub holds: Holds,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A string.
    Text,
    /// A boolean.
    Bool,
    /// An array of strings, as JSON.
    Texts,
}

const fn column(name: &'static str, holds: Holds) -> Column {
    Column { name, holds }
}

const AVATAR: [Column; 8] = [
    column("avatar_name", Holds::Text),
    column("gender", Holds::Text),
    column("preview_image_url", Holds::Text),
    column("preview_video_url", Holds::Text),
    column("premium", Holds::Bool),
    column("type", Holds::Text),
    column("tags", Holds::Texts),
    column("default_voice_id", Holds::Text),
];

const TALKING_PHOTO: [Column; 2] =
    [column("talking_photo_name", Holds::Text), column("preview_image_url", Holds::Text)];

impl Kind {
    /// Both kinds, in the order in which everything lists them.
    pub const ALL: [Self; 2] = [Self::Avatar, Self::TalkingPhoto];

    /// `avatar` or `talking_photo`, as the tables say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avatar => "avatar",
            Self::TalkingPhoto => "talking_photo",
        }
    }

    /// The list's name in the response, which is the table's name too.
    pub fn list(self) -> &'static str {
        match self {
            Self::Avatar => "avatars",
            Self::TalkingPhoto => "talking_photos",
        }
    }

    /// The list's name for people.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Avatar => "avatars",
            Self::TalkingPhoto => "talking photos",
        }
    }

    /// The field and column that hold the id.
    pub fn id_field(self) -> &'static str {
        match self {
            Self::Avatar => "avatar_id",
            Self::TalkingPhoto => "talking_photo_id",
        }
    }

    /// The field and column that hold the name.
    pub fn name_field(self) -> &'static str {
        match self {
            Self::Avatar => "avatar_name",
            Self::TalkingPhoto => "talking_photo_name",
        }
    }

    /// The fields with columns of their own, in the order of the table.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Avatar => &AVATAR,
            Self::TalkingPhoto => &TALKING_PHOTO,
        }
    }

    /// `name` as a field's name, without a copy where the kind knows it.
    pub fn field(self, name: &str) -> FieldName {
        match self.columns().iter().find(|column| column.name == name) {
            Some(column) => Cow::Borrowed(column.name),
            None => Cow::Owned(name.to_owned()),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A field's name, as the API spells it.
pub type FieldName = Cow<'static, str>;

/// The values of an item, sorted by field name; a field that is null is not in it.
#[derive(Clone, PartialEq, Default)]
pub struct Fields(Vec<(FieldName, Value)>);

impl Fields {
    /// From pairs in any order, of which no name may repeat and no value may be null.
    pub fn new(mut pairs: Vec<(FieldName, Value)>) -> Self {
        if !pairs.is_sorted_by(|a, b| a.0 < b.0) {
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
        }
        Self(pairs)
    }

    /// The field's value; `None` when it is null or was never known.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// All fields that are not null, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&FieldName, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The same with one field set, or made null.
    pub fn set(&mut self, name: FieldName, value: Option<Value>) {
        match (self.0.binary_search_by(|(field, _)| field.cmp(&name)), value) {
            (Ok(at), Some(value)) => self.0[at].1 = value,
            (Ok(at), None) => drop(self.0.remove(at)),
            (Err(at), Some(value)) => self.0.insert(at, (name, value)),
            (Err(_), None) => {}
        }
    }

    /// The item's name, if it is a string.
    pub fn name(&self, kind: Kind) -> Option<&str> {
        self.get(kind.name_field()).and_then(Value::as_str)
    }

    /// What stands in `column`: the value, if the column can hold it.
    pub fn cell(&self, column: &Column) -> Option<&Value> {
        self.get(column.name).filter(|value| column.fits(value))
    }

    /// What has no column, or does not fit it, as a canonical JSON object; `None` when empty.
    pub fn extra(&self, kind: Kind) -> Option<String> {
        let homeless = |(name, value): &(&FieldName, &Value)| {
            !kind.columns().iter().any(|column| column.name == *name && column.fits(value))
        };
        if !self.iter().any(|pair| homeless(&pair)) {
            return None;
        }
        let mut out = String::new();
        write_json_object(self.iter().filter(homeless).map(|(n, v)| (n.as_ref(), v)), &mut out);
        Some(out)
    }

    /// The reverse of [`Self::cell`] and [`Self::extra`]: the state that a row holds. JSON that
    /// an engine has rendered anew is made canonical on the way.
    pub fn from_row(kind: Kind, cells: Vec<(FieldName, Value)>, extra: Option<&str>) -> Self {
        let mut all = cells;
        if let Some(extra) = extra {
            for (name, raw) in pairs(extra).unwrap_or_default() {
                if let Some(value) = decoded(raw) {
                    all.push((kind.field(&name), value));
                }
            }
        }
        Self::new(all)
    }

    /// All fields as one canonical JSON object.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        write_json_object(self.iter().map(|(name, value)| (name.as_ref(), value)), &mut out);
        out
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl Column {
    fn fits(&self, value: &Value) -> bool {
        match self.holds {
            Holds::Text => matches!(value, Value::Text(_)),
            Holds::Bool => matches!(value, Value::Bool(_)),
            Holds::Texts => value.is_list_of_texts(),
        }
    }
}

/// A stored value; its depth was checked when it came in.
fn decoded(raw: &RawValue) -> Option<Value> {
    Value::decode(raw.get(), 1).ok().filter(|value| *value != Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields {
        Fields::from_row(Kind::Avatar, vec![], Some(json))
    }

    #[test]
    fn a_value_that_its_column_cannot_hold_lives_in_extra_under_its_own_name() {
        let odd = fields(r#"{"avatar_name":"A","premium":"yes","tags":["b",1],"zoom":2}"#);
        let cells: Vec<_> =
            AVATAR.iter().filter_map(|column| odd.cell(column).map(|_| column.name)).collect();
        assert_eq!(cells, ["avatar_name"]);
        assert_eq!(
            odd.extra(Kind::Avatar).as_deref(),
            Some(r#"{"premium":"yes","tags":["b",1],"zoom":2}"#)
        );
    }

    #[test]
    fn columns_and_extra_give_the_same_fields_back() {
        let state =
            fields(r#"{"avatar_name":"A","premium":true,"tags":[],"type":5,"x":{"b":1,"a":null}}"#);
        let cells = AVATAR
            .iter()
            .filter_map(|column| Some((column.name.into(), state.cell(column)?.clone())))
            .collect();
        let back = Fields::from_row(Kind::Avatar, cells, state.extra(Kind::Avatar).as_deref());
        assert_eq!(back, state);
    }

    #[test]
    fn setting_a_field_to_null_takes_it_away() {
        let mut state = fields(r#"{"a":1,"c":3}"#);
        state.set("b".into(), Some(Value::Int(2)));
        state.set("a".into(), None);
        state.set("zz".into(), None);
        assert_eq!(state.to_json(), r#"{"b":2,"c":3}"#);
    }
}
