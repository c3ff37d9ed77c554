//! `status`: how every account stands.

use std::fmt::Write;

use clap::Args;

use super::{
    Context,
    mirror::failures_text,
    output::{Cell, Format, Rows, grouped, print, visible},
    report::shell_word,
};
use crate::{
    catalog::value::write_json_string,
    config::Config,
    error::{Error, Result},
    poll::ahead_of_clock,
    store::{
        Store,
        outbox::Waiting,
        query::{AccountStatus, AssetStatus, SchemaNote},
        row::PollRow,
    },
    time::Timestamp,
};

const COLUMNS: [&str; 28] = [
    "account",
    "configured",
    "last_poll_id",
    "last_poll_at",
    "outcome",
    "error",
    "last_good_poll_at",
    "failed_since",
    "api_version",
    "avatars",
    "avatars_missing",
    "avatars_removed",
    "talking_photos",
    "talking_photos_missing",
    "talking_photos_removed",
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

/// Show the last poll of each account, what it holds, and what needs attention
#[derive(Debug, Args)]
pub struct Status {
    /// Exit with 1 when an account's last good poll is older than this (26h), or in the future
    #[arg(long, value_name = "DURATION")]
    max_age: Option<String>,
    /// How to write it
    #[arg(long, value_enum)]
    format: Option<Format>,
}

/// What is shown of one account.
struct Line<'a> {
    status: &'a AccountStatus,
    configured: bool,
    too_old: bool,
    /// Why no poll can follow the last good one.
    in_future: Option<Error>,
}

impl Status {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let Self { max_age, format } = self;
        let max_age = max_age
            .map(|text| {
                humantime::parse_duration(&text).map_err(|_| {
                    Error::usage(format!("--max-age: '{text}' is no duration; write 26h or 90m"))
                })
            })
            .transpose()?;
        let (config, _, location) = context.config()?;
        let mut store = Store::open_to_read(&location).await?;
        store.begin_reading().await?;
        let accounts = store.status().await?;
        let assets = store.asset_status().await?;
        let waiting = store.notices_waiting().await?;
        let now = context.clock.now();
        let oldest = max_age.map(|age| now.minus(age));
        let lines: Vec<Line<'_>> =
            accounts.iter().map(|one| line(one, &config, oldest, now)).collect();
        match Format::or_default(format) {
            Format::Table => people(&lines, &assets, &waiting, context)?,
            format => machines(&lines, &assets, format)?,
        }
        // The account that needs no configuration counts as well: who never polled is not well.
        let mut names = config.account_names().into_iter();
        let never = oldest.is_some() && names.any(|name| !known(&accounts, &name));
        let in_future = |line: &Line<'_>| line.configured && line.in_future.is_some();
        let stale =
            never || lines.iter().any(|line| line.too_old || oldest.is_some() && in_future(line));
        Ok(u8::from(stale))
    }
}

fn known(accounts: &[AccountStatus], name: &str) -> bool {
    accounts.iter().any(|account| account.account == name)
}

/// An account that is no longer configured is not blamed for its age.
fn line<'a>(
    status: &'a AccountStatus,
    config: &Config,
    oldest: Option<Timestamp>,
    now: Timestamp,
) -> Line<'a> {
    let configured = config.account_names().contains(&status.account);
    let last_good = status.last_good.as_ref().and_then(|poll| poll.observed_at);
    let too_old = oldest.is_some_and(|oldest| configured && last_good.is_none_or(|at| at < oldest));
    let in_future = last_good.and_then(|at| ahead_of_clock(&status.account, at, now));
    Line { status, configured, too_old, in_future }
}

