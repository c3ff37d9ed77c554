//! Recognition hides nothing: random sequences of hostile answers, each compared with and without it.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::catalog::{
    diff::{
        Accepted, Diff, GoodPoll, Opened, Policy, PollContext, Snapshot, SnapshotItem,
        SnapshotList, diff,
    },
    links::{LinkWrite, StoredLink},
    schema::fold,
    v2::decode_known,
};

/// Keys in raw JSON; the second and the third are the same key.
const KEYS: [&str; 8] =
    ["avatar_name", "n", "\\u006e", "premium", "tags", "preview_image_url", "extra", "type"];
const VALUES: [&str; 20] = [
    "\"x\"",
    "\"\\u0078\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "1",
    "1.0",
    "1e400",
    "\"1e400\"",
    "null",
    "true",
    "[\"b\",\"a\"]",
    "[\"a\", \"b\"]",
    "[]",
    "{\"k\":1,\"k\":2}",
    "{\"k\":2}",
    "[\"https://h/n?Expires=1800000000&Signature=s&Key-Pair-Id=K\"]",
    "\"https://h/a\"",
    "SIGNED",
    "SIGNED",
    "DEEP",
];
const START: i64 = 1_795_413_429_123;
const HOUR: Duration = Duration::from_secs(3600);

/// Generates a record with a random id and random fields, in raw JSON.
fn record() -> impl Strategy<Value = String> {
    let id = select(vec!["\"a\"", "\"\\u0061\"", "\"b\"", "\"c\"", "\"d\"", "\"e\"", "7"]);
    let value = (select(VALUES.to_vec()), 0..12_i64, 0..3_u8);
    let field = (select(KEYS.to_vec()), value);
    (id, vec(field, 0..4), any::<bool>()).prop_map(|(id, fields, first)| {
        let mut parts: Vec<String> = fields
            .into_iter()
            .map(|(key, value)| format!("\"{key}\": {}", written(value)))
            .collect();
        let at = if first { 0 } else { parts.len() };
        parts.insert(at, format!("\"avatar_id\":{id}"));
        format!("{{{}}}", parts.join(","))
    })
}

fn written((value, days, signature): (&str, i64, u8)) -> String {
    match value {
        "SIGNED" => {
            let expires = START / 1000 + (days - 2) * 40_000;
            format!("\"https://h/a?Expires={expires}&Signature=s{signature}&Key-Pair-Id=K\"")
        }
        "DEEP" => format!("{}{}", "[".repeat(128), "]".repeat(128)),
        value => value.to_owned(),
    }
}

/// Generates answers that repeat most records, with some changed, dropped, duplicated or moved.
fn answers() -> impl Strategy<Value = Vec<Vec<String>>> {
    let edit = vec((any::<prop::sample::Index>(), 0..5_u8, record()), 0..3);
    (vec(record(), 0..6), vec(edit, 1..6)).prop_map(|(first, edits)| {
        let mut all = vec![first];
        for edits in edits {
            let mut next = all.last().cloned().unwrap_or_default();
            for (at, what, record) in edits {
                let at = if next.is_empty() { 0 } else { at.index(next.len()) };
                match (what, next.is_empty()) {
                    (0, false) => drop(next.remove(at)),
                    (1, false) => next.push(next[at].clone()),
                    (2, false) => next[at] = record,
                    (3, false) => next.rotate_left(at),
                    _ => next.push(record),
                }
            }
            all.push(next);
        }
        all
    })
}

/// The contents of the tables, to which polls add.
#[derive(Default)]
struct Tables {
    snapshot: Snapshot,
    fingerprints: HashMap<String, Option<Fingerprint>>,
}

impl Tables {
    fn known(&self, until: Timestamp, unsigned: bool) -> Arc<Recognition> {
        let items = self.snapshot.lists.get(&Kind::AVATAR).into_iter().flat_map(|list| &list.items);
        let fingerprint = |item: &SnapshotItem| {
            self.fingerprints[&item.id].filter(|_| item.missing_since.is_none())
        };
        let items = items.map(|item| (item.id.clone(), fingerprint(item))).collect();
        Arc::new(Recognition {
            takes_fingerprints: true,
            items: ByKind::from([(Kind::AVATAR, items)]),
            links: self.snapshot.links.clone(),
            links_until: Some(until),
            unsigned,
        })
    }

    /// Returns the snapshot of a poll that recognises these records.
    fn without(&self, recognised: &Recognised) -> Snapshot {
        let Snapshot { last_good, recent_good, held_until, listed_before, lists, links } =
            &self.snapshot;
        let lists = lists.iter().map(|(kind, list)| {
            let others = |item: &&SnapshotItem| {
                *kind != Kind::AVATAR || recognised.ids.binary_search(&item.id).is_err()
            };
            let items = list.items.iter().filter(others).cloned().collect();
            (*kind, SnapshotList { items, schema: list.schema.clone() })
        });
        Snapshot {
            last_good: last_good.clone(),
            recent_good: recent_good.clone(),
            held_until: *held_until,
            listed_before: listed_before.clone(),
            lists: lists.collect(),
            links: links.clone(),
        }
    }

