//! The sources of the configuration, passed in as one value so that tests need no process of their
//! own. Does not know what the file contains.

use std::{
    fmt, fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::Env;
use crate::{
    error::{Error, Result},
    system::{self, HOME},
};

/// Everything that the configuration is read from.
#[derive(Debug)]
pub struct Sources {
    /// The flag `--config`: this file and no other.
    pub config: Option<PathBuf>,
    /// The flag `--database`: it overrides everything.
    pub database: Option<String>,
    /// The environment.
    pub env: Env,
    /// The folder of relative names; an empty path is the process's own working directory.
    pub working_dir: PathBuf,
    /// The system's folder, `/etc/heygen-sync` on Unix.
    pub system_dir: PathBuf,
}

/// Where the configuration came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// No file was found.
    Defaults,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Defaults => f.write_str("defaults"),
        }
    }
}

impl Sources {
    /// Returns the process's own environment and folders, with the two flags.
    pub fn of_process(config: Option<PathBuf>, database: Option<String>) -> Self {
        Self {
            config,
            database,
            env: Env::of_process(),
            working_dir: PathBuf::new(),
            system_dir: system::config_folder(),
        }
    }

    /// Returns the first configuration file that exists, and its text; if there is none, an empty text.
    pub(super) fn find(&self) -> Result<(Origin, String)> {
        let named = self.env.get("HEYGEN_SYNC_CONFIG").map(PathBuf::from);
        for (path, by) in [(&self.config, "--config"), (&named, "HEYGEN_SYNC_CONFIG")] {
            if let Some(path) = path {
                let text = read(&self.path(path)?)?.ok_or_else(|| {
                    let path = path.display();
                    Error::config(format!(
                        "there is no configuration file '{path}', which {by} names: \
                         correct the name or leave it out"
                    ))
                })?;
                return Ok((Origin::File(path.clone()), text));
            }
        }
        for path in self.usual_files() {
            if let Some(fault) = closed_folder(&path) {
                tracing::warn!("cannot look for '{}': {fault}", path.display());
            } else if let Some(text) = read(&path)? {
                return Ok((Origin::File(path), text));
            }
        }
        Ok((Origin::Defaults, String::new()))
    }

    /// Resolves a path of the configuration: `~/` at its start is the home folder, and a relative one
    /// starts from the working directory.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] for `~/` without a home folder.
    pub fn path(&self, path: &Path) -> Result<PathBuf> {
        let Ok(rest) = path.strip_prefix("~") else { return Ok(self.working_dir.join(path)) };
        match self.folder(HOME) {
            Some(home) if rest != Path::new("") => Ok(home.join(rest)),
            Some(_) => Ok(self.working_dir.join(path)),
            None => Err(Error::config(format!(
                "'{}': there is no home folder, because {HOME} is not set; give the full path",
                path.display()
            ))),
        }
    }

    /// Returns the folder that a variable names; only an absolute path counts.
    fn folder(&self, variable: &str) -> Option<PathBuf> {
        self.env.get(variable).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// Returns the files that are looked for if none is named, in this order.
    fn usual_files(&self) -> Vec<PathBuf> {
        let user = self.folder("XDG_CONFIG_HOME");
        let user = user.or_else(|| Some(self.folder(HOME)?.join(".config")));
        let mut files = vec![self.working_dir.join("config.toml")];
        files.extend(user.map(|folder| folder.join("heygen-sync").join("config.toml")));
        files.push(self.system_dir.join("config.toml"));
        files
    }
}

/// Returns why the folder of `path` cannot be searched, so that it is unknown whether the file exists.
fn closed_folder(path: &Path) -> Option<io::Error> {
    let fault = fs::symlink_metadata(path).err()?;
    (!is_absent(&fault)).then_some(fault)
}

fn is_absent(fault: &io::Error) -> bool {
    matches!(fault.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Returns the text of a file; `None` if there is no such file. A dangling link is an error: its
/// target may be on a volume that is not mounted.
fn read(path: &Path) -> Result<Option<String>> {
    let fault = match fs::read_to_string(path) {
        Ok(text) => return Ok(Some(text)),
        Err(fault) => fault,
    };
    let is_link = |path: &Path| path.is_symlink() && !path.exists();
    let why = match [Some(path), path.parent()].into_iter().flatten().find(|path| is_link(path)) {
        Some(link) => format!("'{}' is a broken link", link.display()),
        None if is_absent(&fault) => return Ok(None),
        None => fault.to_string(),
    };
    Err(Error::config(format!(
        "cannot read the configuration file '{}': {why}; repair it, or name another with --config",
        path.display()
    )))
}
