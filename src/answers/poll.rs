//! A poll, as it is in its row of `polls`.

use serde::Serialize;
use serde_json::{Map, Value as Json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

use super::schema::{columns_schema, object};
use crate::store::row::PollRow;

/// A poll: the columns of `polls`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Poll(Map<String, Json>);

impl From<&PollRow> for Poll {
    fn from(row: &PollRow) -> Self {
        Self(object(row.pairs()))
    }
}

impl PartialSchema for Poll {
    fn schema() -> RefOr<Schema> {
        columns_schema(PollRow::columns().iter(), "A poll: its row of the table polls.").into()
    }
}

impl ToSchema for Poll {}
