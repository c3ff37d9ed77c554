//! The row of a poll: the columns of `polls`. An archive stores it as JSON.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};

use super::{
    bulk::Bulk,
    conn::{Fault, Row},
    json_text::JsonText,
    record::{Listed, RowType, record},
};
use crate::{
    catalog::{
        catalogue::Catalogue,
        cell::Cell,
        column::Column,
        diff::{Accepted, Diff, OpenedBy, Policy},
        kind::Kind,
        seal::Line,
    },
    time::Timestamp,
    words::counted,
};

record! {
    /// A row of `polls`. The counts are `None` when the poll failed.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    pub struct PollRow {
        poll_id: i64 = "1, 2, 3 … without gaps, in commit order",
        account: String = "name of the account: what one API key sees" unsealed required,
        catalogue: String = "catalogue that was polled: avatars, avatar_groups or voices" required,
        trigger: String = "what started it: manual, schedule, file or refresh" required,
        api_version: Option<String> = "API version that was read: v2 or v3",
        source: Option<String> = "URL or file name that was read; no credentials",
        started_at: Option<Timestamp> = "start time" required,
        observed_at: Option<Timestamp> =
            "when the response was received, the time used in history; null if none",
        finished_at: Option<Timestamp> = "when it was ready to commit" required,
        outcome: String = "succeeded, held (removals were held) or failed" required,
        #[serde(flatten)]
        counts: Option<Counts> = "what was counted" record,
        held_reason: Option<String> = "why removals were held; null if none were",
        policy: Option<JsonText> =
            "JSON of the removal rules in force: after_polls, min_count, max_share, accepted",
        http_status: Option<i64> = "HTTP status of the response; null if none",
        request_id: Option<String> = "request id given by the API",
        response_bytes: Option<i64> = "size of the decoded body, in bytes",
        response_sha256: Option<String> = "SHA-256 of the decoded body, in hex",
        warning: Option<String> = "deprecation or sunset announced by the API",
        superseded: bool = "whether its API version no longer existed" required,
        error: Option<String> = "why it failed; null otherwise",
        host: Option<String> = "machine that ran it",
        tool_version: Option<String> = "version of this program",
        digest: Option<String> =
            "digest in the account's hash chain; null while polls are not sealed" unsealed,
    }
}

record! {
    /// The counts of a poll that did not fail.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Counts {
        #[serde(flatten, with = "by_kind")]
        listed: Listed = "distinct ids of each kind that was listed" record,
        added: i64 = "items added",
        changed: i64 = "items changed",
        removed: i64 = "items removed",
        restored: i64 = "removed items that were listed again",
        learned: i64 = "items with values that became known without having changed",
        missing: i64 = "items missing and not removed, after this poll",
        duplicates: i64 = "records that repeat an earlier id",
        rejected: i64 = "records that could not be read",
        held: i64 = "due removals that were held",
    }
}

impl RowType for Option<Counts> {
    fn columns(into: &mut Vec<Column>) {
        Counts::columns(into);
    }

    /// Returns `None` for a poll that failed, which has no counts.
    fn read(row: &Row) -> Result<Self, Fault> {
        row.int("added")?.map(|_| Counts::read(row)).transpose()
    }

    fn cells<'a>(&'a self, into: &mut Vec<Cell<'a>>) {
        match self {
            Some(counts) => counts.cells(into),
            None => into.extend(Counts::names().iter().map(|_| Cell::Null)),
        }
    }
}

impl Counts {
    /// The counts of a diff.
    pub fn of(diff: &Diff) -> Self {
        let opened = |by: OpenedBy| diff.sum(|list| list.count(by)) as i64;
        let mut listed = Listed::default();
        for list in &diff.lists {
            listed[list.kind.index()] = Some(list.listed as i64);
        }
        Self {
            listed,
            added: opened(OpenedBy::Added),
            changed: opened(OpenedBy::Changed),
            removed: diff.sum(|list| list.removed.len() as u64) as i64,
            restored: opened(OpenedBy::Restored),
            learned: opened(OpenedBy::Learned),
            missing: diff.sum(|list| list.missing) as i64,
            duplicates: diff.sum(|list| list.duplicates) as i64,
            rejected: diff.sum(|list| list.rejected) as i64,
            held: diff.held() as i64,
        }
    }

    /// Returns the number of distinct ids of a kind; 0 if it was not listed.
    pub fn listed(&self, kind: Kind) -> i64 {
        self.listed[kind.index()].unwrap_or(0)
    }

