//! Checks whether the store contains what the tables state, and finds files that are not needed.
//!
//! Every file is read and hashed. A file that an interrupted run stored but did not record is
//! distinguished from an unexplained one: its name matches its hash, and it is recent.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::TryStreamExt;

use strum::Display;

use super::blob::{Blobs, StoredFile};
use crate::{
    error::{Error, Result},
    store::{Store, queue::KnownFile},
    time::{DAY, Timestamp},
    words::counted,
};

/// An unrecorded file younger than this is attributed to an interrupted or a current run.
const YOUNG: Duration = DAY;

/// Files are removed in groups of this size; mirrors wait meanwhile.
const AT_ONCE: usize = 20;

/// The faults of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display)]
#[strum(serialize_all = "snake_case")]
pub enum FileFault {
    /// The tables name it, but it does not exist.
    Missing,
    /// Its bytes do not match its name and the tables.
    Spoiled,
    /// It exists, but nothing names it.
    Unknown,
}

/// A file with a fault.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileFinding {
    /// The fault.
    pub fault: FileFault,
    /// The file's name in the store.
    pub file: String,
}

impl std::fmt::Display for FileFinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} file {}", self.fault, self.file)
    }
}

/// The result of an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorAudit {
    /// The number of files that were hashed and are right.
    pub right: u64,
    /// Their size, in bytes.
    pub bytes: u64,
    /// Right files that an interrupted run has not recorded: harmless.
    pub unrecorded: Vec<String>,
    /// The faults, sorted.
    pub findings: Vec<FileFinding>,
}

/// Hashes every file of the store and compares it with the tables.
pub async fn audit(store: &mut Store, blobs: &Blobs, now: Timestamp) -> Result<MirrorAudit> {
    let listed: Vec<StoredFile> = blobs.list().await.try_collect().await?;
    // Read after the listing, so files that a run records meanwhile are known.
    let known = store.known_files().await?;
    let mut known: BTreeMap<String, KnownFile> =
        known.into_iter().map(|known| (known.file.clone(), known)).collect();
    let mut audit = MirrorAudit::default();
    for one in listed {
        let hashed = blobs.hash(&one.file).await?;
        let fault = match (known.remove(&one.file), hashed) {
            (_, None) => continue,
            (Some(known), Some(hashed)) if is_right(&known, &hashed) => None,
            (Some(_), Some(_)) => Some(FileFault::Spoiled),
            (None, Some((sha256, _))) if named_by(&one.file, &sha256) && is_young(&one, now) => {
                audit.unrecorded.push(one.file);
                continue;
            }
            (None, Some(_)) => Some(FileFault::Unknown),
        };
        match fault {
            None => {
                audit.right += 1;
                audit.bytes += one.bytes;
            }
            Some(fault) => audit.findings.push(FileFinding { fault, file: one.file }),
        }
    }
    for (file, _) in known {
        if blobs.hash(&file).await?.is_none() {
            audit.findings.push(FileFinding { fault: FileFault::Missing, file });
        }
    }
    audit.findings.sort();
    Ok(audit)
}

/// Queues missing, spoiled and failed files again, and returns the audit. Spoiled files are
/// removed: their bytes are not what was downloaded. Files that were given up as lost and exist
/// again are taken back.
///
/// # Errors
/// [`crate::error::Kind::Storage`], also if the store does not exist: a volume that is not mounted
/// must not count as a loss.
pub async fn repair(store: &mut Store, blobs: &Blobs, now: Timestamp) -> Result<MirrorAudit> {
    let _lock = store.lock_queue()?;
    refuse_without_store(store, blobs).await?;
    let mut audit = audit(store, blobs, now).await?;
    let back = take_back(store, blobs, &audit).await?;
    audit.findings.retain(|finding| !back.contains(&finding.file));
    audit.unrecorded.retain(|file| !back.contains(file));
    audit.right += back.len() as u64;
    let lost = audit.findings.iter().filter(|finding| finding.fault != FileFault::Unknown);
    let lost: Vec<String> = lost.map(|finding| finding.file.clone()).collect();
    // Removed first: a mirror may fetch it again as soon as it is queued.
    for finding in audit.findings.iter().filter(|finding| finding.fault == FileFault::Spoiled) {
        let hashed = blobs.hash(&finding.file).await?;
        if hashed.is_none_or(|(sha256, _)| !named_by(&finding.file, &sha256)) {
            blobs.remove(&finding.file).await?;
        }
    }
    store.queue_again(&lost, now).await?;
    Ok(audit)
}

