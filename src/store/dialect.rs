//! The SQL that differs between the engines: one function for each difference.

use std::time::Duration;

/// The names of the migrations; each engine has its own SQL for each.
pub const MIGRATIONS: [&str; 1] = ["catalogue"];

/// The SQL that differs between the engines.
pub trait Dialect {
    /// Returns the SQL of each migration.
    fn migrations(&self) -> [&'static str; MIGRATIONS.len()];

    /// Whether the engine has concurrent writers, which need the statements of [`super::server`].
    fn is_server(&self) -> bool;

    /// Returns the statement that enlarges the page cache of the connection for a large load or a long
    /// read; `None` if the cache is the server's.
    fn more_cache(&self) -> Option<&'static str>;

    /// Returns the statements that limit reads on the connection, or only in the open `transaction`; `None`
    /// if the connection is interrupted by the client instead.
    fn reading_limits(&self, limit: Duration, transaction: bool) -> Option<String>;

    /// Returns the statement that begins a write transaction.
    fn begin_writing(&self) -> &'static str;

    /// Returns the statement that begins a transaction that reads one state of the database.
    fn begin_reading(&self) -> &'static str;

    /// Returns the query for the names of the tables and views; on PostgreSQL without those of extensions.
    fn tables(&self) -> &'static str;

    /// Returns the dialect for parsing a query from outside.
    fn parser(&self) -> &'static dyn sqlparser::dialect::Dialect;

    /// Returns the expression that selects each row of `from` for `Row::object`.
    fn as_object(&self, from: &str) -> String;

    /// Returns the name of one of our tables inside a common table expression of the same name.
    fn own_table(&self, name: &str) -> String;

    /// Returns the query for the size of the database (on PostgreSQL of the schema), in bytes.
    fn size(&self) -> &'static str;

    /// Returns the condition that the user may read a column of a table.
    fn may_read(&self, table: &str, column: &str) -> String;

    /// Returns the expression for the milliseconds between two times.
    fn milliseconds(&self, from: &str, to: &str) -> String;

    /// Returns the expression for the day of a time, as text.
    fn day(&self, time: &str) -> String;

    /// Returns a NULL of the type of a time.
    fn no_time(&self) -> &'static str;

    /// Returns the expression for the first 200 characters after leading blanks, as in the index by name;
    /// NULL if there are only blanks.
    fn head(&self, text: &str) -> String;

    /// Returns the expression for the text with only its ASCII letters in lower case.
    fn ascii_lower(&self, text: &str) -> String;

    /// Returns the condition that the text with only its ASCII letters in lower case matches a pattern of
    /// LIKE without upper case.
    fn like(&self, text: &str, pattern: &str) -> String;

    /// Returns the FROM item for the strings of a JSON array, as `t.value`.
    fn each_string(&self, json: &str) -> String;

    /// Returns the condition that a JSON array of strings contains one of the bound values.
    fn has_string(&self, json: &str, places: &[String]) -> String;

    /// Returns the condition that `column` is among the values `value` of `rows` (FROM and WHERE), for a
    /// query on most items; `one` is the same condition for one item. PostgreSQL hashes the values once;
    /// SQLite, which would build an index for them, uses `one`.
    fn among(&self, column: &str, value: &str, rows: &str, one: &str) -> String;

    /// Returns the condition that a JSON object has the key `name`, which is one of ours (it is not
    /// escaped).
    fn has_key(&self, json: &str, name: &str) -> String;
}
