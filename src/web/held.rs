//! The notice that removals are held, with the command that accepts them.

use super::{anchor::Anchor, context::PageContext, failure::PageFailure, words};
use crate::{
    catalog::kind::Kind,
    store::{accept::accepting_command, browse::Reading, row::PollRow},
};

/// Removals that are held, and how to accept them.
pub struct HeldNotice {
    /// Their number, with the noun.
    pub count: String,
    /// Why they are held.
    pub reason: String,
    /// The poll that held them.
    pub poll: i64,
    /// The links to the missing items.
    pub which: Vec<Anchor>,
    /// The command that accepts them; `None` unless the poll is the last good one of its
    /// catalogue.
    pub command: Option<String>,
}

/// Returns the removals that a poll held; for the last good poll of its catalogue also the command that
/// accepts them.
pub async fn held(
    context: &PageContext<'_>,
    reading: &mut Reading,
    poll: &PollRow,
) -> Result<Option<HeldNotice>, PageFailure> {
    let count = poll.counts.map_or(0, |counts| counts.held);
    if count == 0 {
        return Ok(None);
    }
    let is_last = context.viewpoint.as_of.is_none()
        && context.polls.last.iter().any(|last| last.poll_id == poll.poll_id);
    let held = if is_last { reading.held(poll).await? } else { None };
    let reason = poll.held_reason.clone().unwrap_or_default();
    // The reason names the lists that are held; if it names none, all are shown.
    let listed = || Kind::of(poll.catalogue());
    let named: Vec<Kind> = listed().filter(|kind| reason.contains(kind.plural)).collect();
    let kinds = if named.is_empty() { listed().collect() } else { named };
    let which = |kind: Kind| missing(context, kind, format!("missing {}", words::plural(kind)));
    Ok(Some(HeldNotice {
        count: words::counted(count, "removal", "removals"),
        reason,
        poll: poll.poll_id,
        which: kinds.into_iter().filter(|_| is_last).map(which).collect(),
        command: held.map(|held| accepting_command(&context.app.settings.program, poll, held)),
    }))
}

/// Returns the link to the missing items of a kind.
pub fn missing(context: &PageContext<'_>, kind: Kind, text: String) -> Anchor {
    Anchor::new(context.href(kind.path, &[("listed", "missing".into())]), text)
}

/// Returns the removals that the last good poll of each catalogue held.
pub async fn all_held(
    context: &PageContext<'_>,
    reading: &mut Reading,
) -> Result<Vec<HeldNotice>, PageFailure> {
    let mut all = vec![];
    for poll in &context.polls.last {
        all.extend(held(context, reading, poll).await?);
    }
    Ok(all)
}
