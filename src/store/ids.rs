//! Items by their ids, and candidates to use instead of one that is gone.

use std::collections::BTreeSet;

use super::{
    conn::{Arg, Conn, Engine, Fault, Row},
    json_text::JsonText,
    open::Store,
    record::RowType,
    registry::{Argument, register},
    row::{PollRow, good, policy_of},
    statements,
};
use crate::{
    catalog::{catalogue::Catalogue, json_out::json_texts, kind::Kind},
    error::Result,
    time::Timestamp,
};

/// The data that determine whether an item can be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The account.
    pub account: String,
    /// The kind.
    pub kind: Kind,
    /// The id.
    pub id: String,
    /// Its last known name.
    pub name: Option<String>,
    /// Its last known status.
    pub status: Option<String>,
    /// The engines of the API that it supports, as a JSON array.
    pub supported_api_engines: Option<JsonText>,
    /// The id of its avatar group.
    pub group_id: Option<String>,
    /// Since when it is no longer listed.
    pub missing_since: Option<Timestamp>,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
}

/// A listed item that may be used instead of another of the same group or name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The account.
    pub account: String,
    /// The kind.
    pub kind: Kind,
    /// The group or name that both have in common.
    pub common: String,
    /// The id.
    pub id: String,
}

/// What the items of a group or of a name have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Common {
    /// The avatar group.
    Group,
    /// The name.
    Name,
}

impl Argument for Common {
    fn all(_: Engine) -> Vec<Self> {
        vec![Self::Group, Self::Name]
    }
}

