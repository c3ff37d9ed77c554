//! The SQL that differs between the engines: one function for each difference.

use std::time::Duration;

use super::server::ServerSql;

/// The migrations, by name; each engine has its own text for each.
pub const MIGRATIONS: [&str; 1] = ["catalogue"];

/// What an engine writes in its own way.
pub trait Dialect {
    /// The text of each migration.
    fn migrations(&self) -> [&'static str; MIGRATIONS.len()];

    /// What several writers need; `None` where there is one at a time.
    fn server(&self) -> Option<&'static ServerSql>;

    /// Gives the connection more memory for pages that a large load or a long reading comes back
    /// to, where that is the client's.
    fn more_cache(&self) -> Option<&'static str>;

    /// Bounds the readings of a connection, or of the open transaction alone, where the server does
    /// that; elsewhere the connection is interrupted.
    fn reading_limits(&self, limit: Duration, transaction: bool) -> Option<String>;

    /// Begins a transaction that writes.
    fn begin_writing(&self) -> &'static str;

    /// Begins a transaction that reads one state of the database.
    fn begin_reading(&self) -> &'static str;

    /// The names of the tables and views; on PostgreSQL without those of extensions.
    fn tables(&self) -> &'static str;

    /// How the parser of somebody else's query reads it.
    fn parser(&self) -> &'static dyn sqlparser::dialect::Dialect;

    /// What selects each row of `from` as [`super::conn::Row::object`] reads it.
    fn as_object(&self, from: &str) -> String;

    /// A table of ours, within a common table expression of the same name.
    fn own_table(&self, name: &str) -> String;

    /// The size of the database, in bytes; on PostgreSQL of the schema.
    fn size(&self) -> &'static str;

    /// The time between two times, in milliseconds.
    fn milliseconds(&self, from: &str, to: &str) -> String;

    /// The day of a time, as text.
    fn day(&self, time: &str) -> String;

    /// A null that has the type of a time.
    fn no_time(&self) -> &'static str;

    /// The first 200 characters after blanks at its beginning, as the index by name has them; null if
    /// it has blanks alone.
    fn head(&self, text: &str) -> String;

    /// A subquery with the strings of a JSON array.
    fn strings(&self, json: &str) -> String;

    /// The text with its ASCII letters in lower case, and no other letter changed.
    fn ascii_lower(&self, text: &str) -> String;

    /// What stands behind FROM for the strings of a JSON array, as `t.value`.
    fn each_string(&self, json: &str) -> String;

    /// Whether a JSON array of strings has one of the bound values.
    fn has_string(&self, json: &str, places: &[String]) -> String;

    /// Whether `column` is among the values that `rows` (FROM and WHERE) has in `value`, asked of most
    /// items; `one` asks the same for one item. PostgreSQL hashes the values once; SQLite would
    /// build an index for them.
    fn among(&self, column: &str, value: &str, rows: &str, one: &str) -> String;

    /// Whether a JSON object has the key `name`, which is one of ours.
    fn has_key(&self, json: &str, name: &str) -> String;
}
