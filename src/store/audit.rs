//! Tables → what `verify` judges, in one reading transaction and in pieces that fit into memory.
//!
//! Every cell is read exactly as it stands. Nothing is judged here.

use std::ops::RangeInclusive;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::{
    conn::{Arg, Fault, Row},
    exact::{self, Holds, exact_text, time},
    open::Store,
    statements,
    write::history,
};
use crate::{
    catalog::{
        item::{self, Kind},
        schema::{Change, SchemaChange, Types},
        seal::{Cells, Line},
    },
    error::Result,
};

/// Polls that are judged together.
const POLLS: i64 = 1000;
/// Items that are judged together.
const ITEMS: i64 = 2000;

/// The columns of `polls` that are sealed: all but the account, which may be renamed, and the
/// digest itself.
const POLL: [(&str, Holds); 29] = [
    ("poll_id", Holds::Int),
    ("trigger", Holds::Text),
    ("api_version", Holds::Text),
    ("source", Holds::Text),
    ("started_at", Holds::Time),
    ("observed_at", Holds::Time),
    ("finished_at", Holds::Time),
    ("outcome", Holds::Text),
    ("avatars_listed", Holds::Int),
    ("talking_photos_listed", Holds::Int),
    ("added", Holds::Int),
    ("changed", Holds::Int),
    ("removed", Holds::Int),
    ("restored", Holds::Int),
    ("learned", Holds::Int),
    ("missing", Holds::Int),
    ("duplicates", Holds::Int),
    ("rejected", Holds::Int),
    ("held", Holds::Int),
    ("held_reason", Holds::Text),
    ("policy", Holds::Json),
    ("http_status", Holds::Int),
    ("request_id", Holds::Text),
    ("response_bytes", Holds::Int),
    ("response_sha256", Holds::Text),
    ("warning", Holds::Text),
    ("error", Holds::Text),
    ("host", Holds::Text),
    ("tool_version", Holds::Text),
];

/// A reading of the whole database at one point in time.
#[derive(Debug)]
pub struct Audit<'s> {
    store: &'s mut Store,
}

/// A row of `accounts`.
#[derive(Clone, Debug)]
pub struct Head {
    /// The account.
    pub account: String,
    /// Its latest poll.
    pub last_poll_id: Option<i64>,
    /// How many polls it has.
    pub polls: i64,
    /// The digest of the latest.
    pub digest: Option<String>,
}

/// A row of `polls`.
#[derive(Clone, Debug)]
pub struct Poll {
    /// Its number.
    pub poll_id: i64,
    /// Its account.
    pub account: String,
    /// Its digest.
    pub digest: Option<String>,
    /// All its other columns, as they are sealed.
    pub line: Line<'static>,
}

/// One of the places where the rows of a poll stand.
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

/// A row that a poll wrote, or the half of one.
#[derive(Clone, Debug)]
pub struct Written {
    /// The row's account.
    pub account: String,
    /// The poll.
    pub poll_id: i64,
    /// What is sealed of it.
    pub line: Line<'static>,
}

/// A row of a history.
#[derive(Clone, Debug)]
pub struct Version {
    /// The item.
    pub id: String,
    /// Its version.
    pub version: i64,
    /// Its start.
    pub valid_from: Option<String>,
    /// Its end.
    pub valid_to: Option<String>,
    /// Why it began.
    pub opened_by: String,
    /// Why it ended.
    pub closed_by: Option<String>,
    /// The poll that opened it.
    pub opened_poll: i64,
    /// The poll that closed it.
    pub closed_poll: Option<i64>,
    /// The last poll that showed the state before.
    pub opened_after: Option<String>,
    /// The last poll that showed this state.
    pub closed_after: Option<String>,
    /// The item's own columns and `extra`.
    pub own: Cells<'static>,
}

/// A row of `avatars` or `talking_photos`, without `missing_since`.
#[derive(Clone, Debug)]
pub struct Current {
    /// The item.
    pub id: String,
    /// Its current version.
    pub version: i64,
    /// The start of that.
    pub valid_from: Option<String>,
    /// When it was seen first.
    pub first_seen_at: Option<String>,
    /// When it was last added, changed or restored.
    pub changed_at: Option<String>,
    /// When it was removed.
    pub removed_at: Option<String>,
    /// The item's own columns and `extra`.
    pub own: Cells<'static>,
}

