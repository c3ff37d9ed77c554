//! The store of the contents: a folder or S3, each content under the name that its bytes give it.
//! The archive keeps its files by it as well.
//!
//! Reading, listing and removing go through `object_store`. Into a folder we write ourselves: its
//! temporary names could not be told from those of a process that is still alive. Ours lie in
//! `tmp/`, in a folder that its process holds locked, so that whoever comes next can take away
//! what the dead left behind ([`super::workspace`]). It knows nothing of assets.

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
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::{
    s3,
    workspace::{Body, Workspace},
};
use crate::{
    error::{Error, Result},
    time::Timestamp,
    words::hex,
};

/// Bodies up to this size stay in memory, in bytes.
const IN_MEMORY: usize = 1 << 20;
/// The size of one part of a large upload, in bytes.
const PART: usize = 8 << 20;

/// Whom the S3 client asks where it was given no credentials (the metadata service of EC2).
const METADATA_SERVICE: &str = "169.254.169.254";
/// What a file system of its own has at its root.
const LOST_AND_FOUND: &str = "lost+found";

/// A content as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name.
    pub file: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// When it was written.
    pub modified: Timestamp,
}

/// Whose store it is, as messages say it.
#[derive(Debug)]
struct Owner {
    /// The key of the configuration that names it.
    key: &'static str,
    /// What people call it.
    name: &'static str,
    /// What is to be done after a fault is mended.
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
    then: "then go on: what is in the database is not touched",
};

/// The store.
pub struct Blobs {
    owner: &'static Owner,
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    /// The folder, if it is one.
    root: Option<PathBuf>,
    shown: String,
}

impl Blobs {
    /// The store that `mirror.store` names: `s3://bucket/prefix`, else a folder, relative to
    /// `base`. `aws` holds the environment's `AWS_…` variables. Nothing is made or asked yet.
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

    /// The same for what `archive.store` names.
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

    /// As it is shown to people.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    fn path(&self, file: &str) -> Path {
        file.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// Whether the store can be written to: writes a small object and takes it away.
    pub async fn probe(&self) -> Result<()> {
        if let Some(root) = &self.root {
            return Workspace::in_folder(root)
                .map(drop)
                .map_err(|fault| self.trouble("write to", fault));
        }
        let path = self.path("tmp/probe");
        let written = self.objects.put(&path, Vec::new().into()).await;
        written.map_err(|fault| self.trouble("write to", fault))?;
        self.objects.delete(&path).await.map_err(|fault| self.trouble("write to", fault))
    }

    /// Whether a store stands there: a folder that was mirrored into, or a bucket with anything
    /// under the prefix.
    pub async fn is_there(&self) -> Result<bool> {
        match &self.root {
            Some(root) => Ok(root.join("sha256").is_dir()),
            None => Ok(self.list().await.try_next().await?.is_some()),
        }
    }

    /// What makes an empty place a store, for people.
    pub fn first_sign(&self) -> String {
        match &self.root {
            Some(root) => format!("the folder {}", root.join("sha256").display()),
            None => format!("any object under {}/sha256/", self.shown.trim_end_matches('/')),
        }
    }

    /// Every content there is, what is under way left out.
    pub async fn list(&self) -> BoxStream<'_, Result<StoredFile>> {
        let places = match &self.root {
            None => vec![(self.prefix.clone(), true)],
            Some(root) => match entries(root) {
                Ok(all) => {
                    all.into_iter().map(|(name, is_dir)| (self.path(&name), is_dir)).collect()
                }
                Err(fault) => {
                    let trouble = self.trouble("list", fault);
                    return futures_util::stream::once(std::future::ready(Err(trouble))).boxed();
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
                    // Names that only the file system can say are nobody's contents.
                    let head = async move {
                        match objects.head(&place).await {
                            Err(object_store::Error::NotFound { .. }) => None,
                            found => Some(found),
                        }
                    };
                    futures_util::stream::once(head).filter_map(std::future::ready).boxed()
                }
            })
            .map_err(|fault| self.trouble("list", fault))
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

    /// The size of a content, in bytes; `None` when it is not there.
    pub async fn size(&self, file: &str) -> Result<Option<u64>> {
        match self.objects.head(&self.path(file)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(fault) => Err(self.trouble("read", fault)),
        }
    }

    /// Whether a content was written after `since`.
    pub async fn is_younger(&self, file: &str, since: Timestamp) -> Result<bool> {
        match self.objects.head(&self.path(file)).await {
            Ok(found) => Ok(Timestamp::from(found.last_modified) > since),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(fault) => Err(self.trouble("read", fault)),
        }
    }

