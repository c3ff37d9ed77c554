//! `status`: the state of each catalogue of each account.

use std::{fmt::Write, sync::LazyLock, time::Duration};

use clap::Args;

use super::{
    Context, flags,
    mirror::failures_text,
    output::{Format, Rows, print, visible},
};
use crate::{
    catalog::{
        catalogue::Catalogue,
        cell::{Cell, object},
        json_out::json_array,
        kind::Kind,
    },
    config::Config,
    error::{Error, Result},
    poll::ahead_of_clock,
    store::{
        accept::accepting_command,
        outbox::Waiting,
        status::{AssetStatus, CatalogueStatus, ItemCounts, SchemaNote},
    },
    time::Timestamp,
    words::{counted, duration, number},
};

/// The columns before and after those of the kinds.
const HEAD: [&str; 10] = [
    "account",
    "catalogue",
    "configured",
    "last_poll_id",
    "last_poll_at",
    "outcome",
    "error",
    "last_good_poll_at",
    "failed_since",
    "api_version",
];
const TAIL: [&str; 13] = [
    "held",
    "held_reason",
    "api_warning",
    "schema_changes",
    "assets_pending",
    "assets_mirrored",
    "assets_failed",
    "assets_gone",
    "assets_skipped",
    "next_expiry",
    "polls_digest",
    "too_old",
    "in_future",
];

/// All columns; for each kind the number of current, missing and removed items.
static COLUMNS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let of_kind = |kind: Kind| {
        ["", "_missing", "_removed"].into_iter().map(move |end| format!("{}{end}", kind.table))
    };
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut all = own(&HEAD);
    all.extend(Kind::ALL.into_iter().flat_map(of_kind));
    all.extend(own(&TAIL));
    all
});

/// Show the last poll of each catalogue, its items, and what needs attention
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Exit with 1 if the last good poll of an account's catalogue is older than this, for example 26h, or in the future
    #[arg(long, value_name = "DURATION")]
    max_age: Option<String>,
    /// Output format
    #[arg(long, value_enum)]
    format: Option<Format>,
}

/// One catalogue of an account, as it is shown.
struct StatusLine<'a> {
    status: &'a CatalogueStatus,
    configured: bool,
    too_old: bool,
    /// Why no poll can be added, if the last good poll is in the future.
    in_future: Option<Error>,
}

impl StatusArgs {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let Self { max_age, format } = self;
        let age = max_age.as_deref().map(flags::max_age).transpose()?;
        let now = context.clock.now();
        let oldest = age.map(|age| now.minus(age));
        let (config, mut store) = context.reading(None).await?;
        let mirror = config.mirror.enabled;
        let all = store.status().await?;
        let assets = store.asset_status().await?;
        let waiting = store.notices_waiting().await?;
        let lines: Vec<StatusLine<'_>> =
            all.iter().map(|one| line(one, &config, oldest, now)).collect();
        // A catalogue that was never polled counts as stale; `default` needs no configuration.
        let mut never = config.polled();
        never.retain(|(account, catalogue)| {
            !all.iter().any(|one| one.account == *account && one.catalogue == *catalogue)
        });
        match Format::or_default(format) {
            Format::Table => {
                let max_age = max_age.as_deref();
                let receivers = config.receivers().map(|block| block.name()).collect();
                let page = StatusPage { lines: &lines, never: &never, max_age, receivers, context };
                print(&page.text(&previews(&assets, mirror, context), &waiting))?;
            }
            format => print_rows(&lines, &assets, mirror, format)?,
        }
        let unwell =
            |line: &StatusLine<'_>| line.too_old || line.configured && line.in_future.is_some();
        let stale = oldest.is_some() && (!never.is_empty() || lines.iter().any(unwell));
        Ok(u8::from(stale))
    }
}

/// Returns the line of a catalogue; one that is no longer configured is never too old.
fn line<'a>(
    status: &'a CatalogueStatus,
    config: &Config,
    oldest: Option<Timestamp>,
    now: Timestamp,
) -> StatusLine<'a> {
    let configured = config.polled().contains(&(status.account.clone(), status.catalogue));
    let last_good = status.last_good.as_ref().and_then(|poll| poll.observed_at);
    let too_old = oldest.is_some_and(|oldest| configured && last_good.is_none_or(|at| at < oldest));
    let in_future = last_good
        .filter(|_| configured)
        .and_then(|at| ahead_of_clock(&status.account, status.catalogue, at, now));
    StatusLine { status, configured, too_old, in_future }
}

