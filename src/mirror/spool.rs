//! A body while it is received, before it is stored.

use std::{fs, io, path::PathBuf, sync::Arc};

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::workspace::{Body, Workspace};
use crate::words::hex;

/// Bodies up to this size stay in memory, in bytes.
const IN_MEMORY: usize = 1 << 20;

/// A body that is being received: hashed as it arrives, in memory while it is small.
pub struct Spool {
    workspace: Arc<Workspace>,
    /// The whole body, or its first bytes once there is a file.
    pub(super) head: Vec<u8>,
    pub(super) rest: Option<(tokio::fs::File, Option<PathBuf>)>,
    hash: Sha256,
    len: u64,
}

impl Spool {
    /// Creates an empty spool.
    pub fn new(workspace: &Arc<Workspace>) -> Self {
        let workspace = workspace.clone();
        Self { workspace, head: vec![], rest: None, hash: Sha256::new(), len: 0 }
    }

    /// Reserves memory for the announced size, if it is small.
    pub fn expect(&mut self, bytes: u64) {
        let bytes = usize::try_from(bytes).ok().filter(|bytes| *bytes <= IN_MEMORY);
        self.head.reserve(bytes.unwrap_or_default());
    }

    /// Adds bytes.
    pub async fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.len += bytes.len() as u64;
        if self.rest.is_none() && self.head.len() + bytes.len() <= IN_MEMORY {
            self.head.extend_from_slice(bytes);
            return Ok(());
        }
        if self.rest.is_none() {
            let (file, path) = self.workspace.file()?;
            let (file, _) = self.rest.insert((tokio::fs::File::from_std(file), path));
            file.write_all(&self.head).await?;
            self.head.truncate(super::sniff::ENOUGH);
            self.head.shrink_to_fit();
        }
        match &mut self.rest {
            Some((file, _)) => file.write_all(bytes).await,
            None => Ok(()),
        }
    }

    /// Ends the writing; reports delayed faults of earlier writes.
    pub async fn finish(&mut self) -> io::Result<()> {
        match &mut self.rest {
            Some((file, _)) => file.flush().await,
            None => Ok(()),
        }
    }

    /// Returns its size so far, in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns whether nothing has been received.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns its first bytes.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Returns its SHA-256 so far, in hex.
    pub fn sha256(&self) -> String {
        hex(&self.hash.clone().finalize())
    }

    /// Returns how many of its bytes are in memory.
    pub fn in_memory(&self) -> usize {
        self.head.len()
    }

    /// Returns whether all of it is in memory.
    pub fn is_in_memory(&self) -> bool {
        self.rest.is_none()
    }

    pub(super) async fn into_folder(mut self, target: PathBuf) -> io::Result<()> {
        let body = match self.rest.take() {
            Some((file, Some(path))) => Body::Spooled(file.into_std().await, path),
            _ => Body::Small(std::mem::take(&mut self.head)),
        };
        self.workspace.store(body, target).await
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Some((_, Some(path))) = &self.rest {
            let _ = fs::remove_file(path);
        }
    }
}
