//! `export`: the catalogue now, or as it was at any time; the whole history; the change feed.

mod rows;

use clap::{
    Args, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};

use rows::RowsOutput;

use super::{
    Context, changes,
    flags::{kind_parser, time_or_ago},
    output::{Format, Text, note},
};
use crate::{
    catalog::{catalogue::Catalogue, kind::Kind},
    error::{Error, Result},
    poll::account_label,
    store::{Store, change::ChangeFilter, export::Moment},
    time::Timestamp,
};

/// Export the catalogue, now or at a past time, its history, or the change feed
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  heygen-sync export --kind avatar > avatars.csv
  heygen-sync export --as-of 2026-11-23 --format ndjson
  heygen-sync export --format api > saved.json      an answer of the API, for sync --from
  heygen-sync export --what history --kind avatar --format parquet > versions.parquet

--as-of selects the account's last poll at or before that time that did not fail, and names it on
standard error.")]
pub struct Export {
    /// What to export
    #[arg(long, value_enum, default_value_t = What::Catalogue)]
    what: What,
    /// Only this kind, with its own columns
    #[arg(long, value_parser = kind_parser())]
    kind: Option<Kind>,
    /// Only this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// As it was at this time: a time, a date (its first moment), or how long ago (for example 7d)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    as_of: Option<String>,
    /// Output format
    #[arg(long, value_parser = ExportFormat::parser())]
    format: Option<ExportFormat>,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// The items that are not removed
    Catalogue,
    /// Every version of every item
    History,
    /// The change feed
    Changes,
}

/// The format of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExportFormat {
    Rows(Format),
    Parquet,
    Api,
}

impl ExportFormat {
    fn parser() -> impl TypedValueParser<Value = Self> {
        let parquet =
            PossibleValue::new("parquet").help("Typed, compressed columns; write it to a file");
        let api = PossibleValue::new("api").help("An answer of the API, as sync --from reads it");
        let rows = Format::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        PossibleValuesParser::new(rows.chain([parquet, api])).map(|word| match word.as_str() {
            "parquet" => Self::Parquet,
            rows => Format::from_str(rows, false).map_or(Self::Api, Self::Rows),
        })
    }
}

impl Export {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let now = context.clock.now();
        let as_of = self.as_of.as_deref().map(|text| time_or_ago(text, now)).transpose()?;
        self.agree()?;
        let (_, mut store) = context.reading(self.account.as_deref()).await?;
        match self.what {
            What::Catalogue => self.catalogue(context, &mut store, as_of, now).await?,
            What::History => self.history(context, &mut store).await?,
            What::Changes => self.changes(context, &mut store).await?,
        }
        Ok(0)
    }

    /// Checks that the flags can be combined.
    fn agree(&self) -> Result<()> {
        let api = self.format == Some(ExportFormat::Api);
        if api && self.kind.is_some() {
            return Err(Error::usage(
                "--format api takes no --kind: it is an answer of v2, with avatars and talking \
                 photos",
            ));
        }
        if self.what != What::Catalogue && (api || self.as_of.is_some()) {
            return Err(Error::usage("--as-of and --format api are only for --what catalogue"));
        }
        Ok(())
    }

    async fn catalogue(
        &self,
        context: &Context,
        store: &mut Store,
        as_of: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<()> {
        let moments = self.moments(store, as_of, context.quiet).await?;
        if !context.quiet {
            moments.iter().for_each(|moment| note_moment(moment, &moments, as_of, now));
        }
        match self.format {
            Some(ExportFormat::Api) => answer(store, &moments).await,
            _ => self.items(context, store, &moments).await,
        }
    }

    async fn items(&self, context: &Context, store: &mut Store, moments: &[Moment]) -> Result<()> {
        let (columns, cells) = rows::of_items(self.for_people(), self.kind);
        let mut out = self.written(self.kind.map(|kind| kind.table), columns)?;
        for moment in moments {
            for kind in Kind::only(self.kind).filter(|kind| kind.catalogue == moment.catalogue) {
                let row = |item| out.row(cells(&moment.account, kind, &item));
                store.items_at(kind, moment, row).await?;
            }
        }
        out.finish(context.nothing("The catalogue was empty."))
    }

    async fn history(&self, context: &Context, store: &mut Store) -> Result<()> {
        let accounts = self.accounts(store).await?;
        let (columns, cells) = rows::of_versions(self.for_people(), self.kind);
        let mut out = self.written(self.kind.map(|kind| kind.history), columns)?;
        for account in accounts {
            for kind in Kind::only(self.kind) {
                store.all_versions(kind, &account, |version| out.row(cells(&version))).await?;
            }
        }
        out.finish(context.nothing("There is no history yet."))
    }

    async fn changes(&self, context: &Context, store: &mut Store) -> Result<()> {
        let filter = ChangeFilter { kind: self.kind, ..ChangeFilter::default() };
        let (columns, cells) = changes::columns(self.for_people());
        let mut out = self.written(Some("changes"), columns)?;
        let account = self.account.as_deref();
        store.changes(account, &filter, None, |row| out.row(cells(&row))).await?;
        out.finish(context.nothing("No such changes."))
    }

    /// Returns the catalogues of the requested kinds; a response of the API contains avatars.
    fn catalogues(&self) -> Vec<Catalogue> {
        match self.format {
            Some(ExportFormat::Api) => vec![Catalogue::Avatars],
            _ => {
                let mut all: Vec<Catalogue> =
                    Kind::only(self.kind).map(|kind| kind.catalogue).collect();
                all.dedup();
                all
            }
        }
    }

    /// Whether the output is a table for people, which has fewer columns.
    fn for_people(&self) -> bool {
        match self.format {
            Some(ExportFormat::Parquet | ExportFormat::Api) => false,
            Some(ExportFormat::Rows(format)) => format == Format::Table,
            None => Format::or_default(None) == Format::Table,
        }
    }

    /// Begins the output; `table` is the table that the columns belong to, if there is one.
    fn written(&self, table: Option<&str>, columns: Vec<&'static str>) -> Result<RowsOutput> {
        match self.format {
            Some(ExportFormat::Parquet) => RowsOutput::parquet(table.unwrap_or_default(), columns),
            Some(ExportFormat::Rows(format)) => RowsOutput::rows(format, columns),
            _ => RowsOutput::rows(Format::or_default(None), columns),
        }
    }

    /// Returns the moment of each requested catalogue of each requested account.
    async fn moments(
        &self,
        store: &mut Store,
        as_of: Option<Timestamp>,
        quiet: bool,
    ) -> Result<Vec<Moment>> {
        let accounts = self.accounts(store).await?;
        let time = as_of.unwrap_or(Timestamp::from_millis(i64::MAX));
        let mut moments = vec![];
        let mut later = vec![];
        for account in accounts {
            let known = moments.len() + later.len();
            for catalogue in self.catalogues() {
                match store.moment(&account, catalogue, time).await? {
                    Some(moment) => moments.push(moment),
                    None => {
                        let first = store.first_good(&account, catalogue).await?;
                        // A catalogue that was never polled is only reported if the account has no other.
                        later.extend(first.map(|first| (Some(first), account.clone(), catalogue)));
                    }
                }
            }
            if moments.len() + later.len() == known {
                let first = self.catalogues().first().copied().unwrap_or_default();
                later.push((None, account, first));
            }
        }
        if moments.is_empty() {
            return Err(too_early(&later, as_of));
        }
        for (first, account, catalogue) in later.iter().filter(|_| !quiet) {
            let account_label = account_label(account, *catalogue);
            note(format_args!("heygen-sync: {account_label} is left out: {}", begins(*first)));
        }
        Ok(moments)
    }

    /// Returns the requested accounts: the named one, or all.
    async fn accounts(&self, store: &mut Store) -> Result<Vec<String>> {
        if let Some(one) = &self.account {
            return Ok(vec![one.clone()]);
        }
        let all = store.account_names().await?;
        if self.format == Some(ExportFormat::Api) && all.len() > 1 {
            return Err(Error::usage(format!(
                "an answer of the API contains one account; give --account (one of: {})",
                all.join(", ")
            )));
        }
        Ok(all)
    }
}

