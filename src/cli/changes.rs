//! `changes`: the change feed, newest last.

use clap::{
    Args, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};

use super::{
    Context,
    flags::{kind_parser, time_or_ago},
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
        table::words::CHANGES,
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
    #[arg(long, value_parser = kind_parser())]
    kind: Option<Kind>,
    /// Only this kind of change
    #[arg(long, value_parser = CHANGES)]
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
    #[arg(long, value_parser = ChangesFormat::parser())]
    format: Option<ChangesFormat>,
}

/// The format of the changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChangesFormat {
    Rows(Format),
    Atom,
}

impl ChangesFormat {
    fn parser() -> impl TypedValueParser<Value = Self> {
        let atom =
            PossibleValue::new("atom").help("A feed file, newest first; --limit counts entries");
        let rows = Format::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        PossibleValuesParser::new(rows.chain([atom]))
            .map(|word| Format::from_str(&word, false).map_or(Self::Atom, Self::Rows))
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
        let filter = ChangeFilter { since, until, kind, change, id, field: None };
        let account = account.as_deref();
        let (_, mut store) = context.reading(account).await?;
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
