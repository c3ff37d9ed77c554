//! `sync`: the main command, one poll of each catalogue of each account or of a saved response.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};

use super::{
    context::Context,
    input,
    log::report_error,
    mirror::Mirrored,
    one_poll::PollSettings,
    output::print_and_continue,
    report::{self, ReportOptions},
    round::{Round, RoundEvent},
    stores,
    task::{Input, PollTask},
    textfile::write_metrics,
};
use crate::{
    catalog::{
        catalogue::Catalogue,
        cell::{Cell, object},
        diff::Accepted,
    },
    config::{Config, check_account_name},
    error::{Error, Result, gravest},
    poll::{Report, account_label},
    store::{Location, Store},
    time::Timestamp,
};

/// Poll each catalogue of each account once, and record what changed
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  heygen-sync sync                                  poll the API (HEYGEN_API_KEY)
  heygen-sync sync --from saved.json                read a saved response instead
  heygen-sync sync --dry-run                        print what would change, write nothing
  heygen-sync sync --catalogue voices               poll one of the configured catalogues
  heygen-sync sync --accept-removals=40-1a2b3c4d    accept the removals that a held poll named")]
pub struct Sync {
    /// Only this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only this catalogue
    #[arg(long, value_name = "NAME", value_parser = catalogue_of)]
    catalogue: Option<Catalogue>,
    /// Read a saved response instead of polling the API (- for standard input)
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// When the saved response was received, if not now
    #[arg(long, value_name = "TIME", requires = "from")]
    observed_at: Option<Timestamp>,
    /// Print what would change; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Accept held removals: the set that a held poll named; at most N; or all
    #[arg(long, value_name = "N-HASH|N", num_args = 0..=1, require_equals = true,
        value_parser = accepted)]
    accept_removals: Option<Option<Accepted>>,
    /// Fail if there is no database, instead of creating one
    #[arg(long)]
    existing: bool,
    /// Begin a new history for an account that was never polled, even if an account that is no
    /// longer configured has one
    #[arg(long)]
    new_account: bool,
    /// Do not run the mirror after the poll
    #[arg(long)]
    no_mirror: bool,
    /// Print the report even without a terminal
    #[arg(long, value_enum)]
    format: Option<ReportFormat>,
    /// Exit with 10 if something changed
    #[arg(long)]
    exit_code: bool,
}

/// The format of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// For people
    Text,
    /// One JSON array with an object for each poll
    Json,
}

