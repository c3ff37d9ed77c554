//! Renders rows: table, csv, json, ndjson. The only file that decides what a result looks like.

use std::{
    borrow::Cow,
    fmt,
    io::{self, IsTerminal, Write},
};

use clap::ValueEnum;

use super::layout::table;
use crate::{
    catalog::{
        cell::{Cell, object},
        column::FieldName,
        json_out::json_array,
        value::Value,
    },
    error::{Error, Result, io_message},
};

pub use crate::words::visible;

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
            let names = rows.columns.clone();
            rows.csv(names.into_iter().map(Cow::Borrowed))?;
        }
        Ok(rows)
    }

    /// Adds a row; its cells are in the order of the columns.
    pub fn row(&mut self, cells: Vec<Cell<'_>>) -> Result<()> {
        match self.format {
            Format::Table => self.table.push(cells.into_iter().map(shown).collect()),
            Format::Csv => self.csv(cells.into_iter().map(Cell::into_text))?,
            Format::Json | Format::Ndjson => {
                let object = object(self.columns.iter().copied().zip(cells));
                let written = match (self.format, self.count) {
                    (Format::Ndjson, _) => writeln!(self.out, "{object}"),
                    (_, 0) => write!(self.out, "[\n{object}"),
                    (_, _) => write!(self.out, ",\n{object}"),
                };
                written.map_err(unwritten)?;
            }
        }
        self.count += 1;
        Ok(())
    }

    /// Ends the output; `nothing`, unless it is empty, is printed to stderr instead of an empty table.
    pub fn finish(mut self, nothing: &str) -> Result<()> {
        match self.format {
            Format::Table if self.table.is_empty() => {
                if !nothing.is_empty() {
                    note(nothing);
                }
            }
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

    fn csv<'a>(&mut self, texts: impl Iterator<Item = Cow<'a, str>>) -> Result<()> {
        let write = || {
            for text in texts {
                self.csv.write_field(text.as_bytes())?;
            }
            self.csv.write_record(None::<&[u8]>)
        };
        write().map_err(|fault: csv::Error| {
            unwritten(match fault.into_kind() {
                csv::ErrorKind::Io(fault) => fault,
                other => io::Error::other(format!("{other:?}")),
            })
        })
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
pub fn unwritten(fault: io::Error) -> Error {
    if fault.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    Error::storage(format!("cannot write the output: {}", io_message(&fault)))
}

/// Returns a cell for a terminal. The only line breaks are those between the texts of a JSON array.
fn shown(cell: Cell<'_>) -> String {
    let lines = match &cell {
        Cell::Json(json) => serde_json::from_str::<Vec<String>>(json).ok(),
        _ => None,
    };
    match lines {
        Some(lines) => lines.iter().map(|line| visible(line)).collect::<Vec<_>>().join("\n"),
        None => visible(&cell.into_text()),
    }
}

/// Returns changed fields as `{"field":[old,new],…}`.
pub fn fields_json<'a>(
    changes: impl IntoIterator<Item = (&'a FieldName, &'a Option<Value<'a>>, &'a Option<Value<'a>>)>,
) -> String {
    let json = |value: &Option<Value<'_>>| value.as_ref().map_or("null".into(), Value::to_json);
    let both = |old, new| Cell::json(json_array([json(old), json(new)]));
    object(changes.into_iter().map(|(field, old, new)| (field.as_ref(), both(old, new))))
}
