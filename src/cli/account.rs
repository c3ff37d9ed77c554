//! `account rename`: renames an account in all tables. Also refuses a new history for an account that
//! was only renamed in the configuration.

use clap::{Args, Subcommand};

use super::{context::Context, output::note};
use crate::{
    config::{Config, check_account_name},
    error::{Error, Result},
    store::Store,
    words::shell_words,
};

/// Manage accounts
#[derive(Debug, Args)]
pub struct AccountArgs {
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Debug, Subcommand)]
enum AccountCommand {
    /// Rename an account in all tables
    Rename {
        /// The current name
        old: String,
        /// The new name
        new: String,
    },
}

impl AccountArgs {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let AccountCommand::Rename { old, new } = self.command;
        check_account_name(&new)?;
        if old == new {
            return Err(Error::usage(format!("the account is called '{old}' already")));
        }
        let location = context.location()?;
        // Read first: this must not create a missing database, nor a lock for an account that does
        // not exist.
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

/// Fails (exit code 78) if a configured account was never polled while an account that is no longer
/// configured has a history: most likely the account was renamed in the configuration.
pub(super) async fn expect_no_orphan(
    store: &mut Store,
    account: &str,
    config: &Config,
    context: &Context,
) -> Result<()> {
    let configured = config.account_names();
    if !configured.iter().any(|name| name == account) || store.knows_account(account).await? {
        return Ok(());
    }
    // An account other than `default` that was only ever read from files was never configured.
    let was_configured = |(name, from_api): &(String, bool)| *from_api || name == "default";
    let histories = store.accounts_with_history().await?.into_iter();
    let orphans = histories.filter(was_configured).map(|(name, _)| name);
    let orphans: Vec<String> = orphans.filter(|name| !configured.contains(name)).collect();
    let Some(orphan) = orphans.first() else { return Ok(()) };
    let command =
        |words: &[&str]| format!("{} {}", context.program(), shell_words(words.iter().copied()));
    let are = if orphans.len() == 1 { "has a history but is" } else { "have a history but are" };
    Err(Error::config(format!(
        "account '{account}' was never polled, and '{}' {are} no longer configured. To continue \
         that history: {}\nTo begin another one for '{account}': {}",
        orphans.join("', '"),
        command(&["account", "rename", orphan, account]),
        command(&["sync", "--new-account", "--account", account])
    )))
}