async fn refuse_without_store(store: &mut Store, blobs: &Blobs) -> Result<()> {
    let known = store.known_files().await?.len();
    if known == 0 || blobs.is_there().await? {
        return Ok(());
    }
    Err(Error::storage(format!(
        "there is no store at {}, though {} recorded: mount it, or correct mirror.store; if they \
         are lost for good, create {} and run this again",
        blobs.shown(),
        counted(known, "file is", "files are"),
        blobs.first_sign()
    )))
}

/// Takes back files that nothing names, whose bytes match their name, and which a URL once had:
/// restored from a backup, or never removed. Returns their names.
async fn take_back(
    store: &mut Store,
    blobs: &Blobs,
    audit: &MirrorAudit,
) -> Result<BTreeSet<String>> {
    let mut whole = audit.unrecorded.clone();
    for finding in audit.findings.iter().filter(|finding| finding.fault == FileFault::Unknown) {
        if let Some((sha256, _)) = blobs.hash(&finding.file).await?
            && named_by(&finding.file, &sha256)
        {
            whole.push(finding.file.clone());
        }
    }
    let mut back: BTreeSet<String> = store.take_back(&whole).await?.into_iter().collect();
    // Files that were pruned before `take_back` are gone; none is pruned after it.
    let mut lost = vec![];
    for file in &back {
        if blobs.size(file).await?.is_none() {
            lost.push(file.clone());
        }
    }
    if !lost.is_empty() {
        store.requeue_lost(&lost).await?;
        back.retain(|file| !lost.contains(file));
    }
    Ok(back)
}

/// The result of a pruning, or of its dry run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The files, sorted.
    pub files: Vec<String>,
    /// Their size, in bytes.
    pub bytes: u64,
}

/// Removes the files that neither a current item nor a version valid at `since` or later needs, and
/// those that interrupted runs left; a dry run only returns them.
pub async fn prune(
    store: &mut Store,
    blobs: &Blobs,
    since: Timestamp,
    now: Timestamp,
    dry_run: bool,
) -> Result<Pruned> {
    let _lock = store.lock_queue()?;
    refuse_without_store(store, blobs).await?;
    let prunable = store.prunable(since).await?;
    let known: BTreeSet<String> =
        store.known_files().await?.into_iter().map(|known| known.file).collect();
    let listed: Vec<StoredFile> = blobs.list().await.try_collect().await?;
    let left = listed.into_iter().filter(|one| {
        let sha256 = one.file.rsplit('/').next().and_then(|name| name.split('.').next());
        !known.contains(&one.file)
            && sha256.is_some_and(|sha256| sha256.len() == 64 && named_by(&one.file, sha256))
            && !is_young(one, now)
    });
    let mut all: BTreeMap<String, u64> =
        prunable.iter().map(|known| (known.file.clone(), known.bytes as u64)).collect();
    all.extend(left.map(|one| (one.file, one.bytes)));
    let pruned = Pruned { bytes: all.values().sum(), files: all.into_keys().collect() };
    if !dry_run {
        // Marked first: a file without a row is harmless, a row without its file is not.
        store.mark_pruned(since, now).await?;
        for files in pruned.files.chunks(AT_ONCE) {
            remove(store, blobs, files, &known, now).await?;
        }
    }
    Ok(pruned)
}

/// Removes files that are still not needed, while no mirror may record that it needs one. A mirror
/// that stored one before finds the mark afterwards, and checks whether the file still exists.
async fn remove(
    store: &mut Store,
    blobs: &Blobs,
    files: &[String],
    known: &BTreeSet<String>,
    now: Timestamp,
) -> Result<()> {
    let files = store.begin_removing(files).await?;
    let removed = async {
        for file in &files {
            // A file without a mark may have been stored again a moment ago.
            if known.contains(file) || !blobs.is_younger(file, now.minus(YOUNG)).await? {
                blobs.remove(file).await?;
            }
        }
        Ok(())
    };
    let removed = removed.await;
    store.end_removing().await?;
    removed
}

fn is_right(known: &KnownFile, (sha256, bytes): &(String, u64)) -> bool {
    known.sha256 == *sha256
        && u64::try_from(known.bytes) == Ok(*bytes)
        && named_by(&known.file, sha256)
}

/// Returns whether the file has the name that its hash determines.
fn named_by(file: &str, sha256: &str) -> bool {
    let start = format!("sha256/{}/{sha256}.", sha256.get(..2).unwrap_or_default());
    file.strip_prefix(&start)
        .is_some_and(|ending| !ending.is_empty() && !ending.contains(['/', '.']))
}

fn is_young(one: &StoredFile, now: Timestamp) -> bool {
    one.modified > now.minus(YOUNG)
}