    /// A part of a content, as it comes.
    pub async fn part(
        &self,
        file: &str,
        range: std::ops::Range<u64>,
    ) -> Result<BoxStream<'static, Result<bytes::Bytes>>> {
        let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
        let got = self.objects.get_opts(&self.path(file), options).await;
        let got = got.map_err(|fault| self.trouble("read", fault))?;
        let name = self.owner.name;
        let broken = move |_| Error::storage(format!("{name} broke off"));
        Ok(got.into_stream().map_err(broken).boxed())
    }

    /// A whole content; `None` when it is not there.
    pub async fn read(&self, file: &str) -> Result<Option<bytes::Bytes>> {
        let got = match self.objects.get(&self.path(file)).await {
            Ok(got) => got.bytes().await,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(fault) => Err(fault),
        };
        got.map(Some).map_err(|fault| self.trouble("read", fault))
    }

    /// SHA-256 and size of a content; `None` when it is not there.
    pub async fn hash(&self, file: &str) -> Result<Option<(String, u64)>> {
        let got = match self.objects.get(&self.path(file)).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(fault) => return Err(self.trouble("read", fault)),
        };
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        let mut stream = got.into_stream();
        while let Some(chunk) =
            stream.try_next().await.map_err(|fault| self.trouble("read", fault))?
        {
            hash.update(&chunk);
            bytes += chunk.len() as u64;
        }
        Ok(Some((hex(&hash.finalize()), bytes)))
    }

    /// Takes a content away; one that is not there is no error.
    pub async fn remove(&self, file: &str) -> Result<()> {
        match self.objects.delete(&self.path(file)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(fault) => Err(self.trouble("remove from", fault)),
        }
    }

    /// A place to write to, once what dead processes left behind is taken away.
    pub fn workspace(&self) -> Result<Workspace> {
        let made = match &self.root {
            Some(root) => Workspace::in_folder(root),
            None => Ok(Workspace::nameless()),
        };
        made.map_err(|fault| self.trouble("write to", fault))
    }

    /// Whether many bodies at once are stored faster than one after the other: a folder's.
    pub fn takes_many(&self) -> bool {
        self.root.is_some()
    }

    /// Puts a body into the store under `file`. When this returns, it is durable.
    pub async fn put(&self, body: Spool, file: &str, content_type: &'static str) -> Result<()> {
        match &self.root {
            Some(root) => {
                body.into_folder(root.join(file)).await.map_err(|f| self.trouble("write to", f))
            }
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
                    .map_err(|fault| self.trouble("write to", fault))?;
                match parts(spooled, upload.as_mut()).await {
                    Ok(()) => upload.complete().await.map(drop),
                    Err(fault) => {
                        // Its parts cost money until they are gone.
                        let _ = upload.abort().await;
                        Err(fault)
                    }
                }
            }
        };
        put.map_err(|fault| self.trouble("write to", fault))
    }

    /// A fault of the store (exit code 74).
    fn trouble(&self, doing: &str, fault: impl std::error::Error + 'static) -> Error {
        let mut text = fault.to_string();
        let mut inner: Option<&(dyn std::error::Error + 'static)> = Some(&fault);
        let mut full = false;
        while let Some(one) = inner {
            let kind = one.downcast_ref::<io::Error>().map(io::Error::kind);
            full |= matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded));
            inner = one.source();
        }
        text.truncate(text.floor_char_boundary(300));
        let remedy = match () {
            () if full => "the disk is full: free some space",
            () if text.contains(METADATA_SERVICE) => {
                "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY \
                 (profiles are not read)"
            }
            () => "check that it is there, and who may write to it",
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

/// What lies in a folder, by name, and whether it is a folder or a file; without what a file system
/// keeps there for itself.
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

async fn parts(
    spooled: tokio::fs::File,
    upload: &mut dyn object_store::MultipartUpload,
) -> object_store::Result<()> {
    let generic =
        |source: io::Error| object_store::Error::Generic { store: "S3", source: source.into() };
    let mut spooled = spooled;
    spooled.rewind().await.map_err(generic)?;
    loop {
        let mut part = Vec::with_capacity(PART);
        (&mut spooled).take(PART as u64).read_to_end(&mut part).await.map_err(generic)?;
        if part.is_empty() {
            return Ok(());
        }
        upload.put_part(part.into()).await?;
    }
}

/// A body as it comes: hashed on the way, in memory while it is small.
pub struct Spool {
    workspace: Arc<Workspace>,
    /// All of it, or its first bytes once there is a file.
    head: Vec<u8>,
    rest: Option<(tokio::fs::File, Option<PathBuf>)>,
    hash: Sha256,
    len: u64,
}

impl Spool {
    /// Nothing yet.
    pub fn new(workspace: &Arc<Workspace>) -> Self {
        let workspace = workspace.clone();
        Self { workspace, head: vec![], rest: None, hash: Sha256::new(), len: 0 }
    }

    /// So many bytes are said to come.
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

    /// Ends the writing; faults that came late show here.
    pub async fn finish(&mut self) -> io::Result<()> {
        match &mut self.rest {
            Some((file, _)) => file.flush().await,
            None => Ok(()),
        }
    }

    /// Its size so far, in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing has come.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its first bytes.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Its SHA-256 so far, in hex.
    pub fn sha256(&self) -> String {
        hex(&self.hash.clone().finalize())
    }

    /// What of it is in memory, in bytes.
    pub fn in_memory(&self) -> usize {
        self.head.len()
    }

    /// Whether all of it is.
    pub fn is_in_memory(&self) -> bool {
        self.rest.is_none()
    }

    async fn into_folder(mut self, target: PathBuf) -> io::Result<()> {
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