/// Returns the column of a field, or a NULL text for a kind without this field.
fn column_or_null(kind: Kind, column: &'static str) -> &'static str {
    if kind.column(column).is_some() { column } else { "CAST(NULL AS TEXT)" }
}

register! {
    /// The items with these ids: (ids as a JSON array).
    fn of_ids(engine: Engine, kind: Kind) {
        let (table, id, name) = (kind.table, kind.id, kind.label);
        let [status, engines, group] =
            ["status", "supported_api_engines", "group_id"].map(|column| column_or_null(kind, column));
        let ids = engine.each_string("$1");
        // The condition on the accounts makes the engine use the primary key.
        format!(
            "SELECT account, {id}, {name} AS name, {status} AS status, {engines} AS engines, \
             {group} AS of_group, missing_since, removed_at FROM {table} \
             WHERE account IN (SELECT a.account FROM accounts AS a) \
             AND {id} IN (SELECT t.value FROM {ids}) ORDER BY account, {id}"
        )
    }

    /// Every id of a kind that was ever seen.
    fn every_id(kind: Kind) {
        format!("SELECT {} FROM {}", kind.id, kind.table)
    }

    /// The usable items with one of these groups or names: (groups or names as a JSON array). For a kind
    /// without groups, no item has one of the groups.
    fn candidates(engine: Engine, kind: Kind, common: Common) {
        let column = match common {
            Common::Group => column_or_null(kind, "group_id"),
            Common::Name => kind.label,
        };
        // The indexes of groups and names contain their beginnings.
        let [head, of_value] = [column, "t.value"].map(|text| match common {
            Common::Group => format!("substr({text}, 1, 200)"),
            Common::Name => engine.head(text),
        });
        let (table, id, name) = (kind.table, kind.id, kind.label);
        let ready = match kind.column("status") {
            Some(_) => " AND (status IS NULL OR status = 'completed')",
            None => "",
        };
        let wanted = engine.each_string("$1");
        format!(
            "SELECT account, {column} AS common, {id} FROM {table} \
             WHERE account IN (SELECT a.account FROM accounts AS a) AND {column} IS NOT NULL \
             AND removed_at IS NULL AND missing_since IS NULL{ready} \
             AND {head} IN (SELECT {of_value} FROM {wanted}) \
             AND {column} IN (SELECT t.value FROM {wanted}) ORDER BY {name}, {id}"
        )
    }

    /// The latest `missing_since` with which a removal is due at a good poll: (account, catalogue,
    /// observed_at of that poll, how many polls before it count).
    const DUE_UNTIL = concat!("SELECT observed_at FROM polls WHERE account = $1 AND catalogue = $2 \
         AND ", good!(), " AND observed_at <= $3 ORDER BY observed_at DESC LIMIT 1 OFFSET $4");
}

impl Store {
    /// Returns the items with these ids, ordered by kind and account.
    pub async fn known(&mut self, ids: &BTreeSet<&str>, kinds: &[Kind]) -> Result<Vec<Known>> {
        let wanted = json_texts(without_nul(ids));
        let engine = self.conn.engine();
        let mut all = vec![];
        for kind in kinds {
            let args = [Arg::Json(Some(wanted.as_str().into()))];
            let known = self.all(of_ids(engine, *kind), &args, |row| read_known(row, *kind));
            all.extend(known.await?);
        }
        Ok(all)
    }

    /// Returns every id of these kinds that was ever seen.
    pub async fn every_id(&mut self, kinds: &[Kind]) -> Result<BTreeSet<String>> {
        let mut all = BTreeSet::new();
        for kind in kinds {
            all.extend(self.all(every_id(*kind), &[], |row| row.some_text(0)).await?);
        }
        Ok(all)
    }

    /// Returns the usable items with one of these groups or names, ordered by name and id within each kind.
    pub async fn candidates(
        &mut self,
        common: Common,
        values: &BTreeSet<&str>,
    ) -> Result<Vec<Candidate>> {
        let wanted = json_texts(without_nul(values));
        let engine = self.conn.engine();
        let mut all = vec![];
        for kind in Kind::ALL {
            let args = [Arg::Json(Some(wanted.as_str().into()))];
            let found = self.all(candidates(engine, kind, common), &args, |row| {
                let (account, common) = (row.some_text("account")?, row.some_text("common")?);
                Ok(Candidate { account, kind, common, id: row.some_text(kind.id)? })
            });
            all.extend(found.await?);
        }
        Ok(all)
    }

    /// Returns the last good poll of each catalogue of each account.
    pub async fn last_good_polls(&mut self) -> Result<Vec<PollRow>> {
        let mut all = vec![];
        for account in self.account_names().await? {
            for catalogue in Catalogue::ALL {
                let args = [account.as_str().into(), catalogue.as_str().into()];
                all.extend(self.one(statements::last_good_poll(), &args, PollRow::read).await?);
            }
        }
        Ok(all)
    }

    /// Returns the latest `missing_since` with which a removal is due at `poll`; `None` if no removal can
    /// be due.
    pub async fn due_until(&mut self, poll: &PollRow) -> Result<Option<Timestamp>> {
        let read = due_until(&mut self.conn, poll).await;
        read.map_err(|fault| self.storage_error("read", &fault))
    }
}

fn read_known(row: &Row, kind: Kind) -> Result<Known, Fault> {
    // For a kind without this column the statement selects a NULL text.
    let engines = match kind.column("supported_api_engines") {
        Some(_) => row.json_text("engines")?,
        None => None,
    };
    Ok(Known {
        account: row.some_text("account")?,
        kind,
        id: row.some_text(kind.id)?,
        name: row.text("name")?,
        status: row.text("status")?,
        supported_api_engines: engines,
        group_id: row.text("of_group")?,
        missing_since: row.time("missing_since")?,
        removed_at: row.time("removed_at")?,
    })
}

pub(super) async fn due_until(conn: &mut Conn, poll: &PollRow) -> Result<Option<Timestamp>, Fault> {
    let policy = poll.policy.as_ref().and_then(|policy| policy_of(&policy.0));
    let (Some(policy), Some(observed_at)) = (policy, poll.observed_at) else { return Ok(None) };
    let before = i64::from(policy.after_polls.max(1)) - 1;
    let of = poll.catalogue().as_str();
    let args = [poll.account.as_str().into(), of.into(), observed_at.into(), before.into()];
    Ok(conn.one(DUE_UNTIL, &args, |row| row.time(0)).await?.flatten())
}

/// Leaves out values with a NUL: no value in the database contains one, and PostgreSQL rejects them.
fn without_nul<'a>(values: &'a BTreeSet<&str>) -> impl Iterator<Item = &'a &'a str> {
    values.iter().filter(|value| !value.contains('\0'))
}
