//! The JSON form of values, and its schema: kinds, times, columns.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json};
use strum::VariantArray;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{
            AdditionalProperties, ArrayBuilder, KnownFormat, Object, ObjectBuilder, Schema,
            SchemaFormat, SchemaType, Type,
        },
    },
};

use crate::{
    catalog::{
        cell::Cell,
        column::{Column, Holds},
        item::Fields,
        kind::Kind,
    },
    ids::State,
    time::Timestamp,
};

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        into.serialize_str(self.as_str())
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        into.serialize_str(self.as_str())
    }
}

/// Returns the schema of a text that is one of a few words.
fn words(meaning: &str, words: impl IntoIterator<Item = &'static str>) -> Object {
    let text = ObjectBuilder::new().schema_type(Type::String).description(Some(meaning));
    text.enum_values(Some(words)).build()
}

impl PartialSchema for Kind {
    fn schema() -> RefOr<Schema> {
        words("A kind of item.", Self::ALL.map(Self::as_str)).into()
    }
}

impl ToSchema for Kind {}

impl PartialSchema for State {
    fn schema() -> RefOr<Schema> {
        let meaning = "The state of an id. Listed and missing ids can be used; not_ready, removed \
                       and unknown ones cannot, nor can those missing for long.";
        words(meaning, Self::VARIANTS.iter().map(|state| state.as_str())).into()
    }
}

impl ToSchema for State {}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        let time = ObjectBuilder::new().schema_type(Type::String);
        let time = time.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        time.description(Some("A moment in UTC, to the millisecond.")).build().into()
    }
}

impl ToSchema for Timestamp {}

/// The values of an item in its kind's columns; null for a missing one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemFields(Map<String, Json>);

impl ItemFields {
    /// Returns the values of an item of this kind.
    pub fn of(kind: Kind, fields: &Fields) -> Self {
        let cells = kind.columns.iter().map(|column| (column, fields.cell(column)));
        Self(object(cells))
    }
}

impl PartialSchema for ItemFields {
    fn schema() -> RefOr<Schema> {
        let columns = Kind::ALL.into_iter().flat_map(|kind| kind.columns.iter());
        let meaning = "The item's values, by the API's names. Its kind determines which are \
                       present; null if it has no value.";
        columns_schema(columns, meaning).into()
    }
}

impl ToSchema for ItemFields {}

/// Returns cells by the names of their columns.
pub(super) fn object<'a>(
    cells: impl Iterator<Item = (&'static Column, Cell<'a>)>,
) -> Map<String, Json> {
    cells.map(|(column, cell)| (column.name.to_owned(), json(cell))).collect()
}

fn json(cell: Cell<'_>) -> Json {
    match cell {
        Cell::Null => Json::Null,
        Cell::Text(text) => text.into_owned().into(),
        Cell::Int(number) => number.into(),
        Cell::Bool(yes) => yes.into(),
        Cell::Time(time) => time.to_string().into(),
        Cell::Json(json) => parsed(Some(&json)),
    }
}

/// Returns the value of a JSON text; null if there is none or it is invalid.
pub(super) fn parsed(json: Option<&str>) -> Json {
    json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

/// Returns the schema of an object with these columns and no others, each of which may be null.
pub(super) fn columns_schema(
    columns: impl Iterator<Item = &'static Column>,
    meaning: &str,
) -> Object {
    let object = ObjectBuilder::new().schema_type(Type::Object).description(Some(meaning));
    let closed = object.additional_properties(Some(AdditionalProperties::FreeForm(false)));
    columns
        .fold(closed, |object, column| object.property(column.name, column_schema(column)))
        .build()
}

fn column_schema(column: &Column) -> Schema {
    let or_null = |one: Type| SchemaType::from_iter([one, Type::Null]);
    let of = |one: Type| ObjectBuilder::new().schema_type(or_null(one));
    let schema = match column.holds {
        Holds::Text => of(Type::String),
        Holds::Integer => {
            of(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        }
        Holds::Boolean => of(Type::Boolean),
        Holds::Time => {
            of(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        }
        Holds::Json => ObjectBuilder::new().schema_type(SchemaType::AnyValue),
        Holds::Texts => {
            let texts = ArrayBuilder::new().schema_type(or_null(Type::Array));
            let texts = texts.items(Object::with_type(Type::String));
            return texts.description(Some(column.meaning)).build().into();
        }
    };
    schema.description(Some(column.meaning)).build().into()
}
