//! `replay`: rebuilds a database from an archive, and verifies that it is the same.

use clap::Args;

use super::{context::Context, output::note, progress, stores::archive};
use crate::{
    config::{Config, check_store},
    error::{Error, Result},
    poll::replay::{Replayed, replay},
    store::{Location, Store},
    words::{counted, number},
};

/// Rebuild a database from its archive
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  heygen-sync replay --to rebuilt.db                from the archive of config.toml
  heygen-sync replay --from s3://bucket/answers --to postgres://heygen@db.example.org/heygen

Items, versions, changes, schema changes, polls and digests are the same as before, or the replay
stops and names the poll that differs. Links are not replayed: the next sync adds them.")]
pub struct Replay {
    /// The target: a new file, or an empty PostgreSQL database or schema
    #[arg(long, value_name = "URL")]
    to: String,
    /// The archive, if not the configured one: a folder, or s3://bucket/prefix
    #[arg(long, value_name = "STORE")]
    from: Option<String>,
}

impl Replay {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let to = Location::parse(&self.to)?;
        let from = match self.from {
            Some(from) => check_store(&from).map(|()| from)?,
            None => Config::load(&context.sources)?.0.archive.store,
        };
        let archive = archive(&from, context)?;
        let envelopes = archive.envelopes().await?;
        let Some(last) = envelopes.last() else {
            return Err(Error::storage(format!(
                "there is no archive in {}; name it with --from, or keep one: set enabled = true \
                 under [archive] in config.toml",
                archive.shown()
            )));
        };
        let bar = progress::bar(context, "{bar:30} {pos}/{len} polls, {eta} left");
        bar.set_length(last.poll.row.poll_id.unsigned_abs());
        let show = |poll: i64| bar.set_position(poll.unsigned_abs());
        let mut store = Store::open_to_write(&to).await?;
        let replayed = replay(&mut store, &context.clock, &archive, &envelopes, &show).await;
        drop(bar);
        let Replayed { polls, failed } = replayed?;
        store.close().await?;
        if !context.quiet {
            note(format_args!(
                "Replayed {} ({} failed) from {} into {to}: every digest matches the recorded one. \
                 Links are not replayed; the next sync adds them.",
                counted(polls, "poll", "polls"),
                number(failed),
                archive.shown()
            ));
        }
        Ok(0)
    }
}
