//! `mirror`: works the queue of previews once; `mirror prune` removes files that are no longer needed.

use std::{convert::Infallible, io::IsTerminal, sync::Arc, time::Duration};

use clap::{Args, Subcommand};
use indicatif::HumanBytes;
use tracing::Instrument;

use super::{
    context::Context,
    flags::time_or_ago,
    log::{self, report_error},
    one_poll::PollSettings,
    output::{note, print, visible},
    progress, report,
    stores::{self, blobs},
    task::PollTask,
    textfile::write_metrics,
};
use crate::{
    catalog::{
        cell::{Cell, object},
        json_out::json_array,
    },
    config::Config,
    error::{Error, Kind, Result, caught, gravest},
    mirror::{self, Blobs, MirrorProgress, MirrorSettings, Summary, audit},
    poll::account_label,
    store::{Store, queue::Failures},
    system::Stop,
    words::{counted, number},
};

/// Save every preview that is due, before its link expires
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  heygen-sync mirror                                process the queue once
  heygen-sync mirror --repair                       find missing and spoiled files, fetch them again
  heygen-sync mirror prune --older-than 365d --dry-run
                                                    list what has not been needed for a year"
)]
pub struct MirrorArgs {
    /// First hash every stored file, and queue what is missing, spoiled or failed
    #[arg(long)]
    repair: bool,
    #[command(subcommand)]
    command: Option<MirrorCommand>,
}

#[derive(Debug, Subcommand)]
enum MirrorCommand {
    Prune(Prune),
}

/// Remove files that neither a current item nor a version valid since then needs
#[derive(Debug, Args)]
pub struct Prune {
    /// A time, such as 2026-11-23, or how long ago, such as 365d
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    older_than: String,
    /// Only list what would be removed
    #[arg(long)]
    dry_run: bool,
}

impl MirrorArgs {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let (config, _, location) = context.config()?;
        if !config.mirror.enabled {
            return Err(Error::config(
                "the mirror is off; if you may keep copies, set enabled = true under [mirror] in \
                 config.toml (or HEYGEN_SYNC_MIRROR__ENABLED=true), then run a sync",
            ));
        }
        let blobs = blobs(&config, context)?;
        let mut store = Store::open_to_write(&location).await?;
        if let Some(MirrorCommand::Prune(prune)) = self.command {
            let code = prune.run(&mut store, &blobs, context).await?;
            if prune.dry_run {
                return Ok(code);
            }
            return Ok(gravest([code, write_metrics(&mut store, &config, context).await]));
        }
        if self.repair {
            repair(&mut store, &blobs, context).await?;
        }
        let settings = MirrorSettings::new(&config.mirror);
        let drained = drain(&mut store, &config, blobs, settings, context).await;
        if let Ok((summary, _)) = &drained {
            report_summary(summary, context);
        }
        let left = write_metrics(&mut store, &config, context).await;
        store.close().await?;
        Ok(gravest([drained?.1, left]))
    }
}

impl Prune {
    async fn run(&self, store: &mut Store, blobs: &Blobs, context: &Context) -> Result<u8> {
        let now = context.clock.now();
        let since = time_or_ago(&self.older_than, now)?;
        let pruned = audit::prune(store, blobs, since, now, self.dry_run).await?;
        if self.dry_run {
            pruned.files.iter().try_for_each(|file| print(&format!("{file}\n")))?;
        }
        if self.dry_run || is_interactive(context) {
            let (verb, count) =
                (if self.dry_run { "would remove" } else { "removed" }, pruned.files.len());
            note(format_args!(
                "mirror: {verb} {} ({})",
                counted(count, "file", "files"),
                HumanBytes(pruned.bytes)
            ));
        }
        Ok(0)
    }
}

async fn repair(store: &mut Store, blobs: &Blobs, context: &Context) -> Result<()> {
    let audit = audit::repair(store, blobs, context.clock.now()).await?;
    for finding in &audit.findings {
        print(&format!("{finding}\n"))?;
    }
    if is_interactive(context) {
        note(format_args!("mirror: {}", audited(&audit)));
    }
    Ok(())
}

