//! The row of a poll: what `polls` says, failed or not. As JSON it is what an archive keeps.

use serde::{Deserialize, Serialize};

use super::{
    bulk::{Bulk, Column},
    conn::{Arg, Fault, Row},
};
use crate::{
    catalog::{
        diff::{Accepted, Diff, OpenedBy, Policy},
        seal::{Cell, Line},
        value::{Value, write_json_object},
    },
    time::Timestamp,
};

/// A row of `polls`. The counts are `None` when the poll failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PollRow {
    /// 1, 2, 3 … in the order of commits; 0 until it is written.
    pub poll_id: i64,
    /// The account.
    pub account: String,
    /// `manual`, `schedule`, `file` or `refresh`.
    pub trigger: String,
    /// The version of the API that was read.
    pub api_version: Option<String>,
    /// URL or file name, without credentials.
    pub source: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When the answer had been received; `None` when there was none.
    pub observed_at: Option<Timestamp>,
    /// When it was ready to commit.
    pub finished_at: Option<Timestamp>,
    /// `succeeded`, `held` or `failed`.
    pub outcome: String,
    /// What was counted.
    #[serde(flatten)]
    pub counts: Option<Counts>,
    /// Why removals were held back.
    pub held_reason: Option<String>,
    /// The removal rules in force, as canonical JSON.
    #[serde(with = "json")]
    pub policy: Option<String>,
    /// HTTP status of the answer.
    pub http_status: Option<i64>,
    /// The API's own name for the request.
    pub request_id: Option<String>,
    /// Size of the decoded body, in bytes.
    pub response_bytes: Option<i64>,
    /// SHA-256 of the decoded body, in lower-case hex.
    pub response_sha256: Option<String>,
    /// The API's own notice of deprecation or sunset.
    pub warning: Option<String>,
    /// Whether it found its version of the API gone.
    pub superseded: bool,
    /// Why it failed.
    pub error: Option<String>,
    /// The machine that ran it.
    pub host: Option<String>,
    /// The version of this program.
    pub tool_version: Option<String>,
    /// Its link in the account's chain of seals.
    pub digest: Option<String>,
}

/// What a poll that did not fail counted, in the order of the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Distinct avatar ids.
    pub avatars_listed: i64,
    /// Distinct talking-photo ids.
    pub talking_photos_listed: i64,
    /// Items never seen before.
    pub added: i64,
    /// Items of which a carried value differs.
    pub changed: i64,
    /// Items removed.
    pub removed: i64,
    /// Removed items listed again.
    pub restored: i64,
    /// Items of which something was only learned.
    pub learned: i64,
    /// Items missing and not removed, after the poll.
    pub missing: i64,
    /// Records beyond the first of their id.
    pub duplicates: i64,
    /// Records that could not be read.
    pub rejected: i64,
    /// Removals that are due and held back.
    pub held: i64,
}

