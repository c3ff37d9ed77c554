//! `ids`: checks whether ids that are in use are still usable.

use std::{borrow::Cow, collections::BTreeSet, time::Duration};

use clap::Args;

use super::{
    context::Context,
    flags::{kind_parser, max_age},
    input,
    log::report_error,
    output::{Format, Rows, note},
};
use crate::{
    catalog::{cell::Cell, json_out::json_texts, kind::Kind, saved},
    config::Config,
    error::{Error, Result},
    ids::{LookupScope, RequestedId, Verdict, check, not_usable, scan::Scanner},
    poll::{account_label, ahead_of_clock},
    store::{Store, row::PollRow},
    time::Timestamp,
    words::counted,
};

const COLUMNS: [&str; 12] = [
    "id",
    "state",
    "kind",
    "account",
    "since",
    "name",
    "status",
    "supported_api_engines",
    "group_id",
    "instead",
    "file",
    "line",
];

/// The columns of the table format.
const TABLE: [&str; 9] =
    ["id", "state", "kind", "account", "since", "name", "instead", "file", "line"];

/// The exit code when some ids are not usable.
const NOT_USABLE: u8 = 5;

/// Check whether ids of avatars, talking photos and others are still listed
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  heygen-sync ids Anna_public_3 4f2a9c7e              check these ids
  heygen-sync ids --file ids.txt --max-age 26h        check a list; the database must be recent
  heygen-sync ids --scan src/*.py config.yaml         find the ids in any text and check them

Exits with 5 if an id is removed, not ready or unknown in every account and kind that is checked.")]
pub struct Ids {
    /// The ids
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Read ids from a file, one per line (- for standard input)
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
    /// Find ids in any text: all known ids, and all values of avatar_id, talking_photo_id or
    /// voice_id (- for standard input)
    #[arg(long, value_name = "FILE", num_args = 1..)]
    scan: Vec<String>,
    /// Only this kind
    #[arg(long, value_parser = kind_parser())]
    kind: Option<Kind>,
    /// Only this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Exit with 1 if the last good poll is older than this, for example 26h, or in the future
    #[arg(long, value_name = "DURATION")]
    max_age: Option<String>,
    /// Output format
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl Ids {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let age = self.max_age.as_deref().map(max_age).transpose()?;
        let texts = self.read()?;
        let (config, mut store) = context.reading(self.account.as_deref()).await?;
        let scope = LookupScope { kind: self.kind, account: self.account.clone() };
        let requested_ids = self.requested_ids(&mut store, &scope, &texts).await?;
        let verdicts = check(&mut store, requested_ids, &scope).await?;
        let nothing = context.nothing("No ids were found.");
        print(&verdicts, Format::or_default(self.format), nothing)?;
        let not_usable = not_usable(&verdicts).len();
        if not_usable > 0 && !context.quiet {
            note(format!("{} not usable", counted(not_usable as u64, "id is", "ids are")));
        }
        if let Some(age) = age
            && let Some(stale) = stale(&mut store, &config, &scope, age, context).await?
        {
            return Ok(report_error(&stale));
        }
        Ok(if not_usable > 0 { NOT_USABLE } else { 0 })
    }

    /// Reads the texts of `--file` and `--scan`, before the database is opened.
    fn read(&self) -> Result<InputTexts> {
        if self.ids.is_empty() && self.file.is_none() && self.scan.is_empty() {
            return Err(Error::usage("no ids given: pass ids, --file FILE or --scan FILE"));
        }
        if self.ids.iter().any(|id| id == "-") {
            return Err(Error::usage("to read ids from standard input, use --file -"));
        }
        let stdin = self.file.iter().chain(&self.scan).filter(|name| *name == "-").count();
        if stdin > 1 {
            return Err(Error::usage("standard input (-) can be read only once"));
        }
        let file = self.file.as_deref().map(read).transpose()?;
        let scanned = self.scan.iter().map(|name| read(name)).collect::<Result<_>>()?;
        Ok(InputTexts { file, scanned })
    }

    async fn requested_ids(
        &self,
        store: &mut Store,
        scope: &LookupScope,
        texts: &InputTexts,
    ) -> Result<Vec<RequestedId>> {
        let mut seen = BTreeSet::new();
        let ids = self.ids.iter().filter(|id| seen.insert(*id));
        let mut requested: Vec<RequestedId> =
            ids.map(|id| RequestedId { id: id.clone(), ..RequestedId::default() }).collect();
        if let (Some(name), Some(text)) = (&self.file, &texts.file) {
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
            requested.extend(lines.map(|(at, line)| RequestedId {
                id: line.trim().to_owned(),
                file: Some(name.clone()),
                line: Some(at + 1),
            }));
        }
        if !texts.scanned.is_empty() {
            let kinds = scope.kinds();
            let scanner = Scanner::new(store.every_id(&kinds).await?, &kinds);
            let scanned = self.scan.iter().zip(&texts.scanned);
            requested.extend(scanned.flat_map(|(name, text)| scanner.scan(name, text)));
        }
        Ok(requested)
    }
}

/// The texts that were read before the database was opened.
struct InputTexts {
    file: Option<String>,
    scanned: Vec<String>,
}

/// Reads a text in UTF-8 or UTF-16; bytes that are not text become U+FFFD.
fn read(name: &str) -> Result<String> {
    let bytes = input::read(name)?;
    let text = saved::utf8(&bytes).unwrap_or(Cow::Borrowed(&bytes));
    let text = String::from_utf8_lossy(&text);
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(&text).to_owned())
}

/// Returns why the database is stale, if a requested catalogue has no good poll younger than `age`,
/// or one in the future.
async fn stale(
    store: &mut Store,
    config: &Config,
    scope: &LookupScope,
    age: Duration,
    context: &Context,
) -> Result<Option<Error>> {
    let polls = store.last_good_polls().await?;
    let mut polled = config.polled();
    // An account named by `--account` need not be configured any longer.
    let named = polls.iter().filter(|poll| scope.account.as_deref() == Some(&poll.account));
    polled.extend(named.map(|poll| (poll.account.clone(), poll.catalogue())));
    polled.retain(|(account, catalogue)| {
        scope.has_account(account) && scope.has_catalogue(*catalogue)
    });
    let now = context.clock.now();
    for (account, catalogue) in polled {
        let of = |poll: &&PollRow| poll.account == account && poll.catalogue() == catalogue;
        let account_label = account_label(&account, catalogue);
        let Some(at) = polls.iter().find(of).and_then(|poll| poll.observed_at) else {
            let why = format!("{account_label} has no good poll; run heygen-sync sync first");
            return Ok(Some(Error::unforeseen(why)));
        };
        if let Some(ahead) = ahead_of_clock(&account, catalogue, at, now) {
            return Ok(Some(ahead));
        }
        if at < now.minus(age) {
            return Ok(Some(Error::unforeseen(too_old(&account_label, at))));
        }
    }
    Ok(None)
}

fn too_old(account_label: &str, at: Timestamp) -> String {
    format!(
        "the last good poll of {account_label} ({at}) is older than --max-age, so the states \
         may be wrong; run heygen-sync sync first"
    )
}

fn print(verdicts: &[Verdict], format: Format, nothing: &str) -> Result<()> {
    let is_shown = |name: &str| format != Format::Table || TABLE.contains(&name);
    let columns: Vec<&str> = COLUMNS.into_iter().filter(|name| is_shown(name)).collect();
    let mut rows = Rows::new(format, columns)?;
    for verdict in verdicts {
        let cells = COLUMNS.into_iter().zip(cells(verdict));
        rows.row(cells.filter(|(name, _)| is_shown(name)).map(|(_, cell)| cell).collect())?;
    }
    rows.finish(nothing)
}

/// Returns the cells in the order of [`COLUMNS`].
fn cells(verdict: &Verdict) -> [Cell<'_>; COLUMNS.len()] {
    let Verdict { requested, known, state, since, instead, passes: _ } = verdict;
    let known = known.as_ref();
    let engines = known.and_then(|item| item.supported_api_engines.as_ref());
    [
        requested.id.as_str().into(),
        state.as_str().into(),
        known.map(|item| item.kind.as_str()).into(),
        known.map(|item| item.account.as_str()).into(),
        (*since).into(),
        known.and_then(|item| item.name.as_deref()).into(),
        known.and_then(|item| item.status.as_deref()).into(),
        engines.map(|engines| Cell::json(engines.0.as_str())).into(),
        known.and_then(|item| item.group_id.as_deref()).into(),
        Cell::json(json_texts(instead)),
        requested.file.as_deref().into(),
        requested.line.map(|line| line as i64).into(),
    ]
}