    /// Returns the listed kinds for people: "1,204 avatars, 1 talking photo".
    pub fn summary(&self) -> String {
        let listed = self.by_kind();
        let listed = listed.map(|(kind, count)| counted(count, kind.singular, kind.plural));
        listed.collect::<Vec<_>>().join(", ")
    }

    /// The kinds that were listed, each with the number of distinct ids.
    pub fn by_kind(&self) -> impl Iterator<Item = (Kind, i64)> {
        Kind::ALL.into_iter().filter_map(|kind| Some((kind, self.listed[kind.index()]?)))
    }
}

impl PollRow {
    /// The columns of `polls`, in order.
    pub fn columns() -> &'static [Column] {
        static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
            let mut columns = vec![];
            <PollRow as RowType>::columns(&mut columns);
            columns
        });
        &COLUMNS
    }

    /// Every column with its value, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static Column, Cell<'_>)> {
        Self::columns().iter().zip(self.row())
    }

    /// Returns the catalogue that the poll read.
    pub fn catalogue(&self) -> Catalogue {
        Catalogue::parse(&self.catalogue).unwrap_or_default()
    }

    /// Whether the poll failed; otherwise it is a good poll ([`GOOD`]).
    pub fn failed(&self) -> bool {
        self.outcome == "failed"
    }

    /// Returns the part of the row that its poll's digest covers: all but the account, which may be
    /// renamed, and the digest itself.
    pub fn line(&self) -> Line<'_> {
        let sealed = self.pairs().filter(|(column, _)| column.sealed);
        Line::new("poll", sealed.map(|(column, cell)| (column.name, cell)).collect())
    }

    /// Returns the row for an insert.
    pub(super) fn to_bulk(&self) -> Bulk<'_> {
        self.pairs().fold(Bulk::new(1), |bulk, (column, cell)| bulk.cell(column, cell))
    }
}

/// The condition of a good poll ([`GOOD`]), for `concat!`.
macro_rules! good {
    () => {
        "outcome <> 'failed'"
    };
}
pub(super) use good;

/// The SQL condition of a good poll, the reverse of [`PollRow::failed`]. The name of the table, if it needs
/// one, is put directly before it.
pub const GOOD: &str = good!();

/// Returns the value of `polls.policy`: `accepted` is null, a number, the name of a set of held removals or
/// `"all"`.
pub fn policy_json(policy: &Policy) -> JsonText {
    let Policy { after_polls, min_count, max_share, accepted } = policy;
    // Larger numbers have no exact form in canonical JSON.
    let number = |number: u64| number.min(i64::MAX as u64);
    let accepted: serde_json::Value = match accepted {
        Accepted::None => serde_json::Value::Null,
        Accepted::UpTo(most) => number(*most).into(),
        Accepted::Set(set) => set.to_string().into(),
        Accepted::All => "all".into(),
    };
    let json = serde_json::json!({
        "accepted": accepted,
        "after_polls": after_polls,
        "max_share": max_share,
        "min_count": number(*min_count),
    });
    JsonText::canonical(&json.to_string())
}

/// Reads what [`policy_json`] wrote; `None` for anything else.
pub fn policy_of(json: &str) -> Option<Policy> {
    let all: serde_json::Value = serde_json::from_str(json).ok()?;
    let accepted = match all.get("accepted")? {
        serde_json::Value::Null => Accepted::None,
        serde_json::Value::String(all) if all == "all" => Accepted::All,
        serde_json::Value::String(set) => Accepted::Set(set.parse().ok()?),
        most => Accepted::UpTo(most.as_u64()?),
    };
    Some(Policy {
        after_polls: u32::try_from(all.get("after_polls")?.as_u64()?).ok()?,
        min_count: all.get("min_count")?.as_u64()?,
        max_share: all.get("max_share")?.as_f64()?,
        accepted,
    })
}

/// The counts by kind as JSON: one key for each kind that was listed.
mod by_kind {
    use super::*;

    pub fn serialize<S: Serializer>(listed: &Listed, into: S) -> Result<S::Ok, S::Error> {
        let mut map = into.serialize_map(None)?;
        for kind in Kind::ALL {
            if let Some(count) = listed[kind.index()] {
                map.serialize_entry(kind.listed.name, &count)?;
            }
        }
        map.end()
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Listed, D::Error> {
        let map = serde_json::Map::deserialize(from)?;
        Ok(Kind::ALL.map(|kind| map.get(kind.listed.name).and_then(serde_json::Value::as_i64)))
    }
}
