//! The `git` program: which commits touched a file, and what the file said in each of them.
//!
//! It only reads a repository on this machine, by commands that run nothing that the repository's
//! configuration names and ask no other machine. It does not know what the file is about.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::{
    error::{Error, Result},
    time::Timestamp,
};

/// What would lead git to another repository than the one that is named.
const ELSEWHERE: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
];

/// A repository: a working copy, a folder in it, or a bare one.
#[derive(Clone, Debug)]
pub struct Repository {
    folder: PathBuf,
    name: String,
}

/// A commit that touched the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its whole name, in hex.
    pub id: String,
    /// The committer's date.
    pub at: Timestamp,
}

impl Repository {
    /// The repository in `folder`.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] where there is no program `git`,
    /// [`crate::error::Kind::Storage`] where there is no repository that it reads.
    pub async fn open(folder: &Path) -> Result<Self> {
        if folder.to_str().is_some_and(|text| text.contains("://")) {
            return Err(Error::usage("a repository is a folder on this machine: clone it first"));
        }
        let real = folder.canonicalize().map_err(|fault| {
            Error::storage(format!("cannot read the repository {}: {fault}", folder.display()))
        })?;
        let repository = Self { name: name(&real), folder: real };
        repository.asked(&["rev-parse", "--git-dir"]).await?;
        Ok(repository)
    }

    /// The last part of the folder's name, without `.git`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether older commits were left out when it was cloned.
    pub async fn is_shallow(&self) -> Result<bool> {
        Ok(self.asked(&["rev-parse", "--is-shallow-repository"]).await?.starts_with(b"true"))
    }

    /// The commits that touched the file at `path`, oldest first, along the first parents of what
    /// is checked out; `path` as git names it, from the repository's top.
    ///
    /// # Errors
    /// [`crate::error::Kind::Storage`] for what git cannot read.
    pub async fn commits(&self, path: &str) -> Result<Vec<Commit>> {
        let path = format!(":(top,literal){path}");
        let ask = ["rev-list", "--first-parent", "--timestamp", "HEAD", "--", &path];
        let told = String::from_utf8_lossy(&self.asked(&ask).await?).into_owned();
        let commits: Option<Vec<Commit>> = told.lines().rev().map(commit).collect();
        commits.ok_or_else(|| self.trouble("what rev-list told is not understood"))
    }

    /// What the file said in a commit; `None` where there was no such file.
    ///
    /// # Errors
    /// [`crate::error::Kind::Storage`] for what git cannot read.
    pub async fn file(&self, commit: &Commit, path: &str) -> Result<Option<Vec<u8>>> {
        let place = format!("{}:{path}", commit.id);
        let told = self.run(&["cat-file", "blob", &place]).await?;
        if told.status.success() {
            return Ok(Some(told.stdout));
        }
        let found = self.run(&["rev-parse", "--verify", "--quiet", &place]).await?;
        let kind = self.run(&["cat-file", "-t", &place]).await?.stdout;
        let is_other = !kind.is_empty() && !kind.starts_with(b"blob");
        match !found.status.success() || is_other {
            true => Ok(None),
            false => Err(self.failed(&told)),
        }
    }

    async fn asked(&self, args: &[&str]) -> Result<Vec<u8>> {
        let told = self.run(args).await?;
        if told.status.success() { Ok(told.stdout) } else { Err(self.failed(&told)) }
    }

    async fn run(&self, args: &[&str]) -> Result<Output> {
        let mut command = Command::new("git");
        command.arg("--no-pager").arg("-C").arg(&self.folder).args(args.iter().map(OsStr::new));
        for name in ELSEWHERE {
            command.env_remove(name);
        }
        command
            .env("LC_ALL", "C")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::null());
        let ran = tokio::task::spawn_blocking(move || command.output()).await;
        ran.map_err(Error::unforeseen)?.map_err(|fault| match fault.kind() {
            io::ErrorKind::NotFound => Error::config(
                "there is no program `git` on this machine's PATH: install it, then run again",
            ),
            _ => self.trouble(&fault.to_string()),
        })
    }

    fn failed(&self, told: &Output) -> Error {
        let said = String::from_utf8_lossy(&told.stderr);
        let line = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no word");
        // An address may hold a password.
        let line = if line.contains("://") { "it speaks of another machine" } else { line };
        self.trouble(line.get(..line.floor_char_boundary(300)).unwrap_or_default())
    }

    fn trouble(&self, why: &str) -> Error {
        Error::storage(format!("git cannot read the repository {}: {why}", self.folder.display()))
    }
}

fn name(folder: &Path) -> String {
    let last = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = last(folder).filter(|name| name != ".git");
    let name = name.or_else(|| last(folder.parent()?)).unwrap_or_else(|| "repository".into());
    name.strip_suffix(".git").map(str::to_owned).unwrap_or(name)
}

/// `1764000000 0123abc…`.
fn commit(line: &str) -> Option<Commit> {
    let (seconds, id) = line.split_once(' ')?;
    let seconds: i64 = seconds.parse().ok()?;
    let at = Timestamp::from_millis(seconds.saturating_mul(1000));
    id.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| Commit { id: id.to_owned(), at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_called_by_its_folder() {
        for (folder, expected) in [
            ("/a/data", "data"),
            ("/a/data.git", "data"),
            ("/a/data/.git", "data"),
            ("/", "repository"),
        ] {
            assert_eq!(name(Path::new(folder)), expected, "{folder}");
        }
    }

    #[test]
    fn what_rev_list_tells_is_read_and_nothing_else_is() {
        let read = commit("1764000000 0123abc").unwrap();
        assert_eq!(read.at.to_string(), "2025-11-24T16:00:00.000Z");
        for other in ["", "1764000000", "x 0123", "1764000000 xyz"] {
            assert_eq!(commit(other), None, "{other}");
        }
    }
}
