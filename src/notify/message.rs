//! The notices of a poll for each receiver, as JSON of a limited size.
//!
//! A poll that changed something or is held reports that; the first that fails reports that polls
//! fail, and the first that does not, after such polls, that they work again. The baseline is one
//! line. A poll that found nothing reports nothing, nor does one in which values were only learned.

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::{
    ending, fields,
    news::{self, NewsEntry},
    words::{self, LONGEST_REASON, cut, fitted, short},
};
use crate::{
    catalog::{catalogue::Catalogue, diff::Diff},
    config::{Event, Notify},
    store::{
        accept::accepting_command,
        outbox::{Before, Draft},
        report::Report,
        row::{Counts, PollRow},
    },
    time::Timestamp,
    words::hex,
};

/// The longest message, in bytes of JSON.
pub const MOST_BYTES: usize = 16 * 1024;

/// Returns the notices of a poll that is being written, for each receiver: `before` is the state
/// before it, `key_expires_at` is when the key expires, by the API.
pub fn drafts(
    blocks: &[Notify],
    report: &Report,
    before: &Before,
    key_expires_at: Option<Timestamp>,
) -> Vec<Draft> {
    let telling = |block| ReceiverNews { block, report, before, key_expires_at }.all();
    blocks.iter().filter(|block| block.has_receiver()).flat_map(telling).collect()
}

/// The notices of a poll for one receiver.
struct ReceiverNews<'a> {
    block: &'a Notify,
    report: &'a Report,
    before: &'a Before,
    key_expires_at: Option<Timestamp>,
}

impl ReceiverNews<'_> {
    fn all(&self) -> Vec<Draft> {
        let all = [self.recovery(), self.found(), self.fields(), self.endings()];
        all.into_iter().flatten().collect()
    }

    fn wants(&self, event: Event) -> bool {
        self.block.wants(event, &self.report.row.account)
    }

    fn message(&self, event: Event) -> Message {
        Message::of_poll(self.block.name(), event, &self.report.row)
    }

    /// Reports that polls fail, or work again.
    fn recovery(&self) -> Option<Draft> {
        let (row, before) = (&self.report.row, self.before);
        if self.report.diff.is_none() {
            let begins = before.failed == 0 && self.wants(Event::Failing);
            return begins.then(|| failing(self.message(Event::Failing), row));
        }
        let name = self.block.name();
        let stale =
            before.stale.as_ref().filter(|since| since.notified.iter().any(|one| one == name));
        let recovers = (before.failed > 0 || stale.is_some()) && self.wants(Event::Recovered);
        let since = stale.map(|since| since.at);
        recovers.then(|| recovered(self.message(Event::Recovered), row, before, since))
    }

    /// Reports what the poll found of items.
    fn found(&self) -> Option<Draft> {
        let (row, diff) = (&self.report.row, self.report.diff.as_ref()?);
        let event = match (diff.baseline, diff.held() > 0, diff.is_news()) {
            (true, _, _) => Event::Baseline,
            (_, true, _) => Event::Held,
            (_, _, true) => Event::Changes,
            _ => return None,
        };
        let all = self.wants(event);
        if event == Event::Baseline {
            return all.then(|| baseline(self.message(event), row, diff));
        }
        if !all && !self.wants(Event::Watched) {
            return None;
        }
        let mut entries = news::entries(diff, &self.block.watch);
        entries.retain(|entry| all || entry.watched);
        let any = all || !entries.is_empty();
        any.then(|| news(self.message(event), row, diff, entries))
    }

    /// Reports the fields of the lists that appeared, vanished or changed their type.
    fn fields(&self) -> Option<Draft> {
        let diff = self.report.diff.as_ref().filter(|diff| !diff.baseline)?;
        if !self.wants(Event::Schema) {
            return None;
        }
        let (entries, lines) = fields::entries(diff, &self.before.fields);
        let text = fields::text(&account_label(&self.report.row), lines)?;
        Some(self.message(Event::Schema).finish(text, entries))
    }

    /// Reports the known ends of the API, or of the key, that were not reported before.
    fn endings(&self) -> Option<Draft> {
        if !self.wants(Event::ApiEnding) {
            return None;
        }
        let known = ending::known(self.report, self.key_expires_at);
        let new = ending::not_reported(known, self.block.name(), &self.before.ends);
        let text = ending::text(&account_label(&self.report.row), &new)?;
        let message = self.message(Event::ApiEnding).with("endings", json!(new));
        Some(message.finish(text, vec![]))
    }
}

fn failing(message: Message, row: &PollRow) -> Draft {
    let error = row.error.as_deref().map(|error| cut(error, LONGEST_REASON));
    let reason = error.as_deref().unwrap_or("for an unknown reason");
    let text = format!("{}: polls began to fail: {reason}", account_label(row));
    message.with("error", json!(error)).finish(text, vec![])
}

