//! Where the rows of a poll stand, and which of their columns are sealed under which names.

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::{
    catalog::{
        item::{self, Kind},
        seal::{Cell, Cells, Line},
    },
    store::{exact::Holds, write::history},
};

/// The columns of `polls` that are sealed: all but the account, which may be renamed, and the
/// digest itself.
pub(super) const POLL: [(&str, Holds); 30] = [
    ("poll_id", Holds::Int),
    ("trigger", Holds::Text),
    ("api_version", Holds::Text),
    ("source", Holds::Text),
    ("started_at", Holds::Time),
    ("observed_at", Holds::Time),
    ("finished_at", Holds::Time),
    ("outcome", Holds::Text),
    ("avatars_listed", Holds::Int),
    ("talking_photos_listed", Holds::Int),
    ("added", Holds::Int),
    ("changed", Holds::Int),
    ("removed", Holds::Int),
    ("restored", Holds::Int),
    ("learned", Holds::Int),
    ("missing", Holds::Int),
    ("duplicates", Holds::Int),
    ("rejected", Holds::Int),
    ("held", Holds::Int),
    ("held_reason", Holds::Text),
    ("policy", Holds::Json),
    ("http_status", Holds::Int),
    ("request_id", Holds::Text),
    ("response_bytes", Holds::Int),
    ("response_sha256", Holds::Text),
    ("warning", Holds::Text),
    ("superseded", Holds::Bool),
    ("error", Holds::Text),
    ("host", Holds::Text),
    ("tool_version", Holds::Text),
];

/// One of the places where the rows of a poll stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// The versions that it opened.
    Opened(Kind),
    /// The versions that it closed.
    Closed(Kind),
    /// `field_changes`.
    FieldChanges,
    /// `schema_changes`.
    SchemaChanges,
}

impl Section {
    /// All, in the order of the seal.
    pub const ALL: [Self; 6] = [
        Self::Opened(Kind::Avatar),
        Self::Opened(Kind::TalkingPhoto),
        Self::Closed(Kind::Avatar),
        Self::Closed(Kind::TalkingPhoto),
        Self::FieldChanges,
        Self::SchemaChanges,
    ];

    /// Its table.
    pub fn table(self) -> &'static str {
        match self {
            Self::Opened(kind) | Self::Closed(kind) => history(kind),
            Self::FieldChanges => "field_changes",
            Self::SchemaChanges => "schema_changes",
        }
    }

    pub(super) fn line(self, mut cells: Cells<'static>) -> Line<'static> {
        let kind = |kind: Kind| Cell::text(kind.as_str());
        match self {
            Self::Opened(of) => {
                cells.push(("kind", kind(of)));
                Line::new("opened", cells)
            }
            Self::Closed(of) => {
                cells.push(("kind", kind(of)));
                Line::new("closed", cells)
            }
            Self::FieldChanges => Line::new("field_change", cells),
            Self::SchemaChanges => Line::new("schema_change", cells),
        }
    }

    /// The columns of a line, by their names in it.
    pub(super) fn columns(self) -> Vec<(&'static str, Holds)> {
        use Holds::{Int, Text, Time};
        match self {
            Self::Opened(kind) => {
                let head = [
                    ("item_id", Text),
                    ("version", Int),
                    ("valid_from", Time),
                    ("opened_by", Text),
                    ("opened_poll", Int),
                    ("opened_after", Time),
                ];
                head.into_iter().chain(own_columns(kind)).collect()
            }
            Self::Closed(_) => vec![
                ("item_id", Text),
                ("version", Int),
                ("valid_to", Time),
                ("closed_by", Text),
                ("closed_poll", Int),
                ("closed_after", Time),
            ],
            Self::FieldChanges => vec![
                ("poll_id", Int),
                ("kind", Text),
                ("item_id", Text),
                ("version", Int),
                ("field", Text),
                ("old_value", Text),
                ("new_value", Text),
            ],
            Self::SchemaChanges => vec![
                ("poll_id", Int),
                ("kind", Text),
                ("field", Text),
                ("change", Text),
                ("json_type", Text),
                ("example", Text),
            ],
        }
    }

    pub(super) fn select(self) -> SqlStr {
        let (poll, id, order) = match self {
            Self::Opened(kind) => ("opened_poll", kind.id_field(), "version"),
            Self::Closed(kind) => ("closed_poll", kind.id_field(), "version"),
            Self::FieldChanges => ("poll_id", "item_id", "version, field"),
            Self::SchemaChanges => ("poll_id", "", "field"),
        };
        let order = match self {
            // A poll's rows are of one account, and with it this is the order of an index.
            Self::Opened(_) | Self::Closed(_) => format!("account, {id}, {order}"),
            Self::FieldChanges => format!("kind, {id}, {order}"),
            Self::SchemaChanges => format!("kind, {order}"),
        };
        let columns = self.columns();
        let names = columns.iter().map(|(name, _)| match *name {
            "item_id" => id,
            name => name,
        });
        let names: Vec<&str> = names.collect();
        AssertSqlSafe(format!(
            "SELECT account, {poll}, {} FROM {} WHERE {poll} >= $1 AND {poll} <= $2 \
             ORDER BY {poll}, {order}",
            names.join(", "),
            self.table()
        ))
        .into_sql_str()
    }
}

/// The item's own columns and `extra`.
pub(super) fn own_columns(kind: Kind) -> impl Iterator<Item = (&'static str, Holds)> {
    let holds = |column: &item::Column| match column.holds {
        item::Holds::Text => Holds::Text,
        item::Holds::Bool => Holds::Bool,
        item::Holds::Texts => Holds::Json,
    };
    let own = kind.columns().iter().map(move |column| (column.name, holds(column)));
    own.chain([("extra", Holds::Json)])
}
