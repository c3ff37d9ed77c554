//! Renders rows: table, csv, json, ndjson. The only file that decides what a result looks like.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
};

use clap::ValueEnum;

use super::layout::table;
use crate::{
    catalog::{cell, value::write_json_string},
    error::{Error, Result, io_message},
    time::Timestamp,
};

/// The format of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people (default on a terminal)
    Table,
    /// Comma-separated values with a header (default otherwise)
    Csv,
    /// One JSON array
    Json,
    /// One JSON object per line
    Ndjson,
}

impl Format {
    /// Returns the requested format, or the default for stdout.
    pub fn or_default(requested: Option<Self>) -> Self {
        requested.unwrap_or(if io::stdout().is_terminal() { Self::Table } else { Self::Csv })
    }
}

/// A value in a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// No value.
    Null,
    /// Text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A boolean.
    Bool(bool),
    /// A time.
    Time(Timestamp),
    /// JSON text, embedded unchanged.
    Json(String),
    /// Texts, each on its own line.
    Lines(Vec<String>),
}

impl From<cell::Cell<'_>> for Cell {
    fn from(cell: cell::Cell<'_>) -> Self {
        match cell {
            cell::Cell::Null => Self::Null,
            cell::Cell::Text(text) => Self::Text(text.into_owned()),
            cell::Cell::Int(number) => Self::Int(number),
            cell::Cell::Bool(yes) => Self::Bool(yes),
            cell::Cell::Time(time) => Self::Time(time),
            cell::Cell::Json(json) => Self::Json(json.into_owned()),
        }
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Cell {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl From<Timestamp> for Cell {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

/// Writes rows to stdout as they arrive; only a table is written at the end.
pub struct Rows {
    format: Format,
    columns: Vec<&'static str>,
    out: io::BufWriter<io::Stdout>,
    /// Used for csv instead of `out`: a new writer for each row would take most of the time.
    csv: Box<csv::Writer<io::Stdout>>,
    table: Vec<Vec<String>>,
    count: usize,
}

impl Rows {
    /// Begins the output.
    pub fn new(format: Format, columns: impl Into<Vec<&'static str>>) -> Result<Self> {
        let columns = columns.into();
        let out = io::BufWriter::with_capacity(64 * 1024, io::stdout());
        let csv = Box::new(csv::Writer::from_writer(io::stdout()));
        let mut rows = Self { format, columns, out, csv, table: vec![], count: 0 };
        if format == Format::Csv {
            let header: Vec<Cell> = rows.columns.iter().map(|name| Cell::from(*name)).collect();
            rows.csv(&header)?;
        }
        Ok(rows)
    }

    /// Adds a row; its cells are in the order of the columns.
    pub fn row(&mut self, cells: Vec<Cell>) -> Result<()> {
        match self.format {
            Format::Table => self.table.push(cells.iter().map(shown).collect()),
            Format::Csv => self.csv(&cells)?,
            Format::Json => {
                let head = if self.count == 0 { "[\n" } else { ",\n" };
                let object = object(&self.columns, &cells);
                write!(self.out, "{head}{object}").map_err(unwritten)?;
            }
            Format::Ndjson => {
                writeln!(self.out, "{}", object(&self.columns, &cells)).map_err(unwritten)?;
            }
        }
        self.count += 1;
        Ok(())
    }

    /// Ends the output; `nothing` is printed to stderr if a table would be empty.
    pub fn finish(mut self, nothing: &str) -> Result<()> {
        match self.format {
            Format::Table if self.table.is_empty() => note(nothing),
            Format::Table => {
                for line in table(&self.columns, &self.table).lines() {
                    writeln!(self.out, "{}", line.trim_end()).map_err(unwritten)?;
                }
            }
            Format::Json if self.count == 0 => writeln!(self.out, "[]").map_err(unwritten)?,
            Format::Json => writeln!(self.out, "\n]").map_err(unwritten)?,
            Format::Csv => self.csv.flush().map_err(unwritten)?,
            Format::Ndjson => {}
        }
        self.out.flush().map_err(unwritten)
    }

    fn csv(&mut self, cells: &[Cell]) -> Result<()> {
        self.csv.write_record(cells.iter().map(plain)).map_err(unwritten)
    }
}

/// Text that is written to stdout in many pieces.
pub struct Text(io::BufWriter<io::Stdout>);

impl Text {
    /// Begins the output.
    pub fn new() -> Self {
        Self(io::BufWriter::with_capacity(64 * 1024, io::stdout()))
    }

    /// Adds a piece.
    pub fn write(&mut self, piece: &str) -> Result<()> {
        self.0.write_all(piece.as_bytes()).map_err(unwritten)
    }

    /// Ends the output.
    pub fn finish(mut self) -> Result<()> {
        self.0.flush().map_err(unwritten)
    }
}

/// Prints a line to stderr. If that fails, the line is lost and nothing else happens.
pub fn note(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints text other than rows to stdout. A reader that stops reading is not an error.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(unwritten)
}

/// The same for commands with other work to do: they continue when the reader stops reading.
pub fn print_and_continue(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(unwritten),
    }
}

/// Returns the error of a failed write. If the reader has stopped reading (`… | head`), ends the
/// process at once, with exit code 0 and no message.
pub fn unwritten(fault: impl Into<OutputFault>) -> Error {
    let OutputFault(fault) = fault.into();
    if fault.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    Error::storage(format!("cannot write the output: {}", io_message(&fault)))
}

/// Why a write to stdout failed.
pub struct OutputFault(io::Error);

impl From<io::Error> for OutputFault {
    fn from(fault: io::Error) -> Self {
        Self(fault)
    }
}

impl From<csv::Error> for OutputFault {
    fn from(fault: csv::Error) -> Self {
        match fault.into_kind() {
            csv::ErrorKind::Io(fault) => Self(fault),
            other => Self(io::Error::other(format!("{other:?}"))),
        }
    }
}

fn plain(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) | Cell::Json(text) => text.clone(),
        Cell::Int(number) => number.to_string(),
        Cell::Bool(yes) => yes.to_string(),
        Cell::Time(time) => time.to_string(),
        Cell::Lines(lines) => lines.join("\n"),
    }
}