/// Returns the result of an audit in one line.
pub(super) fn audited(audit: &audit::MirrorAudit) -> String {
    let audit::MirrorAudit { right, bytes, unrecorded, findings } = audit;
    let young = match unrecorded.len() {
        0 => String::new(),
        n => format!(", {} not recorded yet", number(n)),
    };
    let wrong = match findings.len() {
        0 => "none is missing, spoiled or unknown".into(),
        n => format!("{} missing, spoiled or unknown", counted(n, "file is", "files are")),
    };
    format!(
        "{} intact ({}){young}; {wrong}",
        counted(*right, "mirrored file is", "mirrored files are"),
        HumanBytes(*bytes)
    )
}

/// The result of the mirror's run after a poll.
pub(super) struct Mirrored {
    /// The exit code.
    pub code: u8,
    /// What was done; `Err` if nothing was done, or not everything.
    did: Result<Summary>,
}

impl Mirrored {
    /// Returns the result as one JSON object.
    pub fn json(&self) -> String {
        let (summary, error) = match &self.did {
            Ok(summary) => (Some(summary), None),
            // How much was done is unknown here, so the counts are null and not 0.
            Err(error) => (None, Some(error.message.as_str())),
        };
        let count = |of: fn(&Summary) -> u64| Cell::from(summary.map(|all| of(all) as i64));
        let reasons = summary.map_or(&[][..], |all| &all.reasons);
        object([
            ("exit_code", i64::from(self.code).into()),
            ("saved", count(|all| all.saved)),
            ("bytes", count(|all| all.bytes)),
            ("unchanged", count(|all| all.unchanged)),
            ("failed", count(|all| all.failed)),
            ("gone", count(|all| all.gone)),
            ("skipped", count(|all| all.skipped)),
            ("reasons", Cell::json(json_array(reasons.iter().map(failures_json)))),
            ("error", error.into()),
        ])
    }
}

fn failures_json(failures: &Failures) -> String {
    let Failures { count, why, host, next } = failures;
    object([
        ("count", (*count as i64).into()),
        ("why", Cell::text(why)),
        ("host", Cell::text(host)),
        ("next_attempt_at", (*next).into()),
    ])
}

/// Returns failures as text: how many, why, on which host, and when they are retried.
pub(super) fn failures_text(failures: &Failures) -> String {
    let Failures { count, why, host, next } = failures;
    let text = format!("{} × {} ({}", number(*count), visible(why), visible(host));
    match next {
        Some(next) => format!("{text}, next try {next})"),
        None => format!("{text})"),
    }
}

/// Runs the mirror after a poll. Another process that is running it is no error. `refresh` is whether
/// it may poll for fresh links.
pub(super) async fn after_sync(
    store: &mut Store,
    config: &Config,
    context: &Context,
    refresh: bool,
) -> Mirrored {
    let stop = context.service.stop.clone();
    let drained = match blobs(config, context) {
        Ok(blobs) => {
            let settings = MirrorSettings { refresh, ..MirrorSettings::new(&config.mirror) };
            let drained = caught(drain(store, config, blobs, settings, context));
            // The daemon handles signals itself. Here the poll's report is still to be printed: downloads
            // under way are abandoned, saved files are recorded, and the process ends normally.
            let cancel_on_signal = async {
                if !context.service.is_daemon {
                    stop_signal().await;
                    stop.cancel();
                }
                std::future::pending::<Infallible>().await
            };
            tokio::select! {
                drained = drained => drained,
                never = cancel_on_signal => match never {},
            }
        }
        Err(error) => Err(error),
    };
    let (code, did) = match drained {
        Ok((summary, code)) => {
            if summary.failed > 0 || summary.is_news || is_interactive(context) {
                report_summary(&summary, context);
            }
            (code, Ok(summary))
        }
        Err(error) if error.kind == Kind::Busy => (0, Err(error)),
        Err(error) => (report_error(&error), Err(error)),
    };
    Mirrored { code, did }
}

