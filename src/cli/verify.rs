//! `verify`: checks whether seals, history and tables agree, and prints what does not.

use std::io::IsTerminal;

use clap::Args;

use super::{
    Context,
    output::{Format, Rows, Text, note, visible},
    progress,
};
use crate::{
    catalog::cell::Cell,
    error::Result,
    mirror::audit,
    store::Store,
    verify::{Finding, Findings, Proof, VerifyProgress, VerifyReport, show, verify},
    words::counted,
};

const COLUMNS: [&str; 5] = ["poll_id", "account", "table", "row", "finding"];

/// Verify that history was not altered
///
/// Exits with 0 if everything agrees, 1 if not.
#[derive(Debug, Args)]
#[command(
    after_help = "The seal has no secret key, so an edit that also recomputes all later digests \
is not found: note the last poll's digest elsewhere, and pass it to --against."
)]
pub struct Verify {
    /// Print the text whose SHA-256 is this poll's digest, for sha256sum
    #[arg(long, value_name = "POLL", conflicts_with_all = ["against", "format"])]
    show: Option<i64>,
    /// Prove that history contains the state with this digest, which was noted earlier
    #[arg(long, value_name = "DIGEST")]
    against: Option<String>,
    /// Also hash every file in the mirror's store, and list missing, spoiled and unknown ones
    #[arg(long, conflicts_with = "show")]
    assets: bool,
    /// Output format of the mismatches
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl Verify {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let Self { show: shown, against, assets, format } = self;
        let (config, _, location) = context.config()?;
        let mut store = Store::open_to_read(&location).await?;
        if let Some(poll_id) = shown {
            let mut out = Text::new();
            show(&mut store, poll_id, |piece| out.write(piece)).await?;
            return out.finish().map(|()| 0);
        }
        let spinner = progress::spinner(context, "checking the seals");
        let show = |progress| {
            spinner.set_message(match progress {
                VerifyProgress::Polls(polls) => {
                    format!("checking the seals, {}", counted(polls, "poll", "polls"))
                }
                VerifyProgress::Versions(versions) => {
                    format!("checking the history, {}", counted(versions, "version", "versions"))
                }
            });
        };
        let report = verify(&mut store, against.as_deref(), &show).await?;
        drop(spinner);
        let audit = match assets {
            true => {
                let blobs = super::stores::blobs(&config, context)?;
                Some(audit::audit(&mut store, &blobs, context.clock.now()).await?)
            }
            false => None,
        };
        rows(report.findings.kept(), audit.as_ref(), format)?;
        let has_findings = audit.as_ref().is_some_and(|audit| !audit.findings.is_empty());
        let code = if has_findings { 1 } else { report.exit_code() };
        // Cron mails all output, so success is silent without a terminal.
        let is_interactive = !context.quiet && std::io::stderr().is_terminal();
        if code != 0 || against.is_some() || is_interactive {
            note(summary(&report));
            audit.iter().for_each(|audit| note(super::mirror::audited(audit)));
        }
        Ok(code)
    }
}

fn rows(
    findings: &[Finding],
    audit: Option<&audit::MirrorAudit>,
    format: Option<Format>,
) -> Result<()> {
    let files = audit.map_or(&[][..], |audit| &audit.findings);
    let none = findings.is_empty() && files.is_empty();
    if none && format.is_none_or(|format| format == Format::Table) {
        return Ok(());
    }
    let format = Format::or_default(format);
    let mut rows = Rows::new(format, COLUMNS)?;
    for finding in files {
        let what = format!("{} file", finding.fault);
        let no_poll = Cell::from(None::<i64>);
        let file = finding.file.as_str();
        rows.row(vec![no_poll, "".into(), "assets".into(), file.into(), what.into()])?;
    }
    for Finding { poll, account, table, row, what } in findings {
        rows.row(vec![
            (*poll).into(),
            account.as_str().into(),
            Cell::from(*table),
            row.as_deref().into(),
            what.as_str().into(),
        ])?;
    }
    rows.finish("")
}

fn summary(report: &VerifyReport) -> String {
    let VerifyReport { findings, accounts, polls, versions, proof } = report;
    let mut lines = vec![format!("{} ({} read)", verdict(findings), {
        let all = [
            counted(*accounts, "account", "accounts"),
            counted(*polls, "poll", "polls"),
            counted(*versions, "version", "versions"),
        ];
        all.join(", ")
    })];
    lines.extend(proof.as_ref().map(proven));
    lines.join("\n")
}

fn verdict(findings: &Findings) -> String {
    let kept = findings.kept().len() as u64;
    match findings.found() {
        0 => "All seals, versions and tables agree".into(),
        1 => "1 mismatch: restore a backup, or find out who wrote to the database".into(),
        found if found > kept => format!("{found} mismatches; the first {kept} are shown"),
        found => format!("{found} mismatches"),
    }
}

fn proven(proof: &Proof) -> String {
    match proof {
        Proof::Contained { account, poll_id, finished_at } => format!(
            "Proven: the digest seals poll {poll_id} of account '{}', finished at {finished_at}, and \
             nothing that was written up to it was altered",
            visible(account)
        ),
        Proof::Broken { account, poll_id, broken_at } => format!(
            "Not proven: poll {poll_id} of account '{}' has the digest, but the rows of poll \
             {broken_at} are not those that were written",
            visible(account)
        ),
        Proof::Absent => {
            "Not proven: no poll has this digest; it is from another database, or history was \
             replaced"
                .into()
        }
    }
}
