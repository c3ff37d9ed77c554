//! Announced ends: of a version of the API, by its own announcement, and of a key, if the API gives
//! its expiry date. Each is reported once to each receiver.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value as Json, json};

use super::words::{LONGEST_REASON, cut};
use crate::{
    heygen::sunset,
    store::report::Report,
    time::{DAY, Timestamp},
};

/// A key that expires within this time is reported.
const SOON: Duration = DAY.saturating_mul(14);

/// Identifies an ending: by its date, else its text without digits, which may count days.
fn key(ending: &Json) -> String {
    let text = |key: &str| ending[key].as_str().unwrap_or_default();
    let when = match text("at") {
        "" => text("text").chars().filter(|c| !c.is_ascii_digit()).collect(),
        at => at.to_owned(),
    };
    // An API key is the same for all catalogues.
    let catalogue = if text("what") == "key_expires" { "" } else { text("catalogue") };
    format!("{} {catalogue} {when}", text("what"))
}

/// Returns all announced ends that are known from a poll and from the expiry date of the key.
pub(super) fn known(report: &Report, key_expires_at: Option<Timestamp>) -> Vec<Json> {
    let row = &report.row;
    let of = |what: &str, at: Option<Timestamp>, text: String| json!({"what": what, "catalogue": row.catalogue, "at": at, "text": text});
    let announced = row.warning.as_deref().map(|warning| {
        let text = cut(warning, LONGEST_REASON);
        of("deprecated", sunset::over_from(warning), format!("HeyGen announces: {text}"))
    });
    let switched = report.switched_to.map(|version| {
        let version = version.as_str();
        of(
            "taken_over",
            None,
            format!("the previous version is gone: {version} of the API is read from now on"),
        )
    });
    let now = row.observed_at.or(row.finished_at);
    let soon = key_expires_at.filter(|at| now.is_some_and(|now| *at <= now.plus(SOON)));
    let expires = soon.map(|at| {
        let text = format!("the API key expires at {at}: create a new one before that");
        of("key_expires", Some(at), text)
    });
    [announced, switched, expires].into_iter().flatten().collect()
}

/// Returns the endings that `receiver` was not sent; `sent` is what each receiver was sent.
pub(super) fn not_reported(
    known: Vec<Json>,
    receiver: &str,
    sent: &[(String, String)],
) -> Vec<Json> {
    if known.is_empty() {
        return known;
    }
    let bodies_sent = sent.iter().filter(|(name, _)| name == receiver);
    let bodies = bodies_sent.filter_map(|(_, body)| serde_json::from_str::<Json>(body).ok());
    let endings = bodies.flat_map(|body| match &body["data"]["endings"] {
        Json::Array(endings) => endings.iter().map(key).collect(),
        _ => vec![],
    });
    let reported: BTreeSet<String> = endings.collect();
    known.into_iter().filter(|ending| !reported.contains(&key(ending))).collect()
}

/// Returns the text for people; `None` if there is nothing to report.
pub(super) fn text(account_label: &str, endings: &[Json]) -> Option<String> {
    endings.first()?;
    let lines: Vec<String> = endings
        .iter()
        .map(|ending| format!("{account_label}: {}", ending["text"].as_str().unwrap_or_default()))
        .collect();
    Some(lines.join("\n"))
}