/// A row of `field_changes`.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The poll that saw it.
    pub poll_id: i64,
    /// The item.
    pub item_id: String,
    /// The version that it opened.
    pub version: i64,
    /// The field.
    pub field: String,
    /// Its value before.
    pub old_value: Option<String>,
    /// Its value after.
    pub new_value: Option<String>,
}

/// Items of one account and kind whose ids lie in a range.
#[derive(Clone, Debug)]
pub struct Span<'a> {
    /// The account.
    pub account: &'a str,
    /// The kind.
    pub kind: Kind,
    /// The first id.
    pub from: String,
    /// The first id that is beyond; `None` for all the rest.
    pub to: Option<String>,
}

impl Store {
    /// Begins to read for verifying.
    pub async fn audit(&mut self) -> Result<Audit<'_>> {
        let begin = statements::begin_reading(self.conn.engine());
        let begun = self.conn.execute(begin, &[]).await;
        begun.map_err(|fault| self.trouble("read", &fault))?;
        Ok(Audit { store: self })
    }
}

impl Audit<'_> {
    /// Ends the reading.
    pub async fn end(self) -> Result<()> {
        let ended = self.store.conn.execute(statements::ROLLBACK, &[]).await;
        ended.map(drop).map_err(|fault| self.store.trouble("read", &fault))
    }

    /// The rows of `accounts`.
    pub async fn heads(&mut self) -> Result<Vec<Head>> {
        let mut heads = vec![];
        let read = |row: Row| {
            heads.push(Head {
                account: known_text(&row, 0)?,
                last_poll_id: row.int(1)?,
                polls: row.some_int(2)?,
                digest: exact_text(&row, 3)?,
            });
            Ok(())
        };
        self.each(HEADS.into_sql_str(), &[], read).await?;
        Ok(heads)
    }

    /// Hands out account, id and start of each item whose account `accounts` does not know.
    pub async fn strangers(
        &mut self,
        kind: Kind,
        mut each: impl FnMut(String, String, Option<String>),
    ) -> Result<()> {
        self.each(strangers(kind), &[], |row| {
            each(known_text(&row, 0)?, known_text(&row, 1)?, time(&row, 2)?);
            Ok(())
        })
        .await
    }

    /// The first poll of the next piece after the one that begins at `from`; `None` for the last.
    pub async fn next_polls(&mut self, from: i64) -> Result<Option<i64>> {
        let mut next = None;
        let args = [from.into(), POLLS.into()];
        self.each(NEXT_POLLS.into_sql_str(), &args, |row| {
            next = Some(row.some_int(0)?);
            Ok(())
        })
        .await?;
        Ok(next)
    }

    /// The polls of a piece, by number.
    pub async fn polls(
        &mut self,
        range: &RangeInclusive<i64>,
        mut each: impl FnMut(Poll),
    ) -> Result<()> {
        let args = [(*range.start()).into(), (*range.end()).into()];
        self.each(polls(), &args, |row| {
            let mut cells = Vec::with_capacity(POLL.len() + 1);
            for (at, (name, holds)) in POLL.iter().enumerate() {
                cells.push((*name, exact::cell(&row, at, *holds)?));
            }
            each(Poll {
                poll_id: row.some_int(0)?,
                account: known_text(&row, POLL.len())?,
                digest: exact_text(&row, POLL.len() + 1)?,
                line: Line::new("poll", cells),
            });
            Ok(())
        })
        .await
    }

    /// The digest of the account's poll before `poll_id`.
    pub async fn digest_before(&mut self, account: &str, poll_id: i64) -> Result<Option<String>> {
        let mut digest = None;
        let args = [account.into(), poll_id.into()];
        self.each(DIGEST_BEFORE.into_sql_str(), &args, |row| {
            digest = exact_text(&row, 0)?;
            Ok(())
        })
        .await?;
        Ok(digest)
    }

    /// What the polls of a piece wrote in one section, in the order of the seal.
    pub async fn written(
        &mut self,
        section: Section,
        range: &RangeInclusive<i64>,
        mut each: impl FnMut(Written),
    ) -> Result<()> {
        let columns = section.columns();
        let args = [(*range.start()).into(), (*range.end()).into()];
        self.each(section.select(), &args, |row| {
            let mut cells = Vec::with_capacity(columns.len() + 2);
            for (at, (name, holds)) in columns.iter().enumerate() {
                cells.push((*name, exact::cell(&row, at + 2, *holds)?));
            }
            each(Written {
                account: known_text(&row, 0)?,
                poll_id: row.some_int(1)?,
                line: section.line(cells),
            });
            Ok(())
        })
        .await
    }

    /// The account's schema changes of a list with the numbers of their polls, oldest first; rows
    /// that no poll writes are left out.
    pub async fn schema(&mut self, account: &str, kind: Kind) -> Result<Vec<(i64, SchemaChange)>> {
        let mut rows = vec![];
        let args = [account.into(), kind.as_str().into()];
        self.each(SCHEMA.into_sql_str(), &args, |row| {
            if let Some(change) = Change::parse(&known_text(&row, 2)?) {
                let types = exact_text(&row, 3)?.map(|text| Types::parse(&text));
                let (field, types) = (kind.field(&known_text(&row, 1)?), types.unwrap_or_default());
                rows.push((row.some_int(0)?, SchemaChange { field, change, types, example: None }));
            }
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// Where the span that begins at `from` ends.
    pub async fn span<'a>(
        &mut self,
        account: &'a str,
        kind: Kind,
        from: String,
    ) -> Result<Span<'a>> {
        let mut to = None;
        let args = [account.into(), from.as_str().into(), ITEMS.into()];
        self.each(next_items(kind), &args, |row| {
            to = Some(known_text(&row, 0)?);
            Ok(())
        })
        .await?;
        // An id that is no text has no place in the order of those that are.
        let to = to.filter(|to| *to > from);
        Ok(Span { account, kind, from, to })
    }

    /// The rows of a span in its history, by id and version.
    pub async fn versions(&mut self, span: &Span<'_>, mut each: impl FnMut(Version)) -> Result<()> {
        self.each(versions(span.kind, span.to.is_some()), &span.args(), |row| {
            each(Version {
                id: known_text(&row, 0)?,
                version: row.some_int(1)?,
                valid_from: time(&row, 2)?,
                valid_to: time(&row, 3)?,
                opened_by: known_text(&row, 4)?,
                closed_by: exact_text(&row, 5)?,
                opened_poll: row.some_int(6)?,
                closed_poll: row.int(7)?,
                opened_after: time(&row, 8)?,
                closed_after: time(&row, 9)?,
                own: own(&row, 10, span.kind)?,
            });
            Ok(())
        })
        .await
    }

    /// The items of a span as they stand now, by id.
    pub async fn current(&mut self, span: &Span<'_>) -> Result<Vec<Current>> {
        let mut items = vec![];
        self.each(current(span.kind, span.to.is_some()), &span.args(), |row| {
            items.push(Current {
                id: known_text(&row, 0)?,
                version: row.some_int(1)?,
                valid_from: time(&row, 2)?,
                first_seen_at: time(&row, 3)?,
                changed_at: time(&row, 4)?,
                removed_at: time(&row, 5)?,
                own: own(&row, 6, span.kind)?,
            });
            Ok(())
        })
        .await?;
        Ok(items)
    }

    /// The changed fields of a span, by id, version and field.
    pub async fn changed(&mut self, span: &Span<'_>) -> Result<Vec<Changed>> {
        let mut rows = vec![];
        let mut args = span.args();
        args.insert(1, span.kind.as_str().into());
        self.each(changed(span.to.is_some()), &args, |row| {
            rows.push(Changed {
                poll_id: row.some_int(0)?,
                item_id: known_text(&row, 1)?,
                version: row.some_int(2)?,
                field: known_text(&row, 3)?,
                old_value: exact_text(&row, 4)?,
                new_value: exact_text(&row, 5)?,
            });
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    async fn each(
        &mut self,
        sql: SqlStr,
        args: &[Arg<'_>],
        each: impl FnMut(Row) -> Result<(), Fault>,
    ) -> Result<()> {
        let read = self.store.conn.each(sql, args, each).await;
        read.map_err(|fault| self.store.trouble("read", &fault))
    }
}

impl Span<'_> {
    fn args(&self) -> Vec<Arg<'_>> {
        let mut args = vec![self.account.into(), self.from.as_str().into()];
        args.extend(self.to.as_deref().map(Arg::from));
        args
    }
}

/// Text of a column that is never null.
fn known_text(row: &Row, at: usize) -> Result<String, Fault> {
    Ok(exact_text(row, at)?.unwrap_or_default())
}

/// The item's own columns and `extra`, from column `first`.
fn own(row: &Row, first: usize, kind: Kind) -> Result<Cells<'static>, Fault> {
    let columns = own_columns(kind).enumerate();
    columns.map(|(at, (name, holds))| Ok((name, exact::cell(row, first + at, holds)?))).collect()
}

fn own_columns(kind: Kind) -> impl Iterator<Item = (&'static str, Holds)> {
    let holds = |column: &item::Column| match column.holds {
        item::Holds::Text => Holds::Text,
        item::Holds::Bool => Holds::Bool,
        item::Holds::Texts => Holds::Json,
    };
    let own = kind.columns().iter().map(move |column| (column.name, holds(column)));
    own.chain([("extra", Holds::Json)])
}

impl Section {
    /// All, in the order of the seal.
    pub const ALL: [Self; 6] = [
        Self::Opened(Kind::Avatar),
        Self::Opened(Kind::TalkingPhoto),
        Self::Closed(Kind::Avatar),
        Self::Closed(Kind::TalkingPhoto),
        Self::FieldChanges,
        Self::SchemaChanges,
    ];

    /// Its table.
    pub fn table(self) -> &'static str {
        match self {
            Self::Opened(kind) | Self::Closed(kind) => history(kind),
            Self::FieldChanges => "field_changes",
            Self::SchemaChanges => "schema_changes",
        }
    }

    fn line(self, mut cells: Cells<'static>) -> Line<'static> {
        let kind = |kind: Kind| crate::catalog::seal::Cell::text(kind.as_str());
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

    /// The columns of a line, by their names in it.
    fn columns(self) -> Vec<(&'static str, Holds)> {
        use Holds::{Int, Text, Time};
        match self {
            Self::Opened(kind) => {
                let head = [
                    ("item_id", Text),
                    ("version", Int),
                    ("valid_from", Time),
                    ("opened_by", Text),
                    ("opened_poll", Int),
                    ("opened_after", Time),
                ];
                head.into_iter().chain(own_columns(kind)).collect()
            }
            Self::Closed(_) => vec![
                ("item_id", Text),
                ("version", Int),
                ("valid_to", Time),
                ("closed_by", Text),
                ("closed_poll", Int),
                ("closed_after", Time),
            ],
            Self::FieldChanges => vec![
                ("poll_id", Int),
                ("kind", Text),
                ("item_id", Text),
                ("version", Int),
                ("field", Text),
                ("old_value", Text),
                ("new_value", Text),
            ],
            Self::SchemaChanges => vec![
                ("poll_id", Int),
                ("kind", Text),
                ("field", Text),
                ("change", Text),
                ("json_type", Text),
                ("example", Text),
            ],
        }
    }

    fn select(self) -> SqlStr {
        let (poll, id, order) = match self {
            Self::Opened(kind) => ("opened_poll", kind.id_field(), "version"),
            Self::Closed(kind) => ("closed_poll", kind.id_field(), "version"),
            Self::FieldChanges => ("poll_id", "item_id", "version, field"),
            Self::SchemaChanges => ("poll_id", "", "field"),
        };
        let order = match self {
            Self::Opened(_) | Self::Closed(_) => format!("{id}, {order}"),
            Self::FieldChanges => format!("kind, {id}, {order}"),
            Self::SchemaChanges => format!("kind, {order}"),
        };
        let columns = self.columns();
        let names = columns.iter().map(|(name, _)| match *name {
            "item_id" => id,
            name => name,
        });
        let names: Vec<&str> = names.collect();
        AssertSqlSafe(format!(
            "SELECT account, {poll}, {} FROM {} WHERE {poll} >= $1 AND {poll} <= $2 \
             ORDER BY {poll}, {order}",
            names.join(", "),
            self.table()
        ))
        .into_sql_str()
    }
}

const HEADS: &str = "SELECT account, last_poll_id, polls, digest FROM accounts ORDER BY account";

/// Where the piece after one ends: (its first poll, polls of a piece).
const NEXT_POLLS: &str =
    "SELECT poll_id FROM polls WHERE poll_id >= $1 ORDER BY poll_id LIMIT 1 OFFSET $2";

/// The digest of an account's poll before one: (account, poll).
const DIGEST_BEFORE: &str =
    "SELECT digest FROM polls WHERE account = $1 AND poll_id < $2 ORDER BY poll_id DESC LIMIT 1";

/// What a list carried when: (account, kind).
const SCHEMA: &str = "SELECT poll_id, field, change, json_type FROM schema_changes \
     WHERE account = $1 AND kind = $2 ORDER BY poll_id, field";

/// Items that only a missing foreign key lets stand. The histories need no such look: their rows
/// are found by their polls.
fn strangers(kind: Kind) -> SqlStr {
    let (table, id) = (kind.list(), kind.id_field());
    AssertSqlSafe(format!(
        "SELECT t.account, t.{id}, t.valid_from FROM {table} AS t \
         LEFT JOIN accounts AS a ON a.account = t.account WHERE a.account IS NULL"
    ))
    .into_sql_str()
}

/// The polls of a piece: (first, last).
fn polls() -> SqlStr {
    let names: Vec<&str> = POLL.iter().map(|(name, _)| *name).collect();
    AssertSqlSafe(format!(
        "SELECT {}, account, digest FROM polls WHERE poll_id >= $1 AND poll_id <= $2 \
         ORDER BY poll_id",
        names.join(", ")
    ))
    .into_sql_str()
}

/// The first id that is beyond a span: (account, first id, items of a span).
fn next_items(kind: Kind) -> SqlStr {
    let (table, id) = (history(kind), kind.id_field());
    AssertSqlSafe(format!(
        "SELECT DISTINCT {id} FROM {table} WHERE account = $1 AND {id} >= $2 \
         ORDER BY {id} LIMIT 1 OFFSET $3"
    ))
    .into_sql_str()
}

/// (account, first id), and (first id beyond) where the span is `bounded`.
fn versions(kind: Kind, bounded: bool) -> SqlStr {
    let (table, id) = (history(kind), kind.id_field());
    AssertSqlSafe(format!(
        "SELECT {id}, version, valid_from, valid_to, opened_by, closed_by, opened_poll, \
         closed_poll, opened_after, closed_after, {}, extra FROM {table} \
         WHERE account = $1 AND {} ORDER BY {id}, version",
        statements::columns(kind, ""),
        between(id, 2, bounded)
    ))
    .into_sql_str()
}

/// As [`versions`].
fn current(kind: Kind, bounded: bool) -> SqlStr {
    let (table, id) = (kind.list(), kind.id_field());
    AssertSqlSafe(format!(
        "SELECT {id}, version, valid_from, first_seen_at, changed_at, removed_at, {}, extra \
         FROM {table} WHERE account = $1 AND {} ORDER BY {id}",
        statements::columns(kind, ""),
        between(id, 2, bounded)
    ))
    .into_sql_str()
}

/// (account, kind, first id), and (first id beyond) where the span is `bounded`.
fn changed(bounded: bool) -> SqlStr {
    AssertSqlSafe(format!(
        "SELECT poll_id, item_id, version, field, old_value, new_value FROM field_changes \
         WHERE account = $1 AND kind = $2 AND {} ORDER BY item_id, version, field",
        between("item_id", 3, bounded)
    ))
    .into_sql_str()
}

fn between(id: &str, first: usize, bounded: bool) -> String {
    match bounded {
        true => format!("{id} >= ${first} AND {id} < ${}", first + 1),
        false => format!("{id} >= ${first}"),
    }
}

/// Every statement of this file, by name.
pub fn all() -> Vec<(String, SqlStr)> {
    let mut all = vec![
        ("audit heads".to_owned(), HEADS.into_sql_str()),
        ("audit next polls".to_owned(), NEXT_POLLS.into_sql_str()),
        ("audit digest before".to_owned(), DIGEST_BEFORE.into_sql_str()),
        ("audit schema".to_owned(), SCHEMA.into_sql_str()),
        ("audit polls".to_owned(), polls()),
        ("audit changed".to_owned(), changed(true)),
    ];
    all.extend(Section::ALL.map(|section| (format!("audit {section:?}"), section.select())));
    for kind in Kind::ALL {
        all.push((format!("audit strangers {kind}"), strangers(kind)));
        all.push((format!("audit next items {kind}"), next_items(kind)));
        all.push((format!("audit versions {kind}"), versions(kind, true)));
        all.push((format!("audit current {kind}"), current(kind, true)));
    }
    all
}
