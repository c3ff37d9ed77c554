//! The accounts and items that the database contains.

use super::{conn::Row, open::Store, statements};
use crate::{
    catalog::kind::Kind,
    error::{Error, Result},
};

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
    pub(super) async fn account_names(&mut self) -> Result<Vec<String>> {
        let rows = self.conn.rows(statements::ACCOUNTS, &[]).await;
        let names = rows.and_then(|rows| rows.iter().map(|row| row.some_text(0)).collect());
        names.map_err(|fault| self.storage_error("read", &fault))
    }

    /// Whether the account was ever polled.
    pub async fn knows_account(&mut self, account: &str) -> Result<bool> {
        let known = self.conn.row(statements::ACCOUNT, &[account.into()]).await;
        Ok(known.map_err(|fault| self.storage_error("read", &fault))?.is_some())
    }

    /// Returns the accounts with a poll that did not fail, ordered by name, each with whether it was ever
    /// polled from the API.
    pub async fn accounts_with_history(&mut self) -> Result<Vec<(String, bool)>> {
        let mut all = vec![];
        for account in self.account_names().await? {
            let row = self.conn.row(statements::HISTORY, &[account.as_str().into()]).await;
            let row = row.map_err(|fault| self.storage_error("read", &fault))?;
            let flag = |at| row.as_ref().is_some_and(|row| matches!(row.bool(at), Ok(Some(true))));
            let (good, from_api) = (flag(0), flag(1));
            if good {
                all.push((account, from_api));
            }
        }
        Ok(all)
    }

    /// Returns every item ever listed.
    pub async fn items(&mut self) -> Result<Vec<NamedItem>> {
        let mut all = vec![];
        for kind in Kind::ALL {
            let rows = self.conn.rows(statements::named(kind), &[]).await;
            let named = |row: &Row| {
                Ok(NamedItem { kind, id: row.some_text("id")?, name: row.text("name")? })
            };
            let items = rows.and_then(|rows| rows.iter().map(named).collect::<Result<Vec<_>, _>>());
            all.extend(items.map_err(|fault| self.storage_error("read", &fault))?);
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
