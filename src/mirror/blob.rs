//! The content-addressed store: a folder or S3, with each blob under a name derived from its bytes.
//! The archive stores its files in one as well.
//!
//! Reading, listing and removing use `object_store`. Writing into a folder does not, since its
//! temporary names cannot be distinguished from those of a running process. Ours are in `tmp/`, in
//! a folder that its process keeps locked, so that a later process can remove what dead ones left
//! ([`super::workspace`]). Knows nothing of assets.

use std::{
    fs, io,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    Attribute, Attributes, GetOptions, ObjectStore, ObjectStoreExt, PutMultipartOptions,
    PutOptions, local::LocalFileSystem, path::Path,
};
use sha2::{Digest, Sha256};

use super::{s3, spool::Spool, workspace::Workspace};
use crate::{
    error::{Error, Result, causes},
    time::Timestamp,
    words::hex,
};

/// Where the S3 client asks for credentials if it was given none (the metadata service of EC2).
const METADATA_SERVICE: &str = "169.254.169.254";
/// A directory that a separate file system has at its root.
const LOST_AND_FOUND: &str = "lost+found";

/// A blob in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name.
    pub file: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// When it was written.
    pub modified: Timestamp,
}

/// The owner of a store, for messages.
#[derive(Debug)]
struct Owner {
    /// The configuration key that names the store.
    key: &'static str,
    /// The name of the store in messages.
    name: &'static str,
    /// What to do after a fault is fixed.
    then: &'static str,
}

const MIRROR: Owner = Owner {
    key: "mirror.store",
    name: "the mirror's store",
    then: "then run again: the queue is intact",
};
const ARCHIVE: Owner = Owner {
    key: "archive.store",
    name: "the archive",
    then: "then continue: the database is not affected",
};

/// A content-addressed store.
pub struct Blobs {
    owner: &'static Owner,
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    /// The folder, if the store is in one.
    root: Option<PathBuf>,
    shown: String,
}

impl Blobs {
    /// Creates the store that `mirror.store` names: `s3://bucket/prefix`, or else a folder,
    /// relative to `base`. `aws` contains the environment's `AWS_…` variables. Nothing is created
    /// or requested yet.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`].
    pub fn new(
        store: &str,
        base: &FilePath,
        aws: impl Iterator<Item = (String, String)>,
    ) -> Result<Self> {
        Self::of(&MIRROR, store, base, aws)
    }

    /// As [`Blobs::new`], for `archive.store`.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`].
    pub fn of_archive(
        store: &str,
        base: &FilePath,
        aws: impl Iterator<Item = (String, String)>,
    ) -> Result<Self> {
        Self::of(&ARCHIVE, store, base, aws)
    }

    fn of(
        owner: &'static Owner,
        store: &str,
        base: &FilePath,
        aws: impl Iterator<Item = (String, String)>,
    ) -> Result<Self> {
        match store.strip_prefix("s3://") {
            Some(place) => Self::s3(owner, place, aws),
            None => {
                let root = base.join(store);
                let root = std::path::absolute(&root).unwrap_or(root);
                let objects = Arc::new(LocalFileSystem::new());
                let prefix = Path::from_absolute_path(&root).map_err(|_| {
                    Error::config(format!("{}: the folder's name cannot be used", owner.key))
                })?;
                let shown = root.display().to_string();
                Ok(Self { owner, objects, prefix, shown, root: Some(root) })
            }
        }
    }

