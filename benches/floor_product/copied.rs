//! Reads and writes rows in PostgreSQL's binary COPY format.

use std::ops::Range;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use sqlx::PgConnection;

use super::{
    diff::Stored,
    list::{Tags, Value},
};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// 2000-01-01 in Unix seconds, the epoch of PostgreSQL.
const EPOCH: i64 = 946_684_800;

/// The rows that a COPY returned.
pub struct Rows {
    bytes: Vec<u8>,
    at: usize,
    fields: Vec<Option<Range<usize>>>,
}

impl Rows {
    pub async fn of(connection: &mut PgConnection, select: &str) -> Self {
        let copy = format!("COPY ({select}) TO STDOUT (FORMAT binary)");
        let mut stream = connection.copy_out_raw(&copy).await.expect("copies out");
        let mut bytes = Vec::new();
        while let Some(piece) = stream.try_next().await.expect("copies out") {
            bytes.extend_from_slice(&piece);
        }
        Self { bytes, at: SIGNATURE.len(), fields: Vec::new() }
    }

    /// Advances to the next row, if there is one.
    pub fn advance(&mut self) -> bool {
        let fields = i16::from_be_bytes(self.take());
        self.fields.clear();
        for _ in 0..fields.max(0) {
            let length = usize::try_from(i32::from_be_bytes(self.take())).ok();
            self.fields.push(length.map(|length| self.at..self.at + length));
            self.at += length.unwrap_or(0);
        }
        fields >= 0
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let bytes = self.bytes[self.at..self.at + N].try_into().expect("as many");
        self.at += N;
        bytes
    }

    pub fn field(&self, at: usize) -> Option<&[u8]> {
        self.fields[at].clone().map(|range| &self.bytes[range])
    }

    pub fn text(&self, at: usize) -> &str {
        str::from_utf8(self.field(at).expect("not null")).expect("UTF-8")
    }

    pub fn number(&self, at: usize) -> i64 {
        i64::from_be_bytes(self.field(at).expect("not null").try_into().expect("a bigint"))
    }

    /// Returns a time in Unix seconds.
    pub fn time(&self, at: usize) -> Option<i64> {
        self.field(at).map(|_| self.number(at) / 1_000_000 + EPOCH)
    }
}

/// The first columns of a row are its id and its version.
impl Stored for Rows {
    fn is(&self, column: usize, value: Value<'_>) -> bool {
        match (self.field(column + 2), value) {
            (None, Value::Null) => true,
            (Some(old), Value::Text(new)) => old == new.as_bytes(),
            (Some(old), Value::Flag(new)) => old == [u8::from(new)],
            (Some(old), Value::Json(new)) => json(old) == new,
            _ => false,
        }
    }

    fn text(&self, column: usize) -> Option<String> {
        self.field(column + 2).map(|bytes| match bytes {
            [0] => "false".into(),
            [1] => "true".into(),
            [1, ..] => json(bytes),
            text => String::from_utf8_lossy(text).into_owned(),
        })
    }
}

/// Returns tags as in the list, from a version byte and PostgreSQL's own rendering.
fn json(bytes: &[u8]) -> String {
    serde_json::from_slice::<Tags>(&bytes[1..]).expect("an array of strings").0
}

/// Rows for a COPY.
pub struct Buffer(Vec<u8>);

impl Buffer {
    pub fn new() -> Self {
        Self(SIGNATURE.to_vec())
    }

    /// Begins a row of `fields` fields.
    pub fn row(&mut self, fields: usize) {
        self.0.extend_from_slice(&(fields as i16).to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    pub fn null(&mut self) {
        self.0.extend_from_slice(&(-1_i32).to_be_bytes());
    }

    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub fn number(&mut self, number: i64) {
        self.bytes(&number.to_be_bytes());
    }

    pub fn time(&mut self, time: Option<DateTime<Utc>>) {
        match time {
            Some(time) => self.number(time.timestamp_micros() - EPOCH * 1_000_000),
            None => self.null(),
        }
    }

    pub fn value(&mut self, value: Value<'_>) {
        match value {
            Value::Null => self.null(),
            Value::Text(text) => self.text(text),
            Value::Flag(flag) => self.bytes(&[flag.into()]),
            Value::Json(json) => {
                self.0.extend_from_slice(&(json.len() as i32 + 1).to_be_bytes());
                self.0.push(1);
                self.0.extend_from_slice(json.as_bytes());
            }
        }
    }

    pub async fn send(mut self, connection: &mut PgConnection, table: &str, columns: &str) {
        self.row(usize::from(u16::MAX));
        let copy = format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary)");
        let mut sink = connection.copy_in_raw(&copy).await.expect("copies in");
        for piece in self.0.chunks(1 << 20) {
            sink.send(piece).await.expect("copies in");
        }
        sink.finish().await.expect("copies in");
    }
}