fn print_rows(
    lines: &[StatusLine<'_>],
    assets: &AssetStatus,
    mirror: bool,
    format: Format,
) -> Result<()> {
    let mut rows = Rows::new(format, COLUMNS.iter().map(String::as_str).collect::<Vec<_>>())?;
    for StatusLine { status, configured, too_old, in_future } in lines {
        let last = &status.last;
        let good = status.last_good.as_ref();
        let state = |name: &str| {
            Cell::Int(
                assets.by_state.iter().find(|(state, _)| state == name).map_or(0, |(_, n)| *n),
            )
        };
        let mut cells: Vec<Cell<'_>> = vec![
            status.account.as_str().into(),
            status.catalogue.as_str().into(),
            (*configured).into(),
            last.poll_id.into(),
            last.finished_at.into(),
            last.outcome.as_str().into(),
            last.error.as_deref().into(),
            good.and_then(|poll| poll.observed_at).into(),
            status.failed_since.into(),
            last.api_version.as_deref().into(),
        ];
        cells.extend(Kind::ALL.into_iter().flat_map(|kind| item_cells(status.items.get(&kind))));
        cells.extend([
            good.and_then(|poll| poll.counts).map(|counts| counts.held).into(),
            good.and_then(|poll| poll.held_reason.as_deref()).into(),
            last.warning.as_deref().into(),
            Cell::json(notes_json(&status.schema_changes)),
            // Nothing is pending for a mirror that is off.
            if mirror { state("pending") } else { Cell::Null },
            state("mirrored"),
            state("failed"),
            state("gone"),
            state("skipped"),
            assets.next_expiry.into(),
            last.digest.as_deref().into(),
            (*too_old).into(),
            in_future.is_some().into(),
        ]);
        rows.row(cells)?;
    }
    rows.finish("")
}

/// Returns the current, missing and removed items; nulls for a kind that the catalogue does not list.
fn item_cells(counts: Option<&ItemCounts>) -> [Cell<'static>; 3] {
    match counts {
        Some(ItemCounts { current, missing, removed }) => {
            [(*current).into(), (*missing).into(), (*removed).into()]
        }
        None => [Cell::Null, Cell::Null, Cell::Null],
    }
}

fn notes_json(notes: &[SchemaNote]) -> String {
    json_array(notes.iter().map(|note| {
        object([
            ("observed_at", note.observed_at.into()),
            ("kind", Cell::text(&note.kind)),
            ("field", Cell::text(&note.field)),
            ("change", Cell::text(&note.change)),
            ("json_type", note.json_type.as_deref().into()),
        ])
    }))
}

/// The status as text for people.
struct StatusPage<'a> {
    lines: &'a [StatusLine<'a>],
    /// Configured catalogues that were never polled.
    never: &'a [(String, Catalogue)],
    /// The value of `--max-age`, as it was given.
    max_age: Option<&'a str>,
    /// The receivers of notices that are configured.
    receivers: Vec<&'a str>,
    context: &'a Context,
}

/// Returns the previews in one line and, below it, the reasons of those that failed or were left out.
fn previews(assets: &AssetStatus, mirror: bool, context: &Context) -> String {
    if assets.by_state.is_empty() {
        return String::new();
    }
    let now = context.clock.now();
    // Nothing is pending for a mirror that is off.
    let waits = |state: &str| !mirror && matches!(state, "pending" | "failed");
    let (waiting, others): (Vec<_>, Vec<_>) =
        assets.by_state.iter().partition(|(state, _)| waits(state));
    let unsaved: i64 = waiting.iter().map(|(_, count)| count).sum();
    let unsaved = (unsaved > 0).then(|| format!("{} not saved", number(unsaved)));
    let others = others.iter().map(|(state, count)| format!("{} {state}", number(*count)));
    let states: Vec<String> = unsaved.into_iter().chain(others).collect();
    let off = if mirror { "" } else { "; the mirror is off" };
    let expiry = assets.next_expiry.map_or(String::new(), |at| {
        let what =
            if at < now { "first unsaved link expired" } else { "next unsaved link expires" };
        format!("; the {what} {at} ({})", distance(at, now))
    });
    let mut text = format!("previews  {}{off}{expiry}\n", states.join(", "));
    let failed = assets.failures.iter().take(3).map(|failures| ("failed", failures));
    let left_out = assets.left_out.iter().take(3).map(|failures| ("skipped", failures));
    for (what, failures) in failed.chain(left_out).filter(|_| mirror) {
        let _ = writeln!(text, "          {what}: {}", failures_text(failures));
    }
    text
}

