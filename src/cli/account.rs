//! `account rename`: another name for an account, everywhere.

use clap::{Args, Subcommand};

use super::{Context, output::note};
use crate::{config::check_account_name, error::Result, store::Store};

/// Manage accounts
#[derive(Debug, Args)]
pub struct Account {
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Debug, Subcommand)]
enum AccountCommand {
    /// Give an account another name, in all tables
    Rename {
        /// Its name now
        old: String,
        /// Its name from now on
        new: String,
    },
}

impl Account {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let AccountCommand::Rename { old, new } = self.command;
        check_account_name(&new)?;
        let (_, _, location) = context.config()?;
        // Reading first: a database that is not there must not be made for this, nor a lock for an
        // account that is not there.
        let mut store = Store::open_to_read(&location).await?;
        store.expect_account(&old).await?;
        store.close().await?;
        let mut store = Store::open_to_write(&location).await?;
        store.rename_account(&old, &new, context.clock.now()).await?;
        store.close().await?;
        if !context.quiet {
            note(format_args!(
                "Account '{old}' is now '{new}'; change the name in the configuration, too."
            ));
        }
        Ok(0)
    }
}
