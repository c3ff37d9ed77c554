//! Where the rows of a poll are stored, and which of their columns are sealed under which names.

use crate::{
    catalog::{
        cell::Cell,
        column::Holds,
        kind::Kind,
        seal::{Cells, Line},
    },
    store::{
        conn::Engine,
        registry::{Argument, register},
        table::{self, Table},
    },
};

/// One of the places where the rows of a poll are stored.
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
    /// Returns all sections in the order of the seal.
    pub fn all() -> impl Iterator<Item = Self> {
        let opened = Kind::ALL.into_iter().map(Self::Opened);
        let closed = Kind::ALL.into_iter().map(Self::Closed);
        opened.chain(closed).chain([Self::FieldChanges, Self::SchemaChanges])
    }

    /// Returns its table.
    pub fn table(self) -> &'static str {
        match self {
            Self::Opened(kind) | Self::Closed(kind) => kind.history,
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

    /// Returns the columns of a line, by their names in it.
    pub(super) fn columns(self) -> Vec<(&'static str, Holds)> {
        use Holds::{Integer, Text, Time};
        match self {
            Self::Opened(kind) => {
                let head = [
                    ("item_id", Text),
                    ("version", Integer),
                    ("valid_from", Time),
                    ("opened_by", Text),
                    ("opened_poll", Integer),
                    ("opened_after", Time),
                ];
                head.into_iter().chain(own_columns(kind)).collect()
            }
            Self::Closed(_) => vec![
                ("item_id", Text),
                ("version", Integer),
                ("valid_to", Time),
                ("closed_by", Text),
                ("closed_poll", Integer),
                ("closed_after", Time),
            ],
            Self::FieldChanges | Self::SchemaChanges => {
                let sealed = table::find(self.table()).into_iter().flat_map(Table::sealed);
                sealed.map(|column| (column.name, column.holds)).collect()
            }
        }
    }
}

impl Argument for Section {
    fn all(_: Engine) -> Vec<Self> {
        Self::all().collect()
    }
}

register! {
    /// The rows of a section that the polls of a piece wrote, in the order of the seal: (first, last).
    pub(super) fn written(section: Section) {
        let (poll, id, order) = match section {
            Section::Opened(kind) => ("opened_poll", kind.id, "version"),
            Section::Closed(kind) => ("closed_poll", kind.id, "version"),
            Section::FieldChanges => ("poll_id", "item_id", "version, field"),
            Section::SchemaChanges => ("poll_id", "", "field"),
        };
        let order = match section {
            // A poll's rows are of one account; with the account first, this is the order of an index.
            Section::Opened(_) | Section::Closed(_) => format!("account, {id}, {order}"),
            Section::FieldChanges => format!("kind, {id}, {order}"),
            Section::SchemaChanges => format!("kind, {order}"),
        };
        let columns = section.columns();
        let names = columns.iter().map(|(name, _)| match *name {
            "item_id" => format!("{id} AS item_id"),
            name => name.to_owned(),
        });
        let names: Vec<String> = names.collect();
        format!(
            "SELECT account, {poll} AS poll, {} FROM {} WHERE {poll} >= $1 AND {poll} <= $2 \
             ORDER BY {poll}, {order}",
            names.join(", "),
            section.table()
        )
    }
}

/// Returns the item's own columns and `extra`.
pub(super) fn own_columns(kind: Kind) -> impl Iterator<Item = (&'static str, Holds)> {
    let own = kind.columns.iter().map(|column| (column.name, column.holds));
    own.chain([("extra", Holds::Json)])
}
