//! Where configuration is looked for, handed in as one value so that tests need no process of
//! their own. What stands in the file is not known here.

use std::{
    fmt, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::Env;
use crate::error::{Error, Result};

/// All that configuration is read from.
#[derive(Debug)]
pub struct Sources {
    /// The flag `--config`: this file and no other.
    pub config: Option<PathBuf>,
    /// The flag `--database`: over everything.
    pub database: Option<String>,
    /// The environment.
    pub env: Env,
    /// What relative names start from; an empty path is the process's own working directory.
    pub working_dir: PathBuf,
    /// The machine's folder, `/etc/heygen-sync`.
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
    /// The process's own environment and folders, with the two flags.
    pub fn of_process(config: Option<PathBuf>, database: Option<String>) -> Self {
        Self {
            config,
            database,
            env: Env::of_process(),
            working_dir: PathBuf::new(),
            system_dir: PathBuf::from("/etc/heygen-sync"),
        }
    }

    /// The first configuration file there is, and its text; without any, an empty text.
    pub(super) fn find(&self) -> Result<(Origin, String)> {
        let named = self.env.get("HEYGEN_SYNC_CONFIG").map(PathBuf::from);
        for (path, by) in [(&self.config, "--config"), (&named, "HEYGEN_SYNC_CONFIG")] {
            if let Some(path) = path {
                let text = read(&self.working_dir.join(path))?.ok_or_else(|| {
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
            if let Some(text) = read(&path)? {
                return Ok((Origin::File(path), text));
            }
        }
        Ok((Origin::Defaults, String::new()))
    }

    /// The files that are looked for when none is named, in this order.
    fn usual_files(&self) -> Vec<PathBuf> {
        let absolute = |path: PathBuf| path.is_absolute().then_some(path);
        let variable = |name| self.env.get(name).map(PathBuf::from).and_then(absolute);
        let user = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")));
        let mut files = vec![self.working_dir.join("config.toml")];
        files.extend(user.map(|folder| folder.join("heygen-sync").join("config.toml")));
        files.push(self.system_dir.join("config.toml"));
        files
    }
}

/// The text of a file; `None` when there is no such file.
fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(Error::config(format!(
            "cannot read the configuration file '{}': {e}; mend it, or name another with --config",
            path.display()
        ))),
    }
}