    fn s3(
        owner: &'static Owner,
        place: &str,
        aws: impl Iterator<Item = (String, String)>,
    ) -> Result<Self> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let client = s3::client(bucket, aws)
            .map_err(|fault| Error::config(format!("{}: {fault}", owner.key)))?;
        let shown = format!("s3://{place}");
        Ok(Self { owner, objects: Arc::new(client), prefix: Path::from(prefix), root: None, shown })
    }

    /// Returns the location for messages.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    fn path(&self, file: &str) -> Path {
        file.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// Checks whether the store can be written to: writes a small object and removes it.
    pub async fn probe(&self) -> Result<()> {
        if let Some(root) = &self.root {
            return Workspace::in_folder(root)
                .map(drop)
                .map_err(|fault| self.storage_error("write to", fault));
        }
        let path = self.path("tmp/probe");
        let written = self.objects.put(&path, Vec::new().into()).await;
        written.map_err(|fault| self.storage_error("write to", fault))?;
        self.objects.delete(&path).await.map_err(|fault| self.storage_error("write to", fault))
    }

    /// Returns whether the store exists: a folder that was mirrored into, or a bucket with any
    /// object under the prefix.
    pub async fn is_there(&self) -> Result<bool> {
        match &self.root {
            Some(root) => Ok(root.join("sha256").is_dir()),
            None => Ok(self.list().await.try_next().await?.is_some()),
        }
    }

    /// Returns what makes an empty location a store, for messages.
    pub fn first_sign(&self) -> String {
        match &self.root {
            Some(root) => format!("the folder {}", root.join("sha256").display()),
            None => format!("any object under {}/sha256/", self.shown.trim_end_matches('/')),
        }
    }

    /// Lists all blobs, except those that are being written.
    pub async fn list(&self) -> BoxStream<'_, Result<StoredFile>> {
        let places = match &self.root {
            None => vec![(self.prefix.clone(), true)],
            Some(root) => match entries(root) {
                Ok(all) => {
                    all.into_iter().map(|(name, is_dir)| (self.path(&name), is_dir)).collect()
                }
                Err(fault) => {
                    let storage_error = self.storage_error("list", fault);
                    return futures_util::stream::once(std::future::ready(Err(storage_error)))
                        .boxed();
                }
            },
        };
        let temporary = self.path("tmp");
        let skip = move |path: &Path| path.prefix_matches(&temporary);
        futures_util::stream::iter(places)
            .flat_map(|(place, is_folder)| match is_folder {
                true => self.objects.list(Some(&place)),
                false => {
                    let objects = self.objects.clone();
                    // A name that only the file system can represent is not that of a blob.
                    let head = async move {
                        match objects.head(&place).await {
                            Err(object_store::Error::NotFound { .. }) => None,
                            found => Some(found),
                        }
                    };
                    futures_util::stream::once(head).filter_map(std::future::ready).boxed()
                }
            })
            .map_err(|fault| self.storage_error("list", fault))
            .try_filter_map(move |object| {
                let parts = object.location.prefix_match(&self.prefix);
                let file = parts.map(|parts| {
                    parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/")
                });
                let file = file.filter(|_| !skip(&object.location));
                let modified = Timestamp::from(object.last_modified);
                let listed = file.map(|file| StoredFile { file, bytes: object.size, modified });
                std::future::ready(Ok(listed))
            })
            .boxed()
    }

    /// Returns the size of a blob, in bytes; `None` if it does not exist.
    pub async fn size(&self, file: &str) -> Result<Option<u64>> {
        let found = self.found("read", self.objects.head(&self.path(file)).await)?;
        Ok(found.map(|found| found.size))
    }

    /// Returns whether a blob was written after `since`.
    pub async fn is_younger(&self, file: &str, since: Timestamp) -> Result<bool> {
        let found = self.found("read", self.objects.head(&self.path(file)).await)?;
        Ok(found.is_some_and(|found| Timestamp::from(found.last_modified) > since))
    }

    /// Returns a range of a blob, as a stream.
    pub async fn part(
        &self,
        file: &str,
        range: std::ops::Range<u64>,
    ) -> Result<BoxStream<'static, Result<bytes::Bytes>>> {
        let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
        let got = self.objects.get_opts(&self.path(file), options).await;
        let got = got.map_err(|fault| self.storage_error("read", fault))?;
        let name = self.owner.name;
        let broken = move |_| Error::storage(format!("reading from {name} was interrupted"));
        Ok(got.into_stream().map_err(broken).boxed())
    }

    /// Returns a whole blob; `None` if it does not exist.
    pub async fn read(&self, file: &str) -> Result<Option<bytes::Bytes>> {
        let got = self.found("read", self.objects.get(&self.path(file)).await)?;
        let Some(got) = got else { return Ok(None) };
        got.bytes().await.map(Some).map_err(|fault| self.storage_error("read", fault))
    }

    /// Returns the SHA-256 and the size of a blob; `None` if it does not exist.
    pub async fn hash(&self, file: &str) -> Result<Option<(String, u64)>> {
        let got = self.found("read", self.objects.get(&self.path(file)).await)?;
        let Some(got) = got else { return Ok(None) };
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        let mut stream = got.into_stream();
        while let Some(chunk) =
            stream.try_next().await.map_err(|fault| self.storage_error("read", fault))?
        {
            hash.update(&chunk);
            bytes += chunk.len() as u64;
        }
        Ok(Some((hex(&hash.finalize()), bytes)))
    }

    /// Removes a blob; it is no error if it does not exist.
    pub async fn remove(&self, file: &str) -> Result<()> {
        self.found("remove from", self.objects.delete(&self.path(file)).await).map(drop)
    }

    /// Returns the result of a request for one blob; `None` if it does not exist.
    fn found<T>(&self, doing: &str, got: object_store::Result<T>) -> Result<Option<T>> {
        match got {
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(fault) => Err(self.storage_error(doing, fault)),
        }
    }

    /// Creates a workspace for writing, after removing what dead processes left.
    pub fn workspace(&self) -> Result<Workspace> {
        let made = match &self.root {
            Some(root) => Workspace::in_folder(root),
            None => Ok(Workspace::without_name()),
        };
        made.map_err(|fault| self.storage_error("write to", fault))
    }

    /// Returns whether many bodies are stored faster at once than one by one: true of a folder.
    pub fn takes_many(&self) -> bool {
        self.root.is_some()
    }

    /// Stores a body as `file`. It is durable when this returns.
    pub async fn put(&self, body: Spool, file: &str, content_type: &'static str) -> Result<()> {
        match &self.root {
            Some(root) => body
                .into_folder(root.join(file))
                .await
                .map_err(|f| self.storage_error("write to", f)),
            None => self.upload(body, file, content_type).await,
        }
    }

    async fn upload(&self, mut body: Spool, file: &str, content_type: &'static str) -> Result<()> {
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, content_type.into());
        attributes.insert(Attribute::CacheControl, "public, max-age=31536000, immutable".into());
        let path = self.path(file);
        let put = match body.rest.take() {
            None => {
                let options = PutOptions { attributes, ..PutOptions::default() };
                self.objects
                    .put_opts(&path, std::mem::take(&mut body.head).into(), options)
                    .await
                    .map(drop)
            }
            Some((spooled, _)) => {
                let options = PutMultipartOptions { attributes, ..Default::default() };
                let mut upload = self
                    .objects
                    .put_multipart_opts(&path, options)
                    .await
                    .map_err(|fault| self.storage_error("write to", fault))?;
                match s3::put_parts(spooled, upload.as_mut()).await {
                    Ok(()) => upload.complete().await.map(drop),
                    Err(fault) => {
                        // Its parts cost money until they are removed.
                        let _ = upload.abort().await;
                        Err(fault)
                    }
                }
            }
        };
        put.map_err(|fault| self.storage_error("write to", fault))
    }

    /// Returns the error of a fault of the store (exit code 74).
    fn storage_error(&self, doing: &str, fault: impl std::error::Error + 'static) -> Error {
        let mut text = fault.to_string();
        let full = causes(&fault).any(|cause| {
            let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
            matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
        });
        text.truncate(text.floor_char_boundary(300));
        let remedy = match () {
            () if full => "the disk is full: free some space",
            () if text.contains(METADATA_SERVICE) => {
                "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY \
                 (profiles are not read)"
            }
            () => "check that it exists, and its permissions",
        };
        Error::storage(format!(
            "cannot {doing} {} {}: {}; {remedy}, {}",
            self.owner.name,
            self.shown,
            text.replace('\n', " "),
            self.owner.then
        ))
    }
}

/// Returns the entries of a folder, by name, and whether each is a folder or a file; without those
/// of the file system itself.
fn entries(folder: &FilePath) -> io::Result<Vec<(String, bool)>> {
    let mut all = vec![];
    let entries = match fs::read_dir(folder) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(all),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let (name, kind) = (entry.file_name().to_string_lossy().into_owned(), entry.file_type()?);
        if name != LOST_AND_FOUND && (kind.is_dir() || kind.is_file()) {
            all.push((name, kind.is_dir()));
        }
    }
    Ok(all)
}