fn machines(lines: &[Line<'_>], assets: &AssetStatus, format: Format) -> Result<()> {
    let mut rows = Rows::new(format, &COLUMNS)?;
    for Line { status, configured, too_old, in_future } in lines {
        let last = &status.last;
        let good = status.last_good.as_ref();
        let [avatars, photos] = status.items;
        let state = |name: &str| {
            Cell::Int(
                assets.by_state.iter().find(|(state, _)| state == name).map_or(0, |(_, n)| *n),
            )
        };
        rows.row(vec![
            status.account.as_str().into(),
            (*configured).into(),
            last.poll_id.into(),
            last.finished_at.into(),
            last.outcome.as_str().into(),
            last.error.as_deref().into(),
            good.and_then(|poll| poll.observed_at).into(),
            status.failed_since.into(),
            last.api_version.as_deref().into(),
            avatars.current.into(),
            avatars.missing.into(),
            avatars.removed.into(),
            photos.current.into(),
            photos.missing.into(),
            photos.removed.into(),
            good.and_then(|poll| poll.counts).map(|counts| counts.held).into(),
            good.and_then(|poll| poll.held_reason.as_deref()).into(),
            last.warning.as_deref().into(),
            Cell::Json(notes_json(&status.schema_changes)),
            state("pending"),
            state("mirrored"),
            state("failed"),
            state("gone"),
            state("skipped"),
            assets.next_expiry.into(),
            last.digest.as_deref().into(),
            (*too_old).into(),
            in_future.is_some().into(),
        ])?;
    }
    rows.finish("")
}

fn notes_json(notes: &[SchemaNote]) -> String {
    let mut out = String::from("[");
    for (index, note) in notes.iter().enumerate() {
        let SchemaNote { observed_at, kind, field, change, json_type } = note;
        out.push_str(if index > 0 { ",{" } else { "{" });
        let time = observed_at.to_string();
        let json_type = json_type.as_deref().unwrap_or_default();
        let pairs = [
            ("observed_at", time.as_str()),
            ("kind", kind),
            ("field", field),
            ("change", change),
            ("json_type", json_type),
        ];
        for (at, (name, value)) in pairs.into_iter().enumerate() {
            out.push_str(if at > 0 { "," } else { "" });
            write_json_string(name, &mut out);
            out.push(':');
            write_json_string(value, &mut out);
        }
        out.push('}');
    }
    out.push(']');
    out
}

fn people(
    lines: &[Line<'_>],
    assets: &AssetStatus,
    waiting: &Waiting,
    context: &Context,
) -> Result<()> {
    let now = context.clock.now();
    let mut text = String::new();
    for line in lines {
        account(&mut text, line, &context.flags, now);
    }
    if !assets.by_state.is_empty() {
        let states = assets.by_state.iter().map(|(state, n)| format!("{} {state}", grouped(*n)));
        let expiry = assets.next_expiry.map_or(String::new(), |at| {
            format!("; the next link of an unsaved one expires {at} ({})", distance(at, now))
        });
        let _ = writeln!(text, "previews  {}{expiry}", states.collect::<Vec<_>>().join(", "));
        let failed = assets.failures.iter().take(3).map(|failures| ("failed", failures));
        let left_out = assets.left_out.iter().take(3).map(|failures| ("left out", failures));
        for (what, failures) in failed.chain(left_out) {
            let _ = writeln!(text, "          {what}: {}", failures_text(failures));
        }
    }
    if let (1.., Some(since)) = (waiting.count, waiting.since) {
        let why = waiting.last_error.as_deref().map_or(String::new(), |why| format!("; {why}"));
        let _ = writeln!(text, "notices   {} wait since {since}{why}", grouped(waiting.count));
    }
    print(&text)
}

/// One account's paragraph. Writing to a string cannot fail.
fn account(text: &mut String, line: &Line<'_>, flags: &[String], now: Timestamp) {
    let AccountStatus {
        account,
        last,
        last_good,
        failed_since,
        items: [avatars, photos],
        schema_changes,
    } = line.status;
    let note = if line.configured { "" } else { "  (no longer configured)" };
    let _ = writeln!(text, "{}{note}", visible(account));
    let at = last.finished_at.map_or(String::new(), |at| format!("{at} ({})", distance(at, now)));
    let _ = writeln!(text, "  last poll   #{} {} {at}", last.poll_id, last.outcome);
    if let Some(error) = &last.error {
        let _ = writeln!(text, "  error       {}", visible(error));
    }
    if last.failed() {
        let good = last_good.as_ref().and_then(|poll| poll.observed_at);
        let good = good.map_or("none yet".into(), |at| format!("{at} ({})", distance(at, now)));
        let _ = writeln!(text, "  last good   {good}; {failed_since} failed since");
    }
    if line.too_old {
        let _ = writeln!(text, "  too old     the last good poll is older than --max-age");
    }
    if let Some(error) = &line.in_future {
        let _ = writeln!(text, "  in future   {}", visible(&error.message));
    }
    let _ = writeln!(
        text,
        "  now         {} avatars, {} talking photos; {} missing, {} removed",
        grouped(avatars.current),
        grouped(photos.current),
        grouped(avatars.missing + photos.missing),
        grouped(avatars.removed + photos.removed)
    );
    let held = last_good
        .as_ref()
        .and_then(|poll| Some((poll, poll.counts?.held, poll.held_reason.as_deref()?)));
    if let Some((poll, held, reason)) = held {
        let command = accepting_command(poll, held, flags);
        let _ = writeln!(text, "  held        {} removals: {}", grouped(held), visible(reason));
        let _ = writeln!(text, "              if that is right: {command}");
    }
    for note in schema_changes {
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
    if let Some(warning) = &last.warning {
        let _ = writeln!(text, "  HeyGen says {}", visible(warning));
    }
    text.push('\n');
}

/// The call that lets a poll's held removals through, with this call's flags, from where the poll
/// had its list.
fn accepting_command(poll: &PollRow, held: i64, flags: &[String]) -> String {
    let mut words = vec!["heygen-sync".to_owned()];
    words.extend(flags.iter().cloned());
    words.extend(["sync".to_owned(), "--account".to_owned(), poll.account.clone()]);
    if let Some(source) = poll.source.clone().filter(|_| poll.trigger == "file") {
        words.extend(["--from".to_owned(), source]);
    }
    words.push(format!("--accept-removals={held}"));
    words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}

/// `2h 5m ago`, `in 3days`.
fn distance(at: Timestamp, now: Timestamp) -> String {
    let seconds = (now.millis() - at.millis()) / 1000;
    let about = match seconds.unsigned_abs() {
        all @ 0..=3_600 => all,
        all @ 3_601..=172_800 => all / 60 * 60,
        all => all / 3_600 * 3_600,
    };
    let told = humantime::format_duration(std::time::Duration::from_secs(about));
    if seconds < 0 { format!("in {told}") } else { format!("{told} ago") }
}
