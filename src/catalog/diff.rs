//! The rules of history: tables before the poll + an answer + a policy → a [`Diff`].
//!
//! The diff is a value: `sync`, `--dry-run`, the daemon, backfills and tests all print or apply the
//! same one. All decisions are made here; the store only carries them out. This module contains no
//! SQL, does not read the clock and does not depend on the order of the list.

mod change;
mod comparison;
mod policy;
mod snapshot;

use std::sync::Arc;

pub use change::{Closed, Diff, FieldChange, Held, ListDiff, Opened, OpenedBy, Removed};
pub use policy::{Accepted, Policy, PollContext};
pub use snapshot::{GoodPoll, Snapshot, SnapshotItem, SnapshotList};

use self::comparison::Comparison;
use super::{
    foreign,
    held::HeldSet,
    kind::Kind,
    links::{LinkWrite, ListedLinks},
    list::{Answer, List},
};

/// Returns whether `answer` has no id in common with the items of `snapshot`, removed ones included
/// (rule 11). An answer of another version of the API is not foreign, unless the last good poll
/// read a file.
pub fn is_foreign(snapshot: &Snapshot, answer: &Answer, poll: &PollContext<'_>) -> bool {
    if answer.lists.iter().any(|list| !list.recognised.ids.is_empty()) {
        return false;
    }
    let comparable = |last: &GoodPoll| last.from_file || last.api_version == poll.api_version;
    let known: Vec<_> = snapshot.lists.values().map(|list| &list.items).collect();
    let is_known = |id: &str| {
        known.iter().any(|items| items.binary_search_by(|item| item.id.as_str().cmp(id)).is_ok())
    };
    let count = known.iter().map(|items| items.len()).sum();
    snapshot.last_good.as_ref().is_some_and(comparable)
        && foreign::has_none_of(answer, count, is_known)
}

/// Computes what `answer` changes in `snapshot`. A foreign answer must only be passed once it was
/// accepted.
pub fn diff(snapshot: &Snapshot, answer: Answer, poll: &PollContext<'_>) -> Diff {
    let replaces_all = is_foreign(snapshot, &answer, poll);
    let nothing = SnapshotList::default();
    let compared = answer.lists.into_iter().map(|list| {
        let before = snapshot.lists.get(&list.kind).unwrap_or(&nothing);
        Comparison::new(snapshot, before, list, poll, replaces_all)
    });
    let mut compared: Vec<_> = compared.collect();
    let links = links(&compared, snapshot, poll);
    let (accepted, not_held) = accepted_set(snapshot, &compared, poll.policy.accepted);
    for list in &mut compared {
        let own = accepted.iter().filter(|(kind, _)| *kind == list.list.kind);
        list.let_through = own.map(|(_, id)| *id).collect();
        // Frees the signatures, unless a link to store still refers to them.
        list.list.signatures = Arc::default();
        list.match_items();
    }
    let holds: Vec<Option<Held>> = compared.iter().map(Comparison::hold).collect();
    let held: u64 = holds.iter().flatten().map(|held| held.count).sum();
    let accepted = match poll.policy.accepted {
        _ if replaces_all => true,
        Accepted::None | Accepted::Set(_) => false,
        Accepted::UpTo(most) => held <= most,
        Accepted::All => true,
    };
    let lists = compared.into_iter().zip(holds);
    let lists = lists.map(|(list, held)| list.finish(held.filter(|_| !accepted)));
    let lists = lists.collect();
    let not_held = not_held.filter(|_| !replaces_all);
    Diff { baseline: snapshot.last_good.is_none(), lists, links, not_held }
}

/// Returns the items of the accepted set. If the last held poll did not hold this set, or one of
/// its items is listed again, returns no items, and the set.
fn accepted_set<'a>(
    snapshot: &'a Snapshot,
    compared: &[Comparison<'_>],
    accepted: Accepted,
) -> (Vec<(Kind, &'a str)>, Option<HeldSet>) {
    let Accepted::Set(set) = accepted else { return (vec![], None) };
    let held: Vec<_> = snapshot.held_back().collect();
    let is_missing = |(kind, id): &(Kind, &str)| {
        compared.iter().any(|list| list.list.kind == *kind && !list.lists(id))
    };
    match HeldSet::of(held.iter().copied()) == set && held.iter().all(is_missing) {
        true => (held, None),
        false => (vec![], Some(set)),
    }
}

/// Returns the links to store of all lists together: a picture may be in several lists.
fn links(
    compared: &[Comparison<'_>],
    snapshot: &Snapshot,
    poll: &PollContext<'_>,
) -> Vec<LinkWrite> {
    let dropped = compared.iter().flat_map(|list| &list.dropped);
    let mut links = ListedLinks::new(&snapshot.links, dropped, poll.mirror);
    for list in compared {
        let List { kind, signatures, .. } = &list.list;
        list.kept.iter().for_each(|record| links.keep(*kind, record, signatures));
    }
    for list in compared {
        let signatures = &list.list.signatures;
        list.dropped.iter().for_each(|record| links.compare(record, signatures));
    }
    links.writes(poll.observed_at)
}
