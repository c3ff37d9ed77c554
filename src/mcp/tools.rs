//! The tools: their names, when to use which, and their parameters.

use std::sync::Arc;

use rmcp::model::{Tool as Described, ToolAnnotations};
use serde_json::{Map, Value as Json, json};

pub use crate::answers::MOST;
use crate::{catalog::kind::Kind, store::table::words::CHANGES};

/// A tool.
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// What it does and when to use it.
    purpose: &'static str,
    /// Its parameters.
    pub parameters: &'static [ToolParameter],
}

/// A parameter of a tool.
pub struct ToolParameter {
    /// Its name.
    pub name: &'static str,
    /// The type of its value.
    pub takes: Takes,
    /// Whether a call must contain it.
    pub required: bool,
    meaning: &'static str,
}

/// The type of a parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Text.
    Text,
    /// A time, or how long ago.
    Time,
    /// A kind of item.
    Kind,
    /// `added`, `changed`, `removed` or `restored`.
    Change,
    /// A number of rows, at most [`MOST`].
    Limit,
    /// True or false.
    Flag,
    /// A list of texts.
    Texts,
    /// An object of plain values.
    Values,
}

/// The number of rows of an answer without `limit`.
pub const USUAL: usize = 20;

const fn optional(name: &'static str, takes: Takes, meaning: &'static str) -> ToolParameter {
    ToolParameter { name, takes, required: false, meaning }
}

const fn required(name: &'static str, takes: Takes, meaning: &'static str) -> ToolParameter {
    ToolParameter { name, takes, required: true, meaning }
}

const ACCOUNT: ToolParameter =
    optional("account", Takes::Text, "only this account; status lists the names");
const KIND: ToolParameter = optional("kind", Takes::Kind, "only this kind of item");
const LIMIT: ToolParameter =
    optional("limit", Takes::Limit, "at most this many rows; 20 by default");
const CURSOR: ToolParameter =
    optional("cursor", Takes::Text, "next_cursor of the previous answer, with the same arguments");

/// Every tool.
pub static TOOLS: [Tool; 8] = [
    Tool {
        name: "status",
        purpose: "Returns how current the copy is: the last poll of each account, how many items of \
                  each kind it has, and held removals. Use it first, and when an answer seems \
                  outdated.",
        parameters: &[],
    },
    Tool {
        name: "search",
        purpose: "Finds items by a part of their name or id and by their values, with their current \
                  state. Use it to choose an avatar or voice. Use query to find which values a \
                  column has.",
        parameters: &[
            optional("text", Takes::Text, "a part of the name or id; case does not matter"),
            KIND,
            optional(
                "facets",
                Takes::Values,
                "columns and their values, for example {\"gender\": \"female\", \"tags\": \"NEW\"}; \
                 for an array, one element; schema lists the columns",
            ),
            optional("removed", Takes::Flag, "also include removed items"),
            ACCOUNT,
            LIMIT,
            CURSOR,
        ],
    },
    Tool {
        name: "item",
        purpose: "Returns one item by its exact id: its state, the permanent addresses of its \
                  previews, and its newest 300 versions with what changed. Use it for \"what \
                  happened to …\".",
        parameters: &[required("id", Takes::Text, "the id"), KIND, ACCOUNT],
    },
    Tool {
        name: "changes",
        purpose: "Returns what was added, changed, removed and restored, newest last. Use it for \
                  \"what is new since …\".",
        parameters: &[
            optional("since", Takes::Time, "at this time or later; 7d by default"),
            optional("until", Takes::Time, "before this time"),
            KIND,
            optional("change", Takes::Change, "only this kind of change"),
            optional("id", Takes::Text, "only this item"),
            ACCOUNT,
            LIMIT,
        ],
    },
    Tool {
        name: "as_of",
        purpose: "Returns the catalogue, or one item, as it was at a past time. The answer states \
                  where that is unknown: before the first poll, and between the poll that saw the \
                  state and the next one.",
        parameters: &[
            required("time", Takes::Time, "the time"),
            optional("id", Takes::Text, "only this item"),
            KIND,
            ACCOUNT,
            LIMIT,
            CURSOR,
        ],
    },
    Tool {
        name: "check_ids",
        purpose: "Checks whether ids can still be used (listed, missing, removed, not_ready or \
                  unknown), and what to use instead. Use it before making a video, and on ids found \
                  in code.",
        parameters: &[required("ids", Takes::Texts, "the ids, at most 200"), KIND, ACCOUNT],
    },
    Tool {
        name: "schema",
        purpose: "Returns the data dictionary: the tables and views, or the columns of one. Use it \
                  before query.",
        parameters: &[optional("table", Takes::Text, "the columns of this table or view")],
    },
    Tool {
        name: "query",
        purpose: "Runs one SELECT, for questions that no other tool answers. Read-only, at most 200 \
                  rows and five seconds; name tables without a schema; links are null. Use the SQL \
                  dialect of the database (status gives its engine).",
        parameters: &[
            required("sql", Takes::Text, "one SELECT"),
            optional("limit", Takes::Limit, "at most this many rows; 200 by default"),
        ],
    },
];

impl Tool {
    /// Returns the tool as the protocol describes it.
    pub fn described(&self) -> Described {
        let annotations =
            ToolAnnotations::from_raw(None, Some(true), None, Some(true), Some(false));
        let schema = Arc::new(self.schema());
        Described::new(self.name, self.purpose, schema).with_annotations(annotations)
    }

    fn schema(&self) -> Map<String, Json> {
        let properties = self.parameters.iter().map(|one| (one.name.to_owned(), one.schema()));
        let properties: Map<String, Json> = properties.collect();
        let required = self.parameters.iter().filter(|one| one.required).map(|one| one.name);
        let required: Vec<&str> = required.collect();
        let schema = json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        });
        schema.as_object().cloned().unwrap_or_default()
    }
}

impl ToolParameter {
    fn schema(&self) -> Json {
        let mut schema = match self.takes {
            Takes::Text => json!({"type": "string"}),
            Takes::Time => json!({"type": "string", "examples": ["2026-11-23T05:57:09Z", "7d"]}),
            Takes::Kind => json!({"type": "string", "enum": Kind::ALL.map(Kind::as_str)}),
            Takes::Change => json!({"type": "string", "enum": CHANGES}),
            Takes::Limit => json!({"type": "integer", "minimum": 1, "maximum": MOST}),
            Takes::Flag => json!({"type": "boolean"}),
            Takes::Texts => json!({"type": "array", "items": {"type": "string"}, "maxItems": MOST}),
            Takes::Values => json!({
                "type": "object",
                "additionalProperties": {"type": ["string", "number", "boolean"]},
            }),
        };
        schema["description"] = self.meaning.into();
        schema
    }
}
