//! Rows as a Parquet file on stdout: typed columns, zstd, row groups of bounded size.
//!
//! Times are TIMESTAMP(MILLIS, UTC), whole numbers INT64, booleans BOOLEAN, everything else,
//! including JSON, UTF-8 strings: readers interpret Parquet's own JSON type differently. Every column
//! is nullable, so the same export always has the same types. The type of a column comes from the
//! description of the tables; a value of another type fails the export.

use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use parquet::{
    basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel},
    data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::{Type, TypePtr},
};

use super::output::unwritten;
use crate::{
    catalog::{cell::Cell, column::Holds},
    error::{Error, Result},
    store::table::holds,
};

/// A row group is written once it contains this many rows …
const ROWS: usize = 65_536;
/// … or this many bytes of text.
const BYTES: usize = 16 << 20;

/// Writes rows to stdout as they arrive, one row group at a time.
pub struct Parquet {
    writer: SerializedFileWriter<io::BufWriter<io::Stdout>>,
    columns: Vec<Values>,
    rows: usize,
    bytes: usize,
}

/// The cells of one column in the current row group.
enum Values {
    Texts(NullableValues<ByteArray>),
    Ints(NullableValues<i64>),
    Bools(NullableValues<bool>),
    Times(NullableValues<i64>),
}

/// The values that are not null, and for each row whether it has one (1 or 0).
struct NullableValues<T> {
    values: Vec<T>,
    present: Vec<i16>,
}

impl Parquet {
    /// Begins the file, with the types that the columns have in `table`. Fails on a terminal.
    pub fn new(table: &str, names: &[&str]) -> Result<Self> {
        if io::stdout().is_terminal() {
            return Err(Error::usage(
                "Parquet cannot be written to a terminal; write it to a file: heygen-sync export \
                 --format parquet > catalogue.parquet",
            ));
        }
        let columns: Vec<Values> =
            names.iter().map(|name| Values::of(holds(table, name))).collect();
        let schema = schema(names, &columns).map_err(failed)?;
        let out = io::BufWriter::with_capacity(64 * 1024, io::stdout());
        let writer = SerializedFileWriter::new(out, schema, Arc::new(properties()));
        Ok(Self { writer: writer.map_err(failed)?, columns, rows: 0, bytes: 0 })
    }

    /// Adds a row; its cells are in the order of the columns.
    pub fn row(&mut self, cells: Vec<Cell<'_>>) -> Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            self.bytes += column.push(cell)?;
        }
        self.rows += 1;
        if self.rows >= ROWS || self.bytes >= BYTES {
            self.flush().map_err(failed)?;
        }
        Ok(())
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<()> {
        if self.rows > 0 {
            self.flush().map_err(failed)?;
        }
        let mut out = self.writer.into_inner().map_err(failed)?;
        out.flush().map_err(unwritten)
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            if let Some(mut writer) = group.next_column()? {
                column.write(&mut writer)?;
                writer.close()?;
            }
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl Values {
    fn of(holds: Holds) -> Self {
        match holds {
            Holds::Text | Holds::Json | Holds::Texts => Self::Texts(NullableValues::new()),
            Holds::Integer => Self::Ints(NullableValues::new()),
            Holds::Boolean => Self::Bools(NullableValues::new()),
            Holds::Time => Self::Times(NullableValues::new()),
        }
    }

    /// Adds a cell and returns the size of its text in bytes.
    fn push(&mut self, cell: Cell<'_>) -> Result<usize> {
        match (self, cell) {
            (Self::Texts(cells), Cell::Text(text) | Cell::Json(text)) => {
                let size = text.len();
                cells.push(Some(text.into_owned().into_bytes().into()));
                return Ok(size);
            }
            (Self::Texts(cells), Cell::Null) => cells.push(None),
            (Self::Ints(cells) | Self::Times(cells), Cell::Null) => cells.push(None),
            (Self::Bools(cells), Cell::Null) => cells.push(None),
            (Self::Ints(cells), Cell::Int(number)) => cells.push(Some(number)),
            (Self::Bools(cells), Cell::Bool(yes)) => cells.push(Some(yes)),
            (Self::Times(cells), Cell::Time(time)) => cells.push(Some(time.millis())),
            (_, cell) => {
                return Err(Error::unforeseen(format!("a column cannot hold {cell:?}")));
            }
        }
        Ok(0)
    }

    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        match self {
            Self::Texts(cells) => cells.write::<ByteArrayType>(writer),
            Self::Ints(cells) | Self::Times(cells) => cells.write::<Int64Type>(writer),
            Self::Bools(cells) => cells.write::<BoolType>(writer),
        }
    }

    /// Returns the physical type and the logical type.
    fn types(&self) -> (Physical, Option<LogicalType>) {
        match self {
            Self::Texts(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Self::Ints(_) => (Physical::INT64, None),
            Self::Bools(_) => (Physical::BOOLEAN, None),
            Self::Times(_) => {
                (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS)))
            }
        }
    }
}

impl<T> NullableValues<T> {
    fn new() -> Self {
        Self { values: vec![], present: vec![] }
    }

    fn push(&mut self, value: Option<T>) {
        self.present.push(i16::from(value.is_some()));
        self.values.extend(value);
    }

    /// Writes the values and clears them.
    fn write<D: DataType<T = T>>(
        &mut self,
        writer: &mut SerializedColumnWriter<'_>,
    ) -> Result<(), ParquetError> {
        writer.typed::<D>().write_batch(&self.values, Some(&self.present), None)?;
        self.values.clear();
        self.present.clear();
        Ok(())
    }
}

fn schema(names: &[&str], columns: &[Values]) -> Result<TypePtr, ParquetError> {
    let fields = names.iter().zip(columns).map(|(name, values)| {
        let (physical, logical) = values.types();
        let field = Type::primitive_type_builder(name, physical).with_logical_type(logical);
        field.with_repetition(Repetition::OPTIONAL).build().map(Arc::new)
    });
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    Type::group_type_builder("heygen_sync").with_fields(fields).build().map(Arc::new)
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("heygen-sync ", env!("CARGO_PKG_VERSION")).to_owned())
        .build()
}

/// Converts a failed write of the output with [`unwritten`]; any other error is unforeseen.
fn failed(fault: ParquetError) -> Error {
    match fault {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(fault) => unwritten(*fault),
            Err(other) => Error::unforeseen(format!("cannot write Parquet: {other}")),
        },
        other => Error::unforeseen(format!("cannot write Parquet: {other}")),
    }
}
