//! Reports that a catalogue has had no good poll for long: once, with the last good poll or, if
//! there is none, the first poll. The polls themselves may leave no row (no key, no database), so
//! the round checks this and not the poll.

use serde_json::json;

use super::message::Message;
use crate::{
    catalog::catalogue::Catalogue,
    config::{Event, Notify},
    error::Result,
    store::{
        Store,
        outbox::{Draft, Since},
    },
    time::{Clock, Timestamp},
    words::duration,
};

/// Writes the notices of the polled accounts and catalogues that are stale. Never an error:
/// failures are logged.
pub async fn report_stale(
    store: &mut Store,
    clock: &Clock,
    blocks: &[Notify],
    polled: &[(String, Catalogue)],
) {
    if !blocks.iter().any(|block| block.stale_after.is_some() && block.has_receiver()) {
        return;
    }
    for (account, catalogue) in polled {
        if let Err(error) = report_if_stale(store, clock.now(), blocks, account, *catalogue).await {
            tracing::error!("cannot check for missing polls: {error}");
            return;
        }
    }
}

async fn report_if_stale(
    store: &mut Store,
    now: Timestamp,
    blocks: &[Notify],
    account: &str,
    catalogue: Catalogue,
) -> Result<()> {
    let Some(since) = store.since(account, catalogue).await? else { return Ok(()) };
    let is_due = |block: &&Notify| {
        let late = block.stale_after.is_some_and(|after| since.at.plus(after) < now);
        let notified = since.notified.iter().any(|name| name == block.name());
        late && !notified && block.wants(Event::Stale, account)
    };
    let due = blocks.iter().filter(is_due);
    let drafts: Vec<_> =
        due.map(|block| draft(block.name(), account, catalogue, &since, now)).collect();
    match drafts.is_empty() {
        true => Ok(()),
        false => store.put_stale(account, catalogue, &since, now, drafts).await,
    }
}

fn draft(
    receiver: &str,
    account: &str,
    catalogue: Catalogue,
    since: &Since,
    now: Timestamp,
) -> Draft {
    let (account_label, at) = (catalogue.of(&super::words::short(account)), since.at);
    // Whole minutes are enough.
    let age = duration(std::time::Duration::from_secs(now.since(at).as_secs() / 60 * 60));
    let text = match since.good {
        true => format!("{account_label}: no good poll for {age}; the last one was at {at}"),
        false => {
            format!("{account_label}: no good poll for {age}, since the first one began at {at}")
        }
    };
    let about = (account, catalogue, since.poll_id);
    let message =
        Message::new(receiver, Event::Stale.as_str(), about, since.digest.as_deref(), Some(now));
    let last_good = since.good.then(|| at.to_string());
    message.with("last_good_at", json!(last_good)).finish(text, vec![])
}
