//! Verification: whether seals, history and tables agree, and what does not.
//!
//! It reports and never repairs. It reads through [`crate::store::audit`] in one transaction,
//! twice: poll by poll for the seals (`chain`), then item by item for the versions (`items`),
//! and holds one piece of either in memory at a time. Knows no SQL and prints nothing.

mod chain;
mod changes;
mod finding;
mod items;
mod polls;
mod progress;
mod timeline;

pub use chain::Proof;
pub use finding::{Finding, Findings, MOST};
pub use progress::{OnVerifyProgress, VerifyProgress};

use crate::{
    catalog::seal,
    error::{Error, Result},
    store::{
        Store,
        audit::{Audit, Section},
    },
};

/// The result of a verification.
#[derive(Debug)]
pub struct VerifyReport {
    /// What does not agree, in the order in which it was found.
    pub findings: Findings,
    /// The number of accounts read.
    pub accounts: u64,
    /// The number of polls read.
    pub polls: u64,
    /// The number of versions read.
    pub versions: u64,
    /// The result for the digest that was noted earlier; `None` if none was given.
    pub proof: Option<Proof>,
}

impl VerifyReport {
    /// Returns 0 if all agrees and the noted digest, if any, is proven; else 1.
    pub fn exit_code(&self) -> u8 {
        let proven = matches!(self.proof, None | Some(Proof::Contained { .. }));
        u8::from(!proven || self.findings.found() > 0)
    }
}

/// Verifies the whole database, and whether it contains the state that `noted` seals.
pub async fn verify(
    store: &mut Store,
    noted: Option<&str>,
    progress: OnVerifyProgress<'_>,
) -> Result<VerifyReport> {
    let noted = noted.map(digest).transpose()?;
    let mut audit = store.audit().await?;
    let verified = verify_all(&mut audit, noted, progress).await;
    let ended = audit.end().await;
    let report = verified?;
    ended.map(|()| report)
}

async fn verify_all(
    audit: &mut Audit<'_>,
    noted: Option<String>,
    progress: OnVerifyProgress<'_>,
) -> Result<VerifyReport> {
    let mut findings = Findings::default();
    let chain = chain::read(audit, noted, &mut findings, progress).await?;
    let versions = items::read(audit, &chain.polls, &mut findings, progress).await?;
    let proof = chain.proof.map(|proof| broken_by_findings(proof, &findings));
    Ok(VerifyReport {
        findings,
        accounts: chain.accounts,
        polls: chain.polls.len(),
        versions,
        proof,
    })
}

/// Returns `Contained` only if nothing is found up to its poll: the digests that match cover
/// neither rows outside the chain nor the current tables.
fn broken_by_findings(proof: Proof, findings: &Findings) -> Proof {
    match proof {
        Proof::Contained { account, poll_id, finished_at } => {
            match findings.first_poll(&account).filter(|first| *first <= poll_id) {
                Some(broken_at) => Proof::Broken { account, poll_id, broken_at },
                None => Proof::Contained { account, poll_id, finished_at },
            }
        }
        other => other,
    }
}

/// Writes the text of which the digest of a poll is the SHA-256, piece by piece.
///
/// # Errors
/// [`crate::error::Kind::Usage`] if there is no such poll; any error of `write`.
pub async fn show(
    store: &mut Store,
    poll_id: i64,
    write: impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let mut audit = store.audit().await?;
    let shown = show_in(&mut audit, poll_id, write).await;
    let ended = audit.end().await;
    shown.and(ended)
}

async fn show_in(
    audit: &mut Audit<'_>,
    poll_id: i64,
    mut write: impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let range = poll_id..=poll_id;
    let mut found = None;
    audit.polls(&range, |poll| found = Some(poll)).await?;
    let Some(poll) = found else {
        return Err(Error::usage(format!(
            "there is no poll {poll_id}; `heygen-sync status` names the last"
        )));
    };
    let before = audit.digest_before(&poll.account, poll_id).await?;
    write(&seal::head(before.as_deref()))?;
    let mut line = String::new();
    poll.line.write(&mut line);
    write(&line)?;
    for section in Section::all() {
        let mut written = Ok(());
        audit
            .written(section, &range, |row| {
                line.clear();
                row.line.write(&mut line);
                if written.is_ok() {
                    written = write(&line);
                }
            })
            .await?;
        written?;
    }
    Ok(())
}

/// Parses a digest that a person entered.
fn digest(noted: &str) -> Result<String> {
    let noted = noted.trim().to_ascii_lowercase();
    match noted.len() == 64 && noted.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(noted),
        false => Err(Error::usage("a digest has 64 hexadecimal digits; give all of them")),
    }
}
