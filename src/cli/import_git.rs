//! `import-git`: the commits of a file as polls, so that years of scraping become a history.

use std::{io::IsTerminal, path::PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Context, api::deadline};
use crate::{
    catalog::diff::Accepted,
    config::check_account_name,
    error::{Error, Result},
    git::{Commit, Repository},
    poll::import::{Import, Imported, import},
    store::Store,
    words::{counted, number},
};

/// Poll every version that a git repository has of a saved response
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  heygen-sync import-git ~/heygen-scrape avatars.json
  heygen-sync import-git ~/heygen-scrape data/list.json --account scraped --accept-removals

Each commit that touched the file is one poll, oldest first, observed at the committer's date. Run
it again after a pull: it goes on where it ended.")]
pub struct ImportGit {
    /// The repository: a folder on this machine
    #[arg(value_name = "REPO")]
    repository: PathBuf,
    /// The file in it, from its top, with /
    #[arg(value_name = "PATH")]
    path: String,
    /// Into this account
    #[arg(long, value_name = "NAME", default_value = "default")]
    account: String,
    /// Let held removals through, at most N of them in a commit if N is given
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true)]
    accept_removals: Option<Option<u64>>,
}

impl ImportGit {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        check_account_name(&self.account)?;
        let (config, _, location) = context.config()?;
        let archive = super::stores::configured_archive(&config, context)?;
        let repository = Repository::open(&self.repository).await?;
        let path = self.path.strip_prefix("./").unwrap_or(&self.path);
        let commits = self.commits(&repository, path).await?;
        let import_of = Import {
            account: &self.account,
            repository: &repository,
            path,
            removals: &config.removals,
            mirror: config.mirror.enabled,
            accepted: match self.accept_removals {
                None => Accepted::None,
                Some(None) => Accepted::All,
                Some(Some(most)) => Accepted::UpTo(most),
            },
            archive: archive.as_ref(),
            deadline: deadline(&config),
        };
        let mut store = Store::open_to_write(&location).await?;
        let bar = bar(commits.len(), context);
        let progress = || bar.iter().for_each(|bar| bar.inc(1));
        let imported = import(&mut store, &context.clock, &import_of, &commits, &progress).await;
        if let Some(bar) = &bar {
            bar.finish_and_clear();
        }
        let imported = imported?;
        store.close().await?;
        if !context.quiet {
            eprintln!("heygen-sync: {}", told(&imported, &commits, repository.name(), path));
        }
        Ok(exit_code(&imported))
    }

    async fn commits(&self, repository: &Repository, path: &str) -> Result<Vec<Commit>> {
        if repository.is_shallow().await? {
            tracing::error!(
                "the repository is a shallow clone, its older commits are lacking: \
                 git fetch --unshallow brings them"
            );
        }
        let commits = repository.commits(path).await?;
        if commits.is_empty() {
            return Err(Error::usage(format!(
                "no commit of {} has touched {path}: name the file from the repository's top",
                repository.name()
            )));
        }
        Ok(commits)
    }
}

/// As `sync`: held removals are told, and so is a file that never was a catalogue.
fn exit_code(imported: &Imported) -> u8 {
    match imported {
        Imported { polls, failed, .. } if *polls > 0 && polls == failed => 65,
        Imported { held, .. } if *held > 0 => 3,
        _ => 0,
    }
}

/// One line.
fn told(imported: &Imported, commits: &[Commit], name: &str, path: &str) -> String {
    let Imported { polls, failed, nudged, known, changes, held } = imported;
    let mut parts = vec![];
    let [added, changed, removed, restored] = changes.map(number);
    parts.push(format!("{added} added, {changed} changed, {removed} removed, {restored} restored"));
    for (count, what) in [
        (failed, "no catalogue and failed polls"),
        (nudged, "dated 1 ms after the one before, as their own date was not later"),
        (known, "imported before"),
    ] {
        if *count > 0 {
            parts.push(format!("{} {what}", number(*count)));
        }
    }
    if *held > 0 {
        parts.push(format!(
            "{} held (--accept-removals lets them through)",
            counted(*held, "removal is", "removals are")
        ));
    }
    let day = |commit: Option<&Commit>| {
        commit.map_or(String::new(), |commit| commit.at.to_string().chars().take(10).collect())
    };
    format!(
        "{name}:{path}: {} polled ({} to {}): {}",
        counted(*polls, "commit", "commits"),
        day(commits.first()),
        day(commits.last()),
        parts.join("; ")
    )
}

fn bar(commits: usize, context: &Context) -> Option<ProgressBar> {
    if context.quiet || !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::new(commits as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} commits, {eta} left") {
        bar.set_style(style);
    }
    Some(bar)
}
