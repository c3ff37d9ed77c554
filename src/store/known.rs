//! The accounts and items that the database contains.

use super::{conn::Row, open::Store, registry::register, row::good, statements};
use crate::{
    catalog::kind::Kind,
    error::{Error, Result},
};

register! {
    /// Whether any poll of an account did not fail, and whether any requested the API: (account).
    const HISTORY = concat!("SELECT \
         EXISTS (SELECT 1 FROM polls WHERE account = $1 AND ", good!(), "), \
         EXISTS (SELECT 1 FROM polls WHERE account = $1 AND trigger <> 'file')");

    /// Every id ever seen, with one of its names.
    fn named(kind: Kind) {
        let (table, id, name) = (kind.table, kind.id, kind.label);
        format!(
            "SELECT {id} AS id, max({name}) AS name FROM {table} GROUP BY {id} ORDER BY {id}"
        )
    }
}

impl Store {
    /// Fails if the account was never polled.
    ///
    /// # Errors
    /// [`crate::error::Kind::Usage`].
    pub async fn expect_account(&mut self, account: &str) -> Result<()> {
        match self.knows_account(account).await? {
            true => Ok(()),
            false => Err(no_account(account, &self.account_names().await?)),
        }
    }

    /// Returns the accounts that were ever polled, ordered by name.
    pub async fn account_names(&mut self) -> Result<Vec<String>> {
        self.all(statements::ACCOUNTS, &[], |row| row.some_text(0)).await
    }

    /// Whether the account was ever polled.
    pub async fn knows_account(&mut self, account: &str) -> Result<bool> {
        Ok(self.one(statements::ACCOUNT, &[account.into()], |_| Ok(())).await?.is_some())
    }

    /// Returns the accounts with a poll that did not fail, ordered by name, each with whether it was ever
    /// polled from the API.
    pub async fn accounts_with_history(&mut self) -> Result<Vec<(String, bool)>> {
        let mut all = vec![];
        for account in self.account_names().await? {
            let flags = |row: &Row| Ok((row.some_bool(0)?, row.some_bool(1)?));
            let history = self.one(HISTORY, &[account.as_str().into()], flags).await?;
            if let Some((true, from_api)) = history {
                all.push((account, from_api));
            }
        }
        Ok(all)
    }

    /// Returns every item ever listed.
    pub async fn items(&mut self) -> Result<Vec<NamedItem>> {
        let mut all = vec![];
        for kind in Kind::ALL {
            let item = |row: &Row| {
                Ok(NamedItem { kind, id: row.some_text("id")?, name: row.text("name")? })
            };
            all.extend(self.all(named(kind), &[], item).await?);
        }
        Ok(all)
    }
}

/// The kind, id and name of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedItem {
    /// The kind.
    pub kind: Kind,
    /// The id.
    pub id: String,
    /// Its name in an account.
    pub name: Option<String>,
}

/// Returns the error for an account that was never polled, with the names of those that were.
fn no_account(account: &str, known: &[String]) -> Error {
    let known = match known {
        [] => "nothing was polled yet".to_owned(),
        names => format!("known: {}", names.join(", ")),
    };
    Error::usage(format!("there is no account '{account}' in the database ({known})"))
}