/// Waits for a request to stop.
async fn stop_signal() {
    match Stop::new() {
        Ok(mut stop) => stop.requested().await,
        Err(_) => std::future::pending().await,
    }
}

/// Works the queue; the exit code is 4 if something failed that is worth a retry.
async fn drain(
    store: &mut Store,
    config: &Config,
    blobs: Arc<Blobs>,
    mut settings: MirrorSettings,
    context: &Context,
) -> Result<(Summary, u8)> {
    let form = "{bar:30} {pos}/{len} previews, {msg}, {rate}, {eta} left";
    let bar = progress::bar(context, form);
    let health = &context.service.health;
    health.step(mirror::LONGEST_STEP);
    let show = |MirrorProgress { done, due, bytes }| {
        health.step(mirror::LONGEST_STEP);
        bar.set_length(due);
        bar.set_position(done.min(due));
        bar.set_message(HumanBytes(bytes).to_string());
    };
    settings.stop = context.service.stop.clone();
    let mut codes = vec![];
    let refresh = async |store: &mut Store| refresh(store, config, context, &mut codes).await;
    let ran = mirror::run(store, &context.clock, &settings, blobs, &show, refresh).await;
    drop(bar);
    let summary = ran?;
    codes.push(if summary.failed > 0 { 4 } else { 0 });
    Ok((summary, gravest(codes)))
}

/// Polls every catalogue of every account for fresh links and reports each poll. Fails unless all
/// succeed, since another one may list the same preview.
async fn refresh(
    store: &mut Store,
    config: &Config,
    context: &Context,
    codes: &mut Vec<u8>,
) -> Result<()> {
    let archive = stores::archive_in_use(config, context);
    // The mirror shows its own progress.
    let polling = PollSettings {
        trigger: "refresh",
        spinner: false,
        ..PollSettings::new(config, context, archive.as_ref())
    };
    let mut outcome = Ok(());
    for task in PollTask::of_all(config, context) {
        let (account, catalogue) = (task.account.clone(), task.catalogue.unwrap_or_default());
        let polled = async {
            let span = log::span(&account, polling.trigger);
            let report =
                polling.poll(task, Some(&mut *store), Duration::ZERO).instrument(span).await?;
            codes.push(report.exit_code(false));
            let held = report::held(&report, &context.program());
            if let Some(held) = held.filter(|_| !context.quiet) {
                log::report_warning(&held, context);
            }
            report.error.map_or(Ok(()), Err)
        };
        if let Err(error) = polled.await {
            let account_label = account_label(&account, catalogue);
            let error = error.context(format!("{account_label}: no fresh links for the mirror"));
            codes.push(report_error(&error));
            outcome = Err(error);
        }
    }
    outcome
}

/// Reports the summary in one line, if anything was done.
fn report_summary(summary: &Summary, context: &Context) {
    let Summary { saved, bytes, unchanged, failed, gone, skipped, is_news: _, reasons } = summary;
    if context.quiet || saved + unchanged + failed + gone + skipped == 0 {
        return;
    }
    let counts = [(saved, "saved"), (unchanged, "unchanged"), (gone, "gone"), (skipped, "skipped")];
    let mut parts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| **count > 0)
        .map(|(count, what)| match *what {
            "saved" => format!("{} saved ({})", number(**count), HumanBytes(*bytes)),
            what => format!("{} {what}", number(**count)),
        })
        .collect();
    if *failed > 0 {
        parts.push(format!("{} failed and will be retried", number(*failed)));
    }
    let texts: Vec<String> = reasons.iter().take(3).map(failures_text).collect();
    let why = if texts.is_empty() { String::new() } else { format!(": {}", texts.join("; ")) };
    let text = format!("mirror: {}{why}", parts.join(", "));
    log::report_warning(&text, context);
}

fn is_interactive(context: &Context) -> bool {
    !context.quiet && std::io::stdout().is_terminal()
}