impl Sync {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let (config, _, location) = context.config()?;
        let tasks = self.tasks(&config, context)?;
        let archive = stores::archive_in_use(&config, context);
        let mut json = vec![];
        let polling = PollSettings {
            accepted: self
                .accept_removals
                .map_or(Accepted::None, |set| set.unwrap_or(Accepted::All)),
            observed_at: self.observed_at,
            dry_run: self.dry_run,
            new_account: self.new_account,
            ..PollSettings::new(&config, context, archive.as_ref())
        };
        let round = Round { polling, mirror: !self.no_mirror };
        let mut store = match self.open(&location).await {
            Ok(store) => store,
            Err(error) => return Err(round.could_not_begin(&tasks, error).await),
        };
        let ran = round
            .run(&mut store, tasks, |event| self.report_event(event, &mut json, context))
            .await;
        let mut left = 0;
        if let Some(mut store) = store {
            if !self.dry_run {
                left = write_metrics(&mut store, &config, context).await;
            }
            store.close().await?;
        }
        Ok(gravest([ran?, left]))
    }

    /// Reports an event, and collects the JSON of the reports.
    fn report_event(
        &self,
        event: RoundEvent<'_>,
        json: &mut Vec<String>,
        context: &Context,
    ) -> Result<u8> {
        match event {
            RoundEvent::Poll { polled: Ok(report), .. } => {
                let code = report.exit_code(self.exit_code);
                json.push(self.report_poll(report, code, context)?);
                Ok(code)
            }
            RoundEvent::Poll { account, catalogue, polled: Err(error) } => {
                let name = format!("account '{account}'");
                // An error about a key names the account itself.
                let code = match error.message.starts_with(&name) {
                    true => report_error(error),
                    false => report_error(&error.clone().context(name)),
                };
                json.push(not_polled(account, catalogue, error));
                Ok(code)
            }
            RoundEvent::Done { mirrored } if self.format == Some(ReportFormat::Json) => {
                let mirror = mirrored.map_or("null".into(), Mirrored::json);
                let all: Vec<String> = json.iter().map(|one| with_mirror(one, &mirror)).collect();
                print_and_continue(&format!("[{}]\n", all.join(",\n")))?;
                Ok(0)
            }
            RoundEvent::Done { .. } => Ok(0),
        }
    }

    /// Returns what to poll: all that is configured, or the saved response.
    fn tasks(&self, config: &Config, context: &Context) -> Result<Vec<PollTask>> {
        if let Some(account) = &self.account {
            check_account_name(account)?;
        }
        if let Some(from) = &self.from {
            let account = self.account.clone().unwrap_or_else(|| "default".into());
            let (catalogue, source) = (self.catalogue, Ok(saved(from)?));
            return Ok(vec![PollTask { account, catalogue, source }]);
        }
        let wanted = |name: &str| self.account.as_deref().is_none_or(|account| account == name);
        let named = |catalogue: Option<Catalogue>| {
            self.catalogue.is_none_or(|wanted| catalogue.is_none_or(|one| one == wanted))
        };
        let mut tasks = PollTask::of_all(config, context);
        tasks.retain(|task| wanted(&task.account));
        if let (Some(account), true) = (&self.account, tasks.is_empty()) {
            return Err(Error::config(format!(
                "no account '{account}' is configured; add it under [[accounts]] in config.toml"
            )));
        }
        match self.catalogue.filter(|wanted| !config.api.catalogues.contains(wanted)) {
            Some(other) => Err(Error::config(format!(
                "the catalogue {other} is not configured; add it to api.catalogues in config.toml"
            ))),
            None => {
                tasks.retain(|task| task.source.is_err() || named(task.catalogue));
                Ok(tasks)
            }
        }
    }

    /// Opens the database. A dry run writes nothing, not even a new database.
    async fn open(&self, location: &Location) -> Result<Option<Store>> {
        match self.dry_run {
            true if self.existing => Store::open_existing_to_read(location).await.map(Some),
            true => Store::open_if_there(location).await,
            false if self.existing => Store::open_existing(location).await.map(Some),
            false => Store::open_to_write(location).await.map(Some),
        }
    }

    /// Reports a poll as requested; returns its JSON, or an empty text for another format.
    fn report_poll(&self, report: &Report, code: u8, context: &Context) -> Result<String> {
        let options = ReportOptions { complete: self.dry_run, dry_run: self.dry_run };
        let program = context.program();
        if let Some(error) = &report.error {
            report_error(
                &error.clone().context(account_label(&report.row.account, report.row.catalogue())),
            );
        }
        let is_requested = self.format == Some(ReportFormat::Text);
        let is_interactive = std::io::stdout().is_terminal() || self.dry_run;
        if report.diff.is_some()
            && (is_requested || (self.format.is_none() && is_interactive && !context.quiet))
        {
            print_and_continue(&report::text(report, options))?;
        }
        if let Some(held) = report::held(report, &program).filter(|_| !context.quiet) {
            super::log::report_warning(&held, context);
        }
        match self.format {
            Some(ReportFormat::Json) => Ok(report::json(report, code, &program, options)),
            _ => Ok(String::new()),
        }
    }
}

/// Parses the value of `--accept-removals`.
fn accepted(text: &str) -> Result<Accepted, &'static str> {
    text.parse().map(Accepted::UpTo).or_else(|_| text.parse().map(Accepted::Set))
}

/// Parses a catalogue on the command line.
fn catalogue_of(word: &str) -> std::result::Result<Catalogue, String> {
    let names = Catalogue::ALL.map(Catalogue::as_str).join(", ");
    Catalogue::parse(&word.replace('-', "_")).ok_or_else(|| format!("must be one of {names}"))
}

fn saved(from: &Path) -> Result<Input> {
    let name = from.display().to_string();
    let file = input::open(&name)?;
    Ok(Input::Saved { name, file })
}

/// Returns a report with the mirror's result: the mirror runs once for all, so it is the same in each.
fn with_mirror(report: &str, mirror: &str) -> String {
    match report.strip_suffix('}') {
        Some(open) => format!("{open},\"mirror\":{mirror}}}"),
        None => report.to_owned(),
    }
}

fn not_polled(account: &str, catalogue: Catalogue, error: &Error) -> String {
    object([
        ("account", account.into()),
        ("catalogue", catalogue.as_str().into()),
        ("poll_id", Cell::Null),
        ("outcome", "not polled".into()),
        ("exit_code", i64::from(error.kind.exit_code()).into()),
        ("error", Cell::text(&error.message)),
    ])
}
