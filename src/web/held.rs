//! The notice that removals are held, with the command that accepts them.

use super::{anchor::Anchor, context::PageContext, words};
use crate::{
    catalog::kind::Kind,
    store::{accept::accepting_command, row::PollRow},
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
    /// The command that accepts them; `None` unless the poll is the last good one.
    pub command: Option<String>,
}

/// Returns the removals that a poll held; for the last good poll also the command that accepts them.
pub fn held(context: &PageContext<'_>, poll: &PollRow) -> Option<HeldNotice> {
    let count = poll.counts.map(|counts| counts.held).filter(|held| *held > 0)?;
    let reason = poll.held_reason.clone().unwrap_or_default();
    // The reason names the lists that are held; if it names none, all are shown.
    let listed = || Kind::of(poll.catalogue());
    let named: Vec<Kind> = listed().filter(|kind| reason.contains(kind.plural)).collect();
    let kinds = if named.is_empty() { listed().collect() } else { named };
    let missing = |kind: Kind| {
        let parameters = vec![("listed", "missing".to_owned())];
        Anchor::new(
            context.href(kind.path, &parameters),
            format!("missing {}", words::plural(kind)),
        )
    };
    let last = context.viewpoint.as_of.is_none() && poll.poll_id == context.good.row.poll_id;
    Some(HeldNotice {
        count: words::counted(count, "removal", "removals"),
        reason,
        poll: poll.poll_id,
        which: if last { kinds.into_iter().map(missing).collect() } else { vec![] },
        command: context
            .good
            .held
            .filter(|_| last)
            .map(|held| accepting_command(&context.app.settings.program, poll, held)),
    })
}
