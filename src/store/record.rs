//! Rows as structs: the columns of a table or of a query are the fields of a struct, declared once.
//!
//! `record!` generates from one list of fields the struct, its columns with their types and meanings, the
//! code that reads a row by name, and the cells to write.

use super::{
    conn::{Fault, Row},
    json_text::JsonText,
};
use crate::{
    catalog::{
        cell::Cell,
        column::{Column, Holds},
        kind::Kind,
    },
    time::Timestamp,
};

/// A Rust type of the values of a column.
pub trait ColumnType: Sized {
    /// The column's type.
    const HOLDS: Holds;

    /// Reads the column with this name.
    ///
    /// # Errors
    /// Fails for a value that this program would not have written.
    fn read(row: &Row, name: &str) -> Result<Self, Fault>;

    /// Returns the cell to write.
    fn cell(&self) -> Cell<'_>;
}

/// A struct whose fields are columns.
pub trait RowType: Sized {
    /// Adds its columns.
    fn columns(into: &mut Vec<Column>);

    /// Returns the names of its columns.
    fn names() -> Vec<&'static str> {
        let mut columns = vec![];
        Self::columns(&mut columns);
        columns.iter().map(|column| column.name).collect()
    }

    /// Reads its columns by name.
    ///
    /// # Errors
    /// See [`ColumnType::read`].
    fn read(row: &Row) -> Result<Self, Fault>;

    /// Adds its cells, in the order of the columns.
    fn cells<'a>(&'a self, into: &mut Vec<Cell<'a>>);

    /// Returns its cells.
    fn row(&self) -> Vec<Cell<'_>> {
        let mut cells = vec![];
        self.cells(&mut cells);
        cells
    }
}

macro_rules! field {
    ($Type:ty, $holds:ident, $read:ident, $this:ident => $cell:expr) => {
        impl ColumnType for $Type {
            const HOLDS: Holds = Holds::$holds;

            fn read(row: &Row, name: &str) -> Result<Self, Fault> {
                row.$read(name)
            }

            fn cell(&self) -> Cell<'_> {
                let $this = self;
                $cell
            }
        }
    };
}

field!(String, Text, some_text, text => Cell::text(text));
field!(Option<String>, Text, text, text => text.as_deref().into());
field!(i64, Integer, some_int, number => (*number).into());
field!(Option<i64>, Integer, int, number => (*number).into());
field!(bool, Boolean, some_bool, yes => (*yes).into());
field!(Timestamp, Time, some_time, time => (*time).into());
field!(Option<Timestamp>, Time, time, time => (*time).into());
field!(Option<JsonText>, Json, json_text, json => {
    json.as_ref().map_or(Cell::Null, |JsonText(json)| Cell::json(json.as_str()))
});

/// A count for each kind, in columns of its own; `None` for a kind that was not listed.
pub type Listed = [Option<i64>; Kind::ALL.len()];

impl RowType for Listed {
    fn columns(into: &mut Vec<Column>) {
        into.extend(Kind::ALL.map(|kind| kind.listed));
    }

    fn read(row: &Row) -> Result<Self, Fault> {
        let mut listed = Self::default();
        for kind in Kind::ALL {
            listed[kind.index()] = row.int(kind.listed.name)?;
        }
        Ok(listed)
    }

    fn cells<'a>(&'a self, into: &mut Vec<Cell<'a>>) {
        into.extend(self.iter().map(|count| Cell::from(*count)));
    }
}

/// Declares a struct whose fields are the columns of a table or of a query, in their order:
///
/// ```text
/// record! {
///     /// A row of a table.
///     #[derive(Clone)]
///     pub struct Example {
///         id: i64 = "the column's meaning, and the field's doc comment",
///         account: String = "a column that no digest covers" unsealed,
///         observed_at: Timestamp = "a column that is never null" required,
///         counts: Option<Counts> = "a struct with columns of its own" record,
///     }
/// }
/// ```
macro_rules! record {
    (
        $(#[$meta:meta])*
        pub struct $Name:ident {
            $($(#[$field_meta:meta])* $field:ident: $Type:ty = $meaning:literal $($how:ident)*,)*
        }
    ) => {
        $(#[$meta])*
        pub struct $Name {
            $(#[doc = $meaning] $(#[$field_meta])* pub $field: $Type,)*
        }

        impl $crate::store::record::RowType for $Name {
            fn columns(into: &mut Vec<$crate::catalog::column::Column>) {
                $($crate::store::record::record!(@columns into $field $Type, $meaning $($how)*);)*
            }

            fn read(
                row: &$crate::store::conn::Row,
            ) -> Result<Self, $crate::store::conn::Fault> {
                Ok(Self {
                    $($field: $crate::store::record::record!(@read row $field $Type, $($how)*),)*
                })
            }

            fn cells<'a>(&'a self, into: &mut Vec<$crate::catalog::cell::Cell<'a>>) {
                $($crate::store::record::record!(@cells self into $field, $($how)*);)*
            }
        }
    };
    (@columns $into:ident $field:ident $Type:ty, $meaning:literal record) => {
        <$Type as $crate::store::record::RowType>::columns($into)
    };
    (@columns $into:ident $field:ident $Type:ty, $meaning:literal $($how:ident)*) => {
        $into.push(
            $crate::catalog::column::Column::new(
                stringify!($field),
                <$Type as $crate::store::record::ColumnType>::HOLDS,
                $meaning,
            )
            $(.$how())*,
        )
    };
    (@read $row:ident $field:ident $Type:ty, record) => {
        <$Type as $crate::store::record::RowType>::read($row)?
    };
    (@read $row:ident $field:ident $Type:ty, $($how:ident)*) => {
        <$Type as $crate::store::record::ColumnType>::read($row, stringify!($field))?
    };
    (@cells $this:ident $into:ident $field:ident, record) => {
        $crate::store::record::RowType::cells(&$this.$field, $into)
    };
    (@cells $this:ident $into:ident $field:ident, $($how:ident)*) => {
        $into.push($crate::store::record::ColumnType::cell(&$this.$field))
    };
}
pub(crate) use record;
