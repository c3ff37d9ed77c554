//! `copy`: copies everything to another database, so moving from SQLite to PostgreSQL takes one command.

use clap::Args;

use super::{context::Context, output::note};
use crate::{
    error::Result,
    store::{Location, copy::copy},
    words::number,
};

/// Copy a whole database into an empty one: SQLite to PostgreSQL, or back
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  heygen-sync copy --from heygen.db --to postgres://heygen@db.example.org/heygen
  heygen-sync copy --from postgres://heygen@db.example.org/heygen --to heygen.db

The password may be left out of the URL: PGPASSWORD and ~/.pgpass are read.
Stop all polls first: what they write to the source after that is not copied.")]
pub struct Copy {
    /// The source: a file (SQLite) or a postgres:// URL
    #[arg(long, value_name = "URL")]
    from: String,
    /// The target: a new file, or an empty PostgreSQL database or schema
    #[arg(long, value_name = "URL")]
    to: String,
}

impl Copy {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let (from, to) = (Location::parse(&self.from)?, Location::parse(&self.to)?);
        let copied = copy(&from, &to, context.clock.now()).await?;
        if !context.quiet {
            let tables = copied.iter().filter(|(_, rows)| *rows > 0);
            let tables = tables.map(|(name, rows)| format!("{name} {}", number(*rows)));
            let tables: Vec<String> = tables.collect();
            note(format_args!("Copied {from} to {to}; rows: {}.", tables.join(", ")));
        }
        Ok(0)
    }
}