/// Returns a cell for a terminal: the only line breaks are those of [`Cell::Lines`].
fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Lines(lines) => lines.iter().map(|line| visible(line)).collect::<Vec<_>>().join("\n"),
        other => visible(&plain(other)),
    }
}

/// Returns a row as one JSON object, its keys in the order of the columns.
pub fn object(columns: &[&str], cells: &[Cell]) -> String {
    let mut out = String::from("{");
    for (index, (name, cell)) in columns.iter().zip(cells).enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_json_string(name, &mut out);
        out.push(':');
        match cell {
            Cell::Null => out.push_str("null"),
            Cell::Text(text) => write_json_string(text, &mut out),
            Cell::Json(json) => out.push_str(json),
            Cell::Int(_) | Cell::Bool(_) => out.push_str(&plain(cell)),
            Cell::Lines(_) | Cell::Time(_) => write_json_string(&plain(cell), &mut out),
        }
    }
    out.push('}');
    out
}

/// Returns upstream text with its control characters made visible: a name must not control a terminal.
pub fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => '↵',
            '\t' => ' ',
            c if c.is_control()
                || ('\u{202A}'..='\u{202E}').contains(&c)
                || ('\u{2066}'..='\u{2069}').contains(&c) =>
            {
                '\u{FFFD}'
            }
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_becomes_an_object_in_the_order_of_its_columns() {
        let cells =
            vec![Cell::Text("a\"b".into()), Cell::Null, Cell::Json("[1]".into()), Cell::Bool(true)];
        assert_eq!(
            object(&["z", "a", "m", "b"], &cells),
            r#"{"z":"a\"b","a":null,"m":[1],"b":true}"#
        );
    }

    #[test]
    fn names_cannot_steer_a_terminal() {
        assert_eq!(visible("a\u{1b}[31mb\nc\u{202E}"), "a\u{FFFD}[31mb↵c\u{FFFD}");
    }
}
