//! Many rows in few statements: the one place where the two engines need different forms.
//!
//! SQLite takes rows as multi-row VALUES (each statement hands over to sqlx's worker thread and
//! back, so fewer are cheaper); PostgreSQL takes columns as arrays through `unnest` (one plan,
//! one round trip, no limit on parameters). Callers give columns once and write the statement
//! around a source of rows called `d`.

use std::{borrow::Cow, sync::Arc};

use sqlx::{AssertSqlSafe, postgres::PgArguments, sqlite::SqliteArguments};

use super::conn::{Arg, Conn, Engine, Fault, add_postgres, add_sqlite};
use crate::{
    catalog::{
        cell::Cell,
        column::{self as catalog, Holds},
    },
    time::Timestamp,
};

/// Rows to write, column by column; all columns are of one length.
#[derive(Debug, Default)]
pub struct Bulk<'a> {
    columns: Vec<(&'static str, Column<'a>)>,
    rows: usize,
}

/// The values of one column.
#[derive(Debug)]
pub enum Column<'a> {
    /// TEXT.
    Text(Vec<Option<Cow<'a, str>>>),
    /// INTEGER or BIGINT.
    Int(Vec<Option<i64>>),
    /// INTEGER 0/1 or BOOLEAN.
    Bool(Vec<Option<bool>>),
    /// TEXT or TIMESTAMPTZ.
    Time(Vec<Option<Timestamp>>),
    /// TEXT or JSONB.
    Json(Vec<Option<Cow<'a, str>>>),
    /// The same value in every row.
    All(Arg<'a>),
}

/// SQLite's bound on the parameters of a statement.
const SQLITE_PARAMETERS: usize = 32_766;
/// Rows of a statement: on SQLite more gain nothing, on PostgreSQL they bound the memory.
const SQLITE_ROWS: usize = 500;
const POSTGRES_ROWS: usize = 1_000;

/// How many rows a caller with many should hand over at once, so that their cells never stand in
/// memory all together.
pub fn at_once(engine: Engine) -> usize {
    match engine {
        Engine::Sqlite => 2 * SQLITE_ROWS,
        Engine::Postgres => POSTGRES_ROWS,
    }
}

impl<'a> Bulk<'a> {
    /// Nothing yet, for `rows` rows.
    pub fn new(rows: usize) -> Self {
        Self { columns: vec![], rows }
    }

    /// Adds a column.
    pub fn column(mut self, name: &'static str, column: Column<'a>) -> Self {
        self.columns.push((name, column));
        self
    }

    /// Adds a column that has the same value in every row.
    pub fn all(self, name: &'static str, value: impl Into<Arg<'a>>) -> Self {
        self.column(name, Column::All(value.into()))
    }

    /// Adds a column of the described type.
    pub fn cells(
        self,
        column: &'static catalog::Column,
        cells: impl Iterator<Item = Cell<'a>>,
    ) -> Self {
        let mut values = Column::of(column.holds);
        cells.for_each(|cell| values.push(cell));
        self.column(column.name, values)
    }

    /// Adds a column of the described type with one value.
    pub fn cell(self, column: &'static catalog::Column, cell: Cell<'a>) -> Self {
        self.cells(column, std::iter::once(cell))
    }

    /// Adds a column of text that is never null.
    pub fn texts(self, name: &'static str, values: impl Iterator<Item = &'a str>) -> Self {
        self.column(name, Column::Text(values.map(|text| Some(Cow::Borrowed(text))).collect()))
    }

    /// Inserts the rows into `table`.
    pub async fn insert(self, conn: &mut Conn, table: &str) -> Result<(), Fault> {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let head = format!("INSERT INTO {table} ({}) ", names.join(", "));
        self.run(conn, &head, "", true).await
    }

    /// Inserts those rows into `table` whose key it does not hold yet.
    pub async fn insert_new(self, conn: &mut Conn, table: &str) -> Result<(), Fault> {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let head = format!("INSERT INTO {table} ({}) ", names.join(", "));
        self.run(conn, &head, " ON CONFLICT DO NOTHING", true).await
    }

    /// Runs `UPDATE table SET assignments FROM d WHERE condition`, `d` being the rows.
    pub async fn update(
        self,
        conn: &mut Conn,
        table: &str,
        set: &str,
        on: &str,
    ) -> Result<(), Fault> {
        let head = format!("UPDATE {table} AS t SET {set} FROM ");
        self.run(conn, &head, &format!(" AS d WHERE {on}"), false).await
    }

    /// `bare` writes the source without parentheses and names, as INSERT takes it.
    async fn run(self, conn: &mut Conn, head: &str, tail: &str, bare: bool) -> Result<(), Fault> {
        let chunk = match conn {
            Conn::Sqlite(_) => (SQLITE_PARAMETERS / self.columns.len().max(1)).min(SQLITE_ROWS),
            Conn::Postgres(_) => POSTGRES_ROWS,
        };
        for start in (0..self.rows).step_by(chunk.max(1)) {
            let range = start..(start + chunk).min(self.rows);
            match conn {
                Conn::Sqlite(conn) => {
                    let sql = format!("{head}{}{tail}", self.sqlite_source(range.len(), bare));
                    let query =
                        sqlx::query_with(AssertSqlSafe(sql), self.sqlite_values(range.clone())?);
                    query.persistent(range.len() == chunk).execute(conn).await?;
                }
                Conn::Postgres(server) => {
                    let sql = format!("{head}{}{tail}", self.postgres_source(bare));
                    let query = sqlx::query_with(AssertSqlSafe(sql), self.postgres_values(range)?);
                    let own = server.begin_own().await?;
                    let done = query.persistent(false).execute(&mut server.conn).await;
                    server.end_own(own, done).await?;
                }
            }
        }
        if let Conn::Sqlite(conn) = conn {
            // A statement of thousands of parameters takes megabytes as long as it is kept ready.
            sqlx::Connection::clear_cached_statements(conn).await?;
        }
        Ok(())
    }

    fn sqlite_source(&self, rows: usize, bare: bool) -> String {
        let row = format!("({})", vec!["?"; self.columns.len()].join(","));
        let values = format!("VALUES {}", vec![row.as_str(); rows].join(","));
        if bare {
            return values;
        }
        let named = self.columns.iter().enumerate();
        let named: Vec<_> =
            named.map(|(at, (name, _))| format!("column{} AS {name}", at + 1)).collect();
        format!("(SELECT {} FROM ({values}))", named.join(", "))
    }

    fn sqlite_values(&self, rows: std::ops::Range<usize>) -> Result<SqliteArguments, Fault> {
        use sqlx::Arguments;
        let mut bound = SqliteArguments::default();
        bound.reserve(rows.len() * self.columns.len(), 0);
        let shared: Vec<Option<Arc<str>>> =
            self.columns.iter().map(|(_, column)| column.shared()).collect();
        for row in rows {
            for ((_, column), shared) in self.columns.iter().zip(&shared) {
                match shared {
                    Some(text) => bound.add(text.clone()).map_err(Fault::Encode)?,
                    None => add_sqlite(&mut bound, &column.arg(row))?,
                }
            }
        }
        Ok(bound)
    }

    fn postgres_source(&self, bare: bool) -> String {
        let mut arrays = vec![];
        let mut aliases = vec![];
        let mut selected = vec![];
        for (at, (name, column)) in self.columns.iter().enumerate() {
            let (sql_type, cast) = column.postgres_type();
            match column {
                Column::All(_) => selected.push(format!("${}::{sql_type} AS {name}", at + 1)),
                _ => {
                    arrays.push(format!("${}::{sql_type}[]", at + 1));
                    aliases.push(*name);
                    selected.push(format!("u.{name}{cast} AS {name}"));
                }
            }
        }
        let (selected, arrays, aliases) =
            (selected.join(", "), arrays.join(", "), aliases.join(", "));
        let select = format!("SELECT {selected} FROM unnest({arrays}) AS u ({aliases})");
        if bare { select } else { format!("({select})") }
    }

    fn postgres_values(&self, rows: std::ops::Range<usize>) -> Result<PgArguments, Fault> {
        use sqlx::Arguments;
        let mut bound = PgArguments::default();
        for (_, column) in &self.columns {
            let added = match column {
                Column::Text(all) | Column::Json(all) => {
                    let texts: Vec<Option<&str>> =
                        all[rows.clone()].iter().map(Option::as_deref).collect();
                    bound.add(texts)
                }
                Column::Int(all) => bound.add(&all[rows.clone()]),
                Column::Bool(all) => bound.add(&all[rows.clone()]),
                Column::Time(all) => {
                    let times = all[rows.clone()].iter().map(|time| time.map(Timestamp::to_chrono));
                    bound.add(times.collect::<Vec<_>>())
                }
                Column::All(value) => {
                    add_postgres(&mut bound, value)?;
                    Ok(())
                }
            };
            added.map_err(Fault::Encode)?;
        }
        Ok(bound)
    }
}

impl<'a> Column<'a> {
    /// No values yet, of a type.
    pub fn of(holds: Holds) -> Self {
        match holds {
            Holds::Text => Self::Text(vec![]),
            Holds::Integer => Self::Int(vec![]),
            Holds::Boolean => Self::Bool(vec![]),
            Holds::Time => Self::Time(vec![]),
            Holds::Json | Holds::Texts => Self::Json(vec![]),
        }
    }

    /// Adds a value; one of another type is null.
    pub fn push(&mut self, cell: Cell<'a>) {
        match (self, cell) {
            (Self::Text(all), Cell::Text(text)) => all.push(Some(text)),
            (Self::Int(all), Cell::Int(number)) => all.push(Some(number)),
            (Self::Bool(all), Cell::Bool(yes)) => all.push(Some(yes)),
            (Self::Time(all), Cell::Time(time)) => all.push(Some(time)),
            (Self::Json(all), Cell::Json(json)) => all.push(Some(json)),
            (Self::Text(all) | Self::Json(all), _) => all.push(None),
            (Self::Int(all), _) => all.push(None),
            (Self::Bool(all), _) => all.push(None),
            (Self::Time(all), _) => all.push(None),
            (Self::All(_), _) => {}
        }
    }

    /// The text that is the same in every row, made once.
    fn shared(&self) -> Option<Arc<str>> {
        match self {
            Self::All(Arg::Text(Some(text))) => Some(Arc::from(&**text)),
            Self::All(Arg::Time(Some(time))) => Some(Arc::from(time.to_string())),
            _ => None,
        }
    }

    fn arg(&self, row: usize) -> Arg<'_> {
        match self {
            Self::Text(all) => Arg::Text(all[row].as_deref().map(Cow::Borrowed)),
            Self::Json(all) => Arg::Json(all[row].as_deref().map(Cow::Borrowed)),
            Self::Int(all) => Arg::Int(all[row]),
            Self::Bool(all) => Arg::Bool(all[row]),
            Self::Time(all) => Arg::Time(all[row]),
            Self::All(value) => value.clone(),
        }
    }

    /// The type that travels, and the cast to the column's own.
    fn postgres_type(&self) -> (&'static str, &'static str) {
        match self {
            Self::Text(_) | Self::All(Arg::Text(_)) => ("text", ""),
            Self::Int(_) | Self::All(Arg::Int(_)) => ("bigint", ""),
            Self::Bool(_) | Self::All(Arg::Bool(_)) => ("boolean", ""),
            Self::Time(_) | Self::All(Arg::Time(_)) => ("timestamptz", ""),
            Self::Json(_) => ("text", "::jsonb"),
            Self::All(Arg::Json(_)) => ("jsonb", ""),
            Self::All(Arg::Real(_)) => ("double precision", ""),
        }
    }
}