fn recovered(message: Message, row: &PollRow, before: &Before, stale: Option<Timestamp>) -> Draft {
    let since = before.since.map(|since| since.to_string());
    let failed = match (before.failed, &since, stale) {
        (0, _, Some(stale)) => format!("no good one since {stale}"),
        (failed, Some(since), _) => format!("{failed} failed since {since}"),
        (failed, None, _) => format!("{failed} failed"),
    };
    let text = format!("{}: polls work again; {failed}", account_label(row));
    let message = message.with("failed_polls", json!(before.failed));
    message.with("failing_since", json!(since)).finish(text, vec![])
}

fn baseline(message: Message, row: &PollRow, diff: &Diff) -> Draft {
    let counts = Counts::of(diff);
    let text = format!("{}: baseline, {}", account_label(row), counts.summary());
    message.with("counts", json!(counts)).finish(text, vec![])
}

fn news(message: Message, row: &PollRow, diff: &Diff, entries: Vec<NewsEntry>) -> Draft {
    let counts = Counts::of(diff);
    let mut lines = news::lines(&entries);
    let alarms = entries.iter().take_while(|entry| entry.alarm).count();
    // The most important lines are first, even before the summary.
    let sum = format!("{}: {}", account_label(row), words::counts(&counts));
    lines.insert(alarms, sum);
    if let (Some(reason), Some(set)) = (&row.held_reason, diff.held_set()) {
        let (reason, command) =
            (cut(reason, LONGEST_REASON), accepting_command("heygen-sync", row, set));
        lines.insert(alarms + 1, format!("held: {reason}; to accept them: {command}"));
    }
    let reason = row.held_reason.as_deref().map(|reason| cut(reason, LONGEST_REASON));
    let message = message.with("counts", json!(counts)).with("held_reason", json!(reason));
    let entries = entries.into_iter().map(|entry| entry.json).collect();
    message.finish(fitted(&lines), entries)
}

/// Returns the account, and the catalogue if it is not the usual one.
fn account_label(row: &PollRow) -> String {
    row.catalogue().of(&short(&row.account))
}

/// A message that is being built.
pub(super) struct Message {
    receiver: String,
    kind: &'static str,
    id: String,
    timestamp: Option<String>,
    data: Map<String, Json>,
}

impl Message {
    /// Creates the message of a poll.
    fn of_poll(receiver: &str, event: Event, row: &PollRow) -> Self {
        let at = row.observed_at.or(row.finished_at);
        let about = (row.account.as_str(), row.catalogue(), row.poll_id);
        let message = Self::new(receiver, event.as_str(), about, row.digest.as_deref(), at);
        message.with("outcome", json!(row.outcome))
    }

    /// Creates a message about an account's catalogue and its poll of this number and digest.
    pub fn new(
        receiver: &str,
        kind: &'static str,
        (account, catalogue, poll_id): (&str, Catalogue, i64),
        digest: Option<&str>,
        at: Option<Timestamp>,
    ) -> Self {
        // The id is made from the poll's digest, which no other poll of any database has, and from
        // the receiver, so that two receivers at the same place get different ids.
        let digest = digest.unwrap_or_default();
        let id = hex(&Sha256::digest(format!("{digest} {kind} {poll_id} {receiver}")));
        let mut data = Map::new();
        data.insert("account".into(), json!(account));
        data.insert("catalogue".into(), json!(catalogue.as_str()));
        data.insert("poll_id".into(), json!(poll_id));
        let timestamp = at.map(|at| at.to_string());
        let (receiver, id) = (receiver.to_owned(), format!("msg_{}", &id[..32]));
        Self { receiver, kind, id, timestamp, data }
    }

    pub fn with(mut self, key: &str, value: Json) -> Self {
        self.data.insert(key.into(), value);
        self
    }

    /// Includes as many of `entries` as fit, and counts the rest.
    pub fn finish(self, text: String, entries: Vec<Json>) -> Draft {
        let Self { receiver, kind, id, timestamp, mut data } = self;
        data.insert("text".into(), json!(text));
        let total = entries.len();
        // The digits of `left_out` fit into the 64 bytes.
        let mut room = MOST_BYTES.saturating_sub(json!(data).to_string().len() + 64 + 160);
        let mut included = vec![];
        for entry in entries {
            let size = entry.to_string().len() + 1;
            if size > room {
                break;
            }
            room -= size;
            included.push(entry);
        }
        if total > 0 {
            data.insert("left_out".into(), json!(total - included.len()));
            data.insert("changes".into(), Json::Array(included));
        }
        let body = json!({"id": id, "type": kind, "timestamp": timestamp, "data": data});
        Draft { receiver, kind, body: body.to_string() }
    }
}