impl StatusPage<'_> {
    fn text(&self, previews: &str, waiting: &[Waiting]) -> String {
        let mut text = String::new();
        for line in self.lines {
            self.catalogue(&mut text, line);
        }
        for (account, catalogue) in self.never {
            let _ = writeln!(text, "{}\n  last poll   none yet\n", catalogue.of(&visible(account)));
        }
        text.push_str(previews);
        for Waiting { receiver, count, since, last_error } in waiting {
            let Some(since) = since else { continue };
            let why = last_error.as_deref().map_or(String::new(), |why| format!("; {why}"));
            let waits = counted(*count, "waits", "wait");
            let known = match self.receivers.contains(&receiver.as_str()) {
                true => "",
                false => " (no longer configured)",
            };
            let receiver = visible(receiver);
            let _ = writeln!(text, "notices   {waits} for {receiver}{known} since {since}{why}");
        }
        text
    }

    /// Writes the paragraph of a catalogue. Writing to a `String` cannot fail.
    fn catalogue(&self, text: &mut String, line: &StatusLine<'_>) {
        let CatalogueStatus { account, catalogue, last, last_good, items, .. } = line.status;
        let note = if line.configured { "" } else { "  (no longer configured)" };
        let _ = writeln!(text, "{}{note}", catalogue.of(&visible(account)));
        self.polls(text, line);
        if let Some(error) = &line.in_future {
            let _ = writeln!(text, "  in future   {}", visible(&error.message));
        }
        let current =
            items.iter().map(|(kind, counts)| counted(counts.current, kind.singular, kind.plural));
        let _ = writeln!(
            text,
            "  now         {}; {} missing, {} removed",
            current.collect::<Vec<_>>().join(", "),
            number(items.values().map(|counts| counts.missing).sum::<i64>()),
            number(items.values().map(|counts| counts.removed).sum::<i64>())
        );
        if let (Some(poll), Some(held)) = (last_good, line.status.held) {
            let command = accepting_command(&self.context.program(), poll, held);
            let removals = counted(held.count(), "removal", "removals");
            let reason = poll.held_reason.as_deref().unwrap_or_default();
            let _ = writeln!(text, "  held        {removals}: {}", visible(reason));
            let _ = writeln!(text, "              if that is right: {command}");
        }
        fields(text, line.status);
        if let Some(warning) = &last.warning {
            let _ = writeln!(text, "  API warning {}", visible(warning));
        }
        text.push('\n');
    }

    /// Writes the last poll with the time it ended, and the last good one with the time its list was
    /// received: they differ for a saved response, and age is counted from the latter.
    fn polls(&self, text: &mut String, line: &StatusLine<'_>) {
        let CatalogueStatus { last, last_good, failed_since, .. } = line.status;
        let now = self.context.clock.now();
        let moment = |at: Timestamp| format!("{at} ({})", distance(at, now));
        let ended = last.finished_at.map_or(String::new(), |at| format!("; ended {}", moment(at)));
        let _ = writeln!(text, "  last poll   #{} {}{ended}", last.poll_id, last.outcome);
        if let Some(error) = &last.error {
            let _ = writeln!(text, "  error       {}", visible(error));
        }
        let good = last_good.as_ref().and_then(|poll| Some((poll.poll_id, poll.observed_at?)));
        let good = good
            .map_or("none yet".into(), |(number, at)| format!("#{number}, list of {}", moment(at)));
        let since =
            if last.failed() { format!("; {failed_since} failed since") } else { String::new() };
        let _ = writeln!(text, "  last good   {good}{since}");
        if let Some(age) = self.max_age.filter(|_| line.too_old && last_good.is_some()) {
            let _ = writeln!(text, "  too old     that list is older than --max-age {age}");
        }
    }
}

/// Writes which fields were added and removed.
fn fields(text: &mut String, status: &CatalogueStatus) {
    for note in &status.schema_changes {
        let types = note.json_type.as_ref().map(|types| format!(" ({types})")).unwrap_or_default();
        let _ = writeln!(
            text,
            "  fields      {} {} {}{types} {}",
            note.kind,
            visible(&note.field),
            note.change,
            note.observed_at
        );
    }
}

/// Returns `2h 5m ago` or `in 3 days 4h`.
fn distance(at: Timestamp, now: Timestamp) -> String {
    let seconds = (now.millis() - at.millis()) / 1000;
    let about = duration(Duration::from_secs(seconds.unsigned_abs()));
    if seconds < 0 { format!("in {about}") } else { format!("{about} ago") }
}
