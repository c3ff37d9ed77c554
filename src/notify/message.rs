//! What a poll has to tell, as JSON of a bounded size.
//!
//! A poll that changed something or is held tells so; the first that fails tells that polls fail,
//! the first that does not, after such, that they work again. The baseline is one line. A poll that
//! found nothing tells nothing, and nor does one of which something was only learned.

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::{
    news::{self, Entry},
    words::{self, cut, short},
};
use crate::{
    catalog::diff::Diff,
    store::{
        outbox::{Before, Draft},
        report::Report,
        row::{Counts, PollRow},
    },
    words::hex,
};

/// The longest message, in bytes of JSON.
pub const MOST_BYTES: usize = 16 * 1024;
/// The longest text for people, in bytes.
const MOST_TEXT: usize = 3_000;
/// The longest reason or error that is told, in characters.
const LONGEST_REASON: usize = 500;

/// The notices of a poll that is being written, `before` being how its account stood.
pub fn drafts(watch: &[String], report: &Report, before: Before) -> Vec<Draft> {
    let row = &report.row;
    let Some(diff) = &report.diff else {
        return if before.failed == 0 { vec![failing(row)] } else { vec![] };
    };
    let recovered = (before.failed > 0).then(|| recovered(row, before));
    let found = match (diff.baseline, diff.held() > 0, diff.is_news()) {
        (true, _, _) => Some(baseline(row, diff)),
        (_, true, _) => Some(news(row, diff, watch, "held")),
        (_, _, true) => Some(news(row, diff, watch, "changes")),
        _ => None,
    };
    recovered.into_iter().chain(found).collect()
}

fn failing(row: &PollRow) -> Draft {
    let error = row.error.as_deref().map(|error| cut(error, LONGEST_REASON));
    let said = error.as_deref().unwrap_or("for an unknown reason");
    let text = format!("{}: polls began to fail: {said}", whose(row));
    Message::new("failing", row).with("error", json!(error)).finish(text, vec![])
}

fn recovered(row: &PollRow, before: Before) -> Draft {
    let since = before.since.map(|since| since.to_string());
    let from = since.as_ref().map_or(String::new(), |since| format!(" since {since}"));
    let text = format!("{}: polls work again; {} failed{from}", whose(row), before.failed);
    Message::new("recovered", row)
        .with("failed_polls", json!(before.failed))
        .with("failing_since", json!(since))
        .finish(text, vec![])
}

fn baseline(row: &PollRow, diff: &Diff) -> Draft {
    let counts = Counts::of(diff);
    let text = format!("{}: baseline, {}", whose(row), counts.summary());
    Message::new("baseline", row).with("counts", json!(counts)).finish(text, vec![])
}

fn news(row: &PollRow, diff: &Diff, watch: &[String], kind: &'static str) -> Draft {
    let counts = Counts::of(diff);
    let entries = news::entries(diff, watch);
    let mut lines = news::lines(&entries);
    let alarms = entries.iter().take_while(|entry| entry.alarm).count();
    // What matters most stands first, even before the sum of it all.
    let sum = format!("{}: {}", whose(row), words::counts(&counts));
    lines.insert(alarms, sum);
    if let (Some(reason), Some(set)) = (&row.held_reason, diff.held_set()) {
        let reason = cut(reason, LONGEST_REASON);
        lines.insert(
            alarms + 1,
            format!(
                "held back: {reason}; --catalogue {} --accept-removals={set} lets them through",
                row.catalogue()
            ),
        );
    }
    let reason = row.held_reason.as_deref().map(|reason| cut(reason, LONGEST_REASON));
    Message::new(kind, row)
        .with("counts", json!(counts))
        .with("held_reason", json!(reason))
        .finish(fitted(&lines), entries)
}

/// The account, and the catalogue where it is not the usual one.
fn whose(row: &PollRow) -> String {
    row.catalogue().of(&short(&row.account))
}

/// As many lines as fit.
fn fitted(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        if text.len() + line.len() + "\n…".len() > MOST_TEXT {
            text.push_str("\n…");
            break;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(line);
    }
    text
}

/// A message while it is put together.
struct Message {
    kind: &'static str,
    id: String,
    timestamp: Option<String>,
    data: Map<String, Json>,
}

impl Message {
    fn new(kind: &'static str, row: &PollRow) -> Self {
        // Known by its poll's digest, which no other poll of any database shares.
        let digest = row.digest.as_deref().unwrap_or_default();
        let id = hex(&Sha256::digest(format!("{digest} {kind} {}", row.poll_id)));
        let mut data = Map::new();
        data.insert("account".into(), json!(row.account));
        data.insert("catalogue".into(), json!(row.catalogue));
        data.insert("poll_id".into(), json!(row.poll_id));
        data.insert("outcome".into(), json!(row.outcome));
        let timestamp = row.observed_at.or(row.finished_at).map(|at| at.to_string());
        Self { kind, id: format!("msg_{}", &id[..32]), timestamp, data }
    }

    fn with(mut self, key: &str, value: Json) -> Self {
        self.data.insert(key.into(), value);
        self
    }

    /// Names as many of `entries` as fit, and counts the rest.
    fn finish(self, text: String, entries: Vec<Entry>) -> Draft {
        let Self { kind, id, timestamp, mut data } = self;
        data.insert("text".into(), json!(text));
        let total = entries.len();
        // The digits of `left_out` have room in the 64.
        let mut room = MOST_BYTES.saturating_sub(json!(data).to_string().len() + 64 + 160);
        let mut told = vec![];
        for entry in entries {
            let size = entry.told.to_string().len() + 1;
            if size > room {
                break;
            }
            room -= size;
            told.push(entry.told);
        }
        if total > 0 {
            data.insert("left_out".into(), json!(total - told.len()));
            data.insert("changes".into(), Json::Array(told));
        }
        let body = json!({"id": id, "type": kind, "timestamp": timestamp, "data": data});
        Draft { kind, body: body.to_string() }
    }
}