async fn answer(store: &mut Store, moments: &[Moment]) -> Result<()> {
    let mut out = Text::new();
    for moment in moments {
        store.answer(moment, |piece| out.write(piece)).await?;
    }
    out.finish()
}

/// Prints which poll the export shows, and between which times the state is unknown.
fn note_moment(moment: &Moment, all: &[Moment], as_of: Option<Timestamp>, now: Timestamp) {
    let Moment { account, catalogue, poll_id, observed_at, failed, next } = moment;
    let several = all.len() > 1 || *catalogue != Catalogue::Avatars;
    let account_label =
        if several { format!("{}: ", account_label(account, *catalogue)) } else { String::new() };
    note(format_args!("heygen-sync: {account_label}as of {observed_at}, after poll {poll_id}"));
    if *failed == 0 {
        return;
    }
    let polls = if *failed == 1 { "poll".to_owned() } else { format!("{failed} polls") };
    let until = match (next, as_of) {
        (Some(next), _) => format!("{next}, the next good poll"),
        (None, Some(requested)) => format!("{requested}; there is no good poll after it"),
        (None, None) => format!("now ({now})"),
    };
    note(format_args!(
        "heygen-sync: warning: {account_label}the {polls} after it failed: the state is not known between \
         {observed_at} and {until}"
    ));
}

/// Returns the error for an export before the first good poll, with the time of that poll.
fn too_early(later: &[(Option<Timestamp>, String, Catalogue)], as_of: Option<Timestamp>) -> Error {
    let first = later.iter().filter_map(|(first, account, of)| Some(((*first)?, account, *of)));
    match (first.min(), as_of) {
        (Some((first, account, catalogue)), Some(as_of)) => Error::usage(format!(
            "nothing is known as of {as_of}: the first good poll of {} was at {first}",
            account_label(account, catalogue)
        )),
        _ => {
            let other = later.iter().find(|(.., catalogue)| *catalogue != Catalogue::default());
            let of = other.map_or(String::new(), |(_, account, catalogue)| {
                format!(" of {}", account_label(account, *catalogue))
            });
            Error::usage(format!(
                "no poll{of} has succeeded yet, so there is no catalogue to show; see: heygen-sync \
                 status"
            ))
        }
    }
}

fn begins(first: Option<Timestamp>) -> String {
    match first {
        Some(first) => format!("its first good poll was at {first}"),
        None => "no poll of it has succeeded yet".into(),
    }
}
