//! The store of a test: a folder, or S3 on a folder.
#![allow(dead_code)] // Each test uses a part of it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use heygen_sync::mirror::Blobs;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use tempfile::TempDir;

/// A separate store.
pub struct Place {
    folder: TempDir,
    /// The value of `mirror.store`.
    pub store: String,
    /// The environment variables for it.
    pub aws: Vec<(String, String)>,
}

impl Place {
    /// Uses a folder that does not exist yet.
    pub fn folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store").display().to_string();
        Self { folder, store, aws: vec![] }
    }

    /// Uses a bucket with a prefix.
    pub fn s3() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bucket")).unwrap();
        let endpoint = serve(folder.path().to_owned());
        let aws = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test-secret"),
            ("AWS_REGION", "us-east-1"),
        ];
        let aws = aws.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { folder, store: "s3://bucket/previews".into(), aws }
    }

    pub fn blobs(&self) -> Arc<Blobs> {
        Arc::new(Blobs::new(&self.store, Path::new(""), self.aws.clone().into_iter()).unwrap())
    }

    /// Returns the folder that contains the contents.
    pub fn root(&self) -> PathBuf {
        match self.store.starts_with("s3") {
            true => self.folder.path().join("bucket/previews"),
            false => self.folder.path().join("store"),
        }
    }

    /// Returns all files of the store, including temporary ones, without those of the fake S3 itself.
    pub fn files(&self) -> Vec<String> {
        let mut files = vec![];
        walk(&self.root(), &mut files);
        let root = self.root();
        let name = |path: PathBuf| path.strip_prefix(&root).unwrap().display().to_string();
        let mut files: Vec<String> = files.into_iter().map(name).collect();
        files.retain(|file| file != "tmp/lock");
        files.sort();
        files
    }
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => walk(&path, into),
            path => into.push(path),
        }
    }
}

fn serve(folder: PathBuf) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
        service.set_auth(SimpleAuth::from_single("test", "test-secret"));
        let service = service.build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
    });
    endpoint
}
