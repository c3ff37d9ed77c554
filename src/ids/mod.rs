//! Checks whether ids are still usable: the state of each in every account and kind that knows it,
//! and suggestions for one that is gone.

pub mod scan;

use std::collections::{BTreeMap, BTreeSet};

use strum::{IntoStaticStr, VariantArray};

use crate::{
    catalog::{catalogue::Catalogue, kind::Kind},
    error::Result,
    store::{
        Store,
        ids::{Candidate, Common, Known},
    },
    time::Timestamp,
};

/// At most this many ids are suggested for one that is gone.
const SUGGESTIONS: usize = 5;

/// The status of an item that can be used; null means the same.
pub const READY: &str = "completed";

/// An id to check, and where it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestedId {
    /// The id.
    pub id: String,
    /// The file that contains it.
    pub file: Option<String>,
    /// The line of that file, from 1.
    pub line: Option<usize>,
}

/// The accounts and kinds in which ids are looked up; `None` means all.
#[derive(Clone, Debug, Default)]
pub struct LookupScope {
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only this account.
    pub account: Option<String>,
}

impl LookupScope {
    /// Returns the requested kinds.
    pub fn kinds(&self) -> Vec<Kind> {
        Kind::only(self.kind).collect()
    }

    /// Whether a kind of this catalogue is requested.
    pub fn has_catalogue(&self, catalogue: Catalogue) -> bool {
        self.kind.is_none_or(|kind| kind.catalogue == catalogue)
    }

    /// Whether the account is requested.
    pub fn has_account(&self, account: &str) -> bool {
        self.account.as_deref().is_none_or(|only| only == account)
    }
}

/// The state of an id in one account and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// The last good poll lists it, and it is ready.
    Listed,
    /// The last good poll does not list it; it does not count as removed yet.
    Missing,
    /// It was removed.
    Removed,
    /// It is listed with a status other than completed.
    NotReady,
    /// No requested account and kind ever listed it.
    Unknown,
}

impl State {
    /// Returns the state's word in the output.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The verdict on an id in one account and kind that knows it, or on an id that none knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The id, and where it was found.
    pub requested: RequestedId,
    /// What is known of the item; `None` for an unknown id.
    pub known: Option<Known>,
    /// Its state.
    pub state: State,
    /// Since when it is missing or removed.
    pub since: Option<Timestamp>,
    /// Ids that may be used instead of one that is gone: the listed looks of the same group, else
    /// the listed items of the same name.
    pub instead: Vec<String>,
    /// Whether the id passes in this account and kind; it passes if it does in any of them.
    pub passes: bool,
}

/// Returns the state of every requested id, in the order of the request.
pub async fn check(
    store: &mut Store,
    requested: Vec<RequestedId>,
    scope: &LookupScope,
) -> Result<Vec<Verdict>> {
    let ids: BTreeSet<&str> = requested.iter().map(|one| one.id.as_str()).collect();
    let mut known = store.known(&ids, &scope.kinds()).await?;
    known.retain(|item| scope.has_account(&item.account));
    let due = due(store).await?;
    let instead = Suggestions::read(store, &known).await?;
    let mut by_id: BTreeMap<&str, Vec<&Known>> = BTreeMap::new();
    for item in &known {
        by_id.entry(&item.id).or_default().push(item);
    }
    let mut verdicts = vec![];
    for one in requested {
        match by_id.get(one.id.as_str()) {
            None => verdicts.push(unknown(one)),
            Some(items) => verdicts.extend(items.iter().map(|item| {
                let due = due.get(&(item.account.clone(), item.kind.catalogue)).copied();
                verdict_on(one.clone(), item, due, instead.of(item))
            })),
        }
    }
    Ok(verdicts)
}

/// Returns the ids that do not pass, each once.
pub fn not_usable(verdicts: &[Verdict]) -> BTreeSet<&str> {
    let of = |passes: bool| verdicts.iter().filter(move |one| one.passes == passes);
    let good: BTreeSet<&str> = of(true).map(|one| one.requested.id.as_str()).collect();
    of(false).map(|one| one.requested.id.as_str()).filter(|id| !good.contains(id)).collect()
}

/// Returns, for each catalogue of each account, the time by which an item must have become missing
/// for its removal to be due.
async fn due(store: &mut Store) -> Result<BTreeMap<(String, Catalogue), Timestamp>> {
    let mut all = BTreeMap::new();
    for poll in store.last_good_polls().await? {
        let until = store.due_until(&poll).await?;
        let catalogue = poll.catalogue();
        all.extend(until.map(|until| ((poll.account, catalogue), until)));
    }
    Ok(all)
}

fn unknown(requested: RequestedId) -> Verdict {
    let (known, state, since) = (None, State::Unknown, None);
    Verdict { requested, known, state, since, instead: vec![], passes: false }
}

fn verdict_on(
    requested: RequestedId,
    item: &Known,
    due: Option<Timestamp>,
    instead: Vec<String>,
) -> Verdict {
    let ready = item.status.as_deref().is_none_or(|status| status == READY);
    let (state, since, passes) = match (item.removed_at, item.missing_since, ready) {
        (Some(at), ..) => (State::Removed, Some(at), false),
        (None, Some(at), _) => (State::Missing, Some(at), due.is_none_or(|due| at > due)),
        (None, None, false) => (State::NotReady, None, false),
        (None, None, true) => (State::Listed, None, true),
    };
    Verdict { requested, known: Some(item.clone()), state, since, instead, passes }
}

/// Suggestions for items that are gone, by account and group and by account and name.
struct Suggestions {
    of_group: Candidates,
    of_name: Candidates,
}

type Candidates = BTreeMap<(String, String), Vec<(Kind, String)>>;

impl Suggestions {
    async fn read(store: &mut Store, known: &[Known]) -> Result<Self> {
        let gone = || known.iter().filter(|item| is_gone(item));
        let groups = gone().filter_map(|item| item.group_id.as_deref()).collect();
        let names = gone().filter_map(|item| item.name.as_deref());
        let names = names.filter(|name| !name.is_empty()).collect();
        Ok(Self {
            of_group: found(store, Common::Group, groups).await?,
            of_name: found(store, Common::Name, names).await?,
        })
    }

    /// Returns the items of the same group, the item's own kind first; else those of its kind and name.
    fn of(&self, item: &Known) -> Vec<String> {
        if !is_gone(item) {
            return vec![];
        }
        let of = |found: &Candidates, common: &Option<String>, own_kind: bool| -> Vec<String> {
            let key = common.clone().map(|common| (item.account.clone(), common));
            let same = key.and_then(|key| found.get(&key)).into_iter().flatten();
            let same = same.filter(|(kind, _)| (*kind == item.kind) == own_kind);
            same.map(|(_, id)| id.clone()).collect()
        };
        let mut ids = of(&self.of_group, &item.group_id, true);
        ids.extend(of(&self.of_group, &item.group_id, false));
        if ids.is_empty() {
            ids = of(&self.of_name, &item.name, true);
        }
        ids.truncate(SUGGESTIONS);
        ids
    }
}

async fn found(store: &mut Store, common: Common, values: BTreeSet<&str>) -> Result<Candidates> {
    let mut found = Candidates::new();
    if values.is_empty() {
        return Ok(found);
    }
    for Candidate { account, kind, common, id } in store.candidates(common, &values).await? {
        found.entry((account, common)).or_default().push((kind, id));
    }
    Ok(found)
}

fn is_gone(item: &Known) -> bool {
    item.removed_at.is_some() || item.missing_since.is_some()
}
