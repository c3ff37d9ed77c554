//! `changes`: the change feed, newest last.

use std::sync::LazyLock;

use clap::{Args, ValueEnum, builder::PossibleValue};

use super::{
    Context,
    flags::time_or_ago,
    output::{Format, Rows, print},
    unknown::expect_item,
};
use crate::{
    catalog::{cell::Cell, kind::Kind},
    error::{Error, Result},
    feed::Feed,
    store::{
        Store,
        change::{ChangeFilter, ChangeRow},
        record::RowType,
    },
};

/// The columns of the table format.
const TABLE: [&str; 7] = ["observed_at", "account", "change", "kind", "item_id", "name", "field"];

/// Show what was added, changed, removed and restored, newest last
#[derive(Debug, Args)]
pub struct ChangesArgs {
    /// Only changes since this time: a time, a date, how long ago (such as 7d), yesterday, last month
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Only changes before this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// Only this kind
    #[arg(long, value_enum)]
    kind: Option<KindArgument>,
    /// Only this kind of change
    #[arg(long, value_parser = ["added", "changed", "removed", "restored"])]
    change: Option<String>,
    /// Only this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only this item
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Show only the newest N rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    limit: Option<i64>,
    /// Output format
    #[arg(long)]
    format: Option<ChangesFormat>,
}

/// The format of the changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChangesFormat {
    Rows(Format),
    Atom,
}

impl ValueEnum for ChangesFormat {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [ChangesFormat; 5] = [
            ChangesFormat::Rows(Format::Table),
            ChangesFormat::Rows(Format::Csv),
            ChangesFormat::Rows(Format::Json),
            ChangesFormat::Rows(Format::Ndjson),
            ChangesFormat::Atom,
        ];
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Rows(format) => format.to_possible_value(),
            Self::Atom => Some(
                PossibleValue::new("atom")
                    .help("A feed file, newest first; --limit counts entries"),
            ),
        }
    }
}

/// A kind on the command line.
#[derive(Clone, Copy, Debug)]
pub struct KindArgument(Kind);

impl ValueEnum for KindArgument {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<KindArgument>> =
            LazyLock::new(|| Kind::ALL.into_iter().map(KindArgument).collect());
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        static WORDS: LazyLock<Vec<String>> =
            LazyLock::new(|| Kind::ALL.map(|kind| kind.name.replace('_', "-")).into());
        let Self(kind) = self;
        // The words are joined by hyphens here and by underscores in the tables; both are accepted.
        let word = WORDS.get(kind.index()).map_or(kind.name, String::as_str);
        let value = PossibleValue::new(word).alias(kind.name);
        Some(value.help(format!("Only {}", kind.plural)))
    }
}

impl From<KindArgument> for Kind {
    fn from(KindArgument(kind): KindArgument) -> Self {
        kind
    }
}

impl ChangesArgs {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let Self { since, until, kind, change, account, id, limit, format } = self;
        let now = context.clock.now();
        let time = |text: Option<String>| text.map(|text| time_or_ago(&text, now)).transpose();
        let (since, until) = (time(since)?, time(until)?);
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            return Err(Error::usage(format!("--since {since} is not before --until {until}")));
        }
        let kind = kind.map(Kind::from);
        let filter = ChangeFilter { since, until, kind, change, id, field: None };
        let account = account.as_deref();
        let (_, _, location) = context.config()?;
        let mut store = Store::open_to_read(&location).await?;
        store.begin_reading().await?;
        if let Some(account) = account {
            store.expect_account(account).await?;
        }
        if let Some(id) = &filter.id {
            expect_item(&mut store, id, kind, account).await?;
        }
        let format = match format {
            Some(ChangesFormat::Atom) => return atom(&mut store, account, &filter, limit).await,
            Some(ChangesFormat::Rows(format)) => Format::or_default(Some(format)),
            None => Format::or_default(None),
        };
        let (columns, cells) = columns(format == Format::Table);
        let mut rows = Rows::new(format, columns)?;
        store.changes(account, &filter, limit, |row| rows.row(cells(&row))).await?;
        rows.finish(context.nothing("No such changes."))?;
        Ok(0)
    }
}

/// A function that returns the cells of a row.
type ToCells = fn(&ChangeRow) -> Vec<Cell<'_>>;

/// Returns the columns of the feed and the function that fills them.
pub(super) fn columns(for_people: bool) -> (Vec<&'static str>, ToCells) {
    if for_people { (TABLE.into(), for_a_table) } else { (ChangeRow::names(), ChangeRow::row) }
}

/// The number of newest entries in a feed without `--limit`.
const FEED_ENTRIES: usize = 1_000;

/// Prints the feed file. An entry is never cut, so the limit applies to the feed and not to the query.
async fn atom(
    store: &mut Store,
    account: Option<&str>,
    filter: &ChangeFilter,
    limit: Option<i64>,
) -> Result<u8> {
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(FEED_ENTRIES);
    let mut feed = Feed::new(store.began_at().await?, Some(limit));
    store.changes(account, filter, None, |row| feed.add(row)).await?;
    print(&feed.finish(account, filter)?)?;
    Ok(0)
}

/// Returns the cells for the table format: the change in one cell, without the polls.
fn for_a_table(row: &ChangeRow) -> Vec<Cell<'_>> {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".into());
    let (old, new) = (value(&row.old_value), value(&row.new_value));
    let what = row.field.as_ref().map(|field| format!("{field}: {old} → {new}"));
    vec![
        row.observed_at.into(),
        Cell::text(&row.account),
        Cell::text(&row.change),
        Cell::text(&row.kind),
        Cell::text(&row.item_id),
        row.name.as_deref().into(),
        what.into(),
    ]
}