    fn add(&mut self, diff: Diff, now: Timestamp) {
        for list in diff.lists {
            let known = self.snapshot.lists.entry(list.kind).or_default();
            for change in &list.schema {
                fold(&mut known.schema, change, now);
            }
            for Opened { id, version, fields, fingerprint, .. } in list.opened {
                known.items.retain(|item| item.id != id);
                self.fingerprints.insert(id.clone(), fingerprint);
                let has_fingerprint = fingerprint.is_some();
                let (missing_since, removed) = (None, false);
                known.items.push(SnapshotItem {
                    id,
                    fields,
                    version,
                    missing_since,
                    removed,
                    has_fingerprint,
                });
            }
            for item in &mut known.items {
                if list.newly_missing.contains(&item.id) {
                    item.missing_since = Some(now);
                }
                if list.found_again.contains(&item.id) {
                    item.missing_since = None;
                }
                item.removed |= list.removed.iter().any(|gone| gone.id == item.id);
                if let Some((_, fingerprint)) =
                    list.fingerprints.iter().find(|(id, _)| *id == item.id)
                {
                    item.has_fingerprint = true;
                    self.fingerprints.insert(item.id.clone(), Fingerprint::parse(fingerprint));
                }
            }
            known.items.sort_by(|a, b| a.id.cmp(&b.id));
        }
        for link in diff.links {
            let LinkWrite { url, expires_at, .. } = &link;
            let signed_url = link.signed_url();
            let stored =
                StoredLink { signed: signed_url.is_some(), expires_at: *expires_at, signed_url };
            self.snapshot.links.insert(url.clone(), stored);
        }
        let good = GoodPoll { observed_at: now, api_version: "v2".into(), from_file: false };
        let known = self.snapshot.lists.values().flat_map(|list| &list.items);
        for since in known.filter_map(|item| item.missing_since) {
            let before = self.snapshot.last_good.clone().filter(|_| since == now);
            self.snapshot.listed_before.entry(since).or_insert(before.unwrap_or(good.clone()));
        }
        self.snapshot.recent_good.insert(0, now);
        self.snapshot.last_good = Some(good);
    }
}

/// Formats all that a diff does, without the fingerprints.
fn all_effects(mut diff: Diff) -> String {
    for list in &mut diff.lists {
        list.fingerprints.clear();
        list.opened.iter_mut().for_each(|new| new.fingerprint = None);
    }
    let links: Vec<_> = diff.links.iter().map(|link| link.signed_url()).collect();
    let links: Vec<_> = links.iter().flatten().map(|url| url.expose()).collect();
    format!("{diff:#?} {links:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_poll_that_recognises_records_does_what_one_does_that_decodes_all(
        answers in answers(),
        mirror: bool,
        after_polls in 1..3_u32,
        mut forget: bool,
    ) {
        let policy = Policy { after_polls, min_count: 1, max_share: 0.5, accepted: Accepted::None };
        let (mut tables, mut now) = (Tables::default(), Timestamp::from_millis(START));
        for records in answers {
            let records = records.join(",");
            let body = format!(r#"{{"data":{{"avatars":[{records}],"talking_photos":[]}}}}"#);
            let poll = PollContext { observed_at: now, api_version: "v2", policy: &policy, mirror };
            let plain = Arc::new(Recognition { takes_fingerprints: true, ..Recognition::default() });
            let plain = decode_known(body.as_bytes(), &plain).unwrap();
            let answer = decode_known(body.as_bytes(), &tables.known(now.plus(HOUR), mirror)).unwrap();
            prop_assert_eq!(plain.ids(), answer.ids());
            let snapshot = tables.without(&answer.lists[0].recognised);
            let with = diff(&snapshot, answer, &poll);
            let without = diff(&tables.snapshot, plain, &poll);
            prop_assert_eq!(all_effects(with), all_effects(without), "{}", body);
            // A poll without recognition computes every fingerprint.
            let plain = Arc::new(Recognition { takes_fingerprints: true, ..Recognition::default() });
            let plain = decode_known(body.as_bytes(), &plain).unwrap();
            tables.add(diff(&tables.snapshot, plain, &poll), now);
            if std::mem::take(&mut forget) {
                tables.fingerprints.values_mut().for_each(|fingerprint| *fingerprint = None);
                let items = tables.snapshot.lists.values_mut().flat_map(|list| &mut list.items);
                items.for_each(|item| item.has_fingerprint = false);
            }
            now = now.plus(HOUR * 7);
        }
    }
}
