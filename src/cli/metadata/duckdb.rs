//! Views for DuckDB over an attached database: the same names with the types of the data dictionary,
//! which SQLite's own types do not express.

use std::fmt::Write;

use crate::{
    catalog::column::{Column, Holds},
    store::table,
};

/// Returns the statements; the database must be attached as `heygen`.
pub(super) fn views() -> String {
    let mut out = String::new();
    for table in table::all() {
        let columns = table.columns.iter().map(typed).collect::<Vec<_>>().join(",\n    ");
        let name = table.name;
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            out,
            "CREATE OR REPLACE VIEW {name} AS SELECT\n    {columns}\nFROM heygen.{name};"
        );
    }
    out
}

fn typed(column: &Column) -> String {
    let name = column.name;
    match column.holds {
        Holds::Text => name.to_owned(),
        Holds::Integer => format!("CAST({name} AS BIGINT) AS {name}"),
        Holds::Boolean => format!("CAST(CAST({name} AS INTEGER) AS BOOLEAN) AS {name}"),
        Holds::Time => format!("CAST({name} AS TIMESTAMPTZ) AS {name}"),
        Holds::Json => format!("CAST({name} AS JSON) AS {name}"),
        Holds::Texts => format!("CAST(CAST({name} AS JSON) AS VARCHAR[]) AS {name}"),
    }
}