impl Counts {
    /// The counts of a diff.
    pub fn of(diff: &Diff) -> Self {
        let opened = |by: OpenedBy| diff.sum(|list| list.count(by)) as i64;
        Self {
            avatars_listed: diff.avatars.listed as i64,
            talking_photos_listed: diff.talking_photos.listed as i64,
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

    /// Each column's name and value, in the table's order.
    pub fn columns(&self) -> [(&'static str, i64); 11] {
        let Self {
            avatars_listed,
            talking_photos_listed,
            added,
            changed,
            removed,
            restored,
            learned,
            missing,
            duplicates,
            rejected,
            held,
        } = *self;
        [
            ("avatars_listed", avatars_listed),
            ("talking_photos_listed", talking_photos_listed),
            ("added", added),
            ("changed", changed),
            ("removed", removed),
            ("restored", restored),
            ("learned", learned),
            ("missing", missing),
            ("duplicates", duplicates),
            ("rejected", rejected),
            ("held", held),
        ]
    }

    fn read(row: &Row, at: usize) -> Result<Option<Self>, Fault> {
        let mut counts = [0; 11];
        for (offset, count) in counts.iter_mut().enumerate() {
            match row.int(at + offset)? {
                Some(number) => *count = number,
                None => return Ok(None),
            }
        }
        let [
            avatars_listed,
            talking_photos_listed,
            added,
            changed,
            removed,
            restored,
            learned,
            missing,
            duplicates,
            rejected,
            held,
        ] = counts;
        Ok(Some(Self {
            avatars_listed,
            talking_photos_listed,
            added,
            changed,
            removed,
            restored,
            learned,
            missing,
            duplicates,
            rejected,
            held,
        }))
    }
}

impl PollRow {
    /// Whether the poll failed.
    pub fn failed(&self) -> bool {
        self.outcome == "failed"
    }

    /// Reads a row of all columns of `polls`, in the table's order, from column `at`.
    pub fn read(row: &Row, at: usize) -> Result<Self, Fault> {
        Ok(Self {
            poll_id: row.some_int(at)?,
            account: row.some_text(at + 1)?,
            trigger: row.some_text(at + 2)?,
            api_version: row.text(at + 3)?,
            source: row.text(at + 4)?,
            started_at: row.time(at + 5)?,
            observed_at: row.time(at + 6)?,
            finished_at: row.time(at + 7)?,
            outcome: row.some_text(at + 8)?,
            counts: Counts::read(row, at + 9)?,
            held_reason: row.text(at + 20)?,
            policy: row.json(at + 21)?.map(|json| canonical(&json)),
            http_status: row.int(at + 22)?,
            request_id: row.text(at + 23)?,
            response_bytes: row.int(at + 24)?,
            response_sha256: row.text(at + 25)?,
            warning: row.text(at + 26)?,
            superseded: row.bool(at + 27)?.unwrap_or(false),
            error: row.text(at + 28)?,
            host: row.text(at + 29)?,
            tool_version: row.text(at + 30)?,
            digest: row.text(at + 31)?,
        })
    }

    /// The row as its poll's digest seals it: all but the account, which may be renamed, and the
    /// digest itself.
    pub fn line(&self) -> Line<'_> {
        let Self {
            poll_id,
            account: _,
            trigger,
            api_version,
            source,
            started_at,
            observed_at,
            finished_at,
            outcome,
            counts,
            held_reason,
            policy,
            http_status,
            request_id,
            response_bytes,
            response_sha256,
            warning,
            superseded,
            error,
            host,
            tool_version,
            digest: _,
        } = self;
        let mut cells = vec![
            ("poll_id", Cell::Int(*poll_id)),
            ("trigger", Cell::text(trigger)),
            ("api_version", Cell::from(api_version)),
            ("source", Cell::from(source)),
            ("started_at", Cell::from(*started_at)),
            ("observed_at", Cell::from(*observed_at)),
            ("finished_at", Cell::from(*finished_at)),
            ("outcome", Cell::text(outcome)),
            ("held_reason", Cell::from(held_reason)),
            ("policy", policy.as_deref().map_or(Cell::Null, Cell::json)),
            ("http_status", http_status.map_or(Cell::Null, Cell::Int)),
            ("request_id", Cell::from(request_id)),
            ("response_bytes", response_bytes.map_or(Cell::Null, Cell::Int)),
            ("response_sha256", Cell::from(response_sha256)),
            ("warning", Cell::from(warning)),
            ("superseded", Cell::Bool(*superseded)),
            ("error", Cell::from(error)),
            ("host", Cell::from(host)),
            ("tool_version", Cell::from(tool_version)),
        ];
        let counts = counts.iter().flat_map(Counts::columns);
        cells.extend(counts.map(|(name, count)| (name, Cell::Int(count))));
        Line::new("poll", cells)
    }

    /// The row as one row to insert.
    pub(super) fn to_bulk(&self) -> Bulk<'_> {
        let text = |text: &'_ Option<String>| Arg::Text(text.clone().map(Into::into));
        let mut bulk = Bulk::new(1)
            .column("poll_id", Column::Int(vec![Some(self.poll_id)]))
            .all("account", self.account.as_str())
            .all("trigger", self.trigger.as_str())
            .all("api_version", text(&self.api_version))
            .all("source", text(&self.source))
            .all("started_at", self.started_at)
            .all("observed_at", self.observed_at)
            .all("finished_at", self.finished_at)
            .all("outcome", self.outcome.as_str());
        for (name, count) in Counts::default().columns() {
            let known = self.counts.map(|counts| counts.columns());
            let value = known.and_then(|all| all.iter().find(|(n, _)| *n == name).map(|(_, v)| *v));
            bulk = bulk.all(name, value.or(self.counts.map(|_| count)));
        }
        bulk.all("held_reason", text(&self.held_reason))
            .all("policy", Arg::Json(self.policy.as_deref().map(Into::into)))
            .all("http_status", self.http_status)
            .all("request_id", text(&self.request_id))
            .all("response_bytes", self.response_bytes)
            .all("response_sha256", text(&self.response_sha256))
            .all("warning", text(&self.warning))
            .all("superseded", Arg::Bool(Some(self.superseded)))
            .all("error", text(&self.error))
            .all("host", text(&self.host))
            .all("tool_version", text(&self.tool_version))
            .all("digest", text(&self.digest))
    }
}

/// The rules as `polls.policy` keeps them: `accepted` is null, a number or `"all"`.
pub fn policy_json(policy: &Policy) -> String {
    let Policy { after_polls, min_count, max_share, accepted } = policy;
    let number = |number: u64| Value::int(i64::try_from(number).unwrap_or(i64::MAX));
    let accepted = match accepted {
        Accepted::None => Value::NULL,
        Accepted::UpTo(most) => number(*most),
        Accepted::All => Value::text("all"),
    };
    // By way of its text, so that 1.0 is the number 1 like everywhere.
    let max_share = format!("{max_share:e}");
    let max_share = Value::decode(&max_share, 1).unwrap_or(Value::NULL);
    let pairs = [
        ("accepted", accepted),
        ("after_polls", number(u64::from(*after_polls))),
        ("max_share", max_share),
        ("min_count", number(*min_count)),
    ];
    let mut out = String::new();
    write_json_object(pairs.iter().map(|(name, value)| (*name, value)), &mut out);
    out
}

/// Reads what [`policy_json`] wrote; `None` for anything else.
pub fn policy_of(json: &str) -> Option<Policy> {
    let all: serde_json::Value = serde_json::from_str(json).ok()?;
    let accepted = match all.get("accepted")? {
        serde_json::Value::Null => Accepted::None,
        serde_json::Value::String(all) if all == "all" => Accepted::All,
        most => Accepted::UpTo(most.as_u64()?),
    };
    Some(Policy {
        after_polls: u32::try_from(all.get("after_polls")?.as_u64()?).ok()?,
        min_count: all.get("min_count")?.as_u64()?,
        max_share: all.get("max_share")?.as_f64()?,
        accepted,
    })
}

/// JSON that is kept as its text, as a part of other JSON.
mod json {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::Error};
    use serde_json::Value;

    pub fn serialize<S: Serializer>(text: &Option<String>, into: S) -> Result<S::Ok, S::Error> {
        let value = text.as_deref().map(serde_json::from_str::<Value>).transpose();
        value.map_err(S::Error::custom)?.serialize(into)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
        let value = Option::<Value>::deserialize(from)?;
        Ok(value.map(|value| super::canonical(&value.to_string())))
    }
}

fn canonical(json: &str) -> String {
    Value::decode(json.trim(), 1).map_or_else(|_| json.to_owned(), |value| value.to_json())
}
