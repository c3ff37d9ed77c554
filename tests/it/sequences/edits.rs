//! Random sequences: a catalogue is edited and sent, whole or spoiled, shuffled and newly signed.
//!
//! This module knows what the API may do, but no rule of history.

use std::collections::BTreeMap;

use proptest::{collection::vec, option, prelude::*};
use serde_json::{Value, json};

use super::oracle::Fields;

/// A list and its tables.
pub struct KindNames {
    pub kind: &'static str,
    pub table: &'static str,
    pub history: &'static str,
    pub id: &'static str,
}

pub const KINDS: [KindNames; 2] = [
    KindNames { kind: "avatar", table: "avatars", history: "avatar_history", id: "avatar_id" },
    KindNames {
        kind: "talking_photo",
        table: "talking_photos",
        history: "talking_photo_history",
        id: "talking_photo_id",
    },
];

/// Fields that are set, most of them with a column in one list or both.
const FIELDS: [&str; 6] =
    ["avatar_name", "premium", "tags", "default_voice_id", "preview_image_url", "x"];

/// One change of the catalogue; lists, items, fields and values by number.
#[derive(Clone, Debug)]
enum Edit {
    Add(usize, u8),
    Remove(usize, u8),
    Set(usize, u8, usize, usize),
    Unset(usize, u8, usize),
    UnsetEverywhere(usize, usize),
}

/// A fault of a list as it is sent.
#[derive(Clone, Debug)]
enum Spoil {
    Empty,
    Cut(usize),
    Unusable,
    Deep(u8),
    Double(u8),
    /// A duplicate of which one field has another value.
    Diverge(u8, usize, usize),
}

#[derive(Clone, Debug)]
pub struct RawStep {
    edits: Vec<Edit>,
    spoils: Vec<(usize, Spoil)>,
    fails: bool,
    accepted: Option<u64>,
}

/// A sequence of polls.
#[derive(Clone, Debug)]
pub struct Case {
    pub after_polls: u32,
    steps: Vec<RawStep>,
}

/// A record as it is sent.
#[derive(Clone, Debug)]
pub enum Entry {
    /// Its id, its fields without signatures (nulls included), and its round.
    Good(String, Fields, usize),
    /// A record with a usable id and nothing else.
    Deep(String),
    /// A record without a usable id.
    Unusable,
}

#[derive(Clone, Debug)]
pub enum Answer {
    Failed,
    Lists([Vec<Entry>; 2]),
}

/// One poll.
#[derive(Clone, Debug)]
pub struct Step {
    pub answer: Answer,
    pub accepted: Option<u64>,
}

pub fn case() -> impl Strategy<Value = Case> {
    (1..4_u32, vec(step(), 1..9)).prop_map(|(after_polls, steps)| Case { after_polls, steps })
}

fn step() -> impl Strategy<Value = RawStep> {
    let spoils = prop_oneof![2 => Just(vec![]), 1 => vec((0..2_usize, spoil()), 1..3)];
    let fails = prop::bool::weighted(0.1);
    (vec(edit(), 0..7), spoils, fails, option::weighted(0.2, 0..5_u64))
        .prop_map(|(edits, spoils, fails, accepted)| RawStep { edits, spoils, fails, accepted })
}

fn edit() -> impl Strategy<Value = Edit> {
    let item = || (0..2_usize, 0..5_u8);
    let field = || 0..FIELDS.len();
    prop_oneof![
        4 => item().prop_map(|(list, n)| Edit::Add(list, n)),
        2 => item().prop_map(|(list, n)| Edit::Remove(list, n)),
        5 => (item(), field(), 0..12_usize).prop_map(|((list, n), field, value)| Edit::Set(list, n, field, value)),
        2 => (item(), field()).prop_map(|((list, n), field)| Edit::Unset(list, n, field)),
        1 => (0..2_usize, field()).prop_map(|(list, field)| Edit::UnsetEverywhere(list, field)),
    ]
}

fn spoil() -> impl Strategy<Value = Spoil> {
    prop_oneof![
        Just(Spoil::Empty),
        (0..4_usize).prop_map(Spoil::Cut),
        Just(Spoil::Unusable),
        (0..5_u8).prop_map(Spoil::Deep),
        (0..5_u8).prop_map(Spoil::Double),
        (0..5_u8, 0..FIELDS.len(), 0..12_usize)
            .prop_map(|(n, field, value)| Spoil::Diverge(n, field, value)),
    ]
}

/// Returns a value of the field by number; a URL stays a URL.
fn value(field: &str, number: usize) -> Value {
    if field == "preview_image_url" {
        return match number {
            0 => Value::Null,
            n => json!(format!("https://h/{}.webp", n % 3)),
        };
    }
    [
        Value::Null,
        json!("a"),
        json!("b"),
        json!(true),
        json!(false),
        json!(1),
        json!(-2.5),
        json!(["p", "q"]),
        json!(["q"]),
        json!([]),
        json!({"k": [1, null]}),
        json!("a"),
    ][number]
        .clone()
}

impl Case {
    /// Returns the answers in order.
    pub fn answers(&self) -> Vec<Step> {
        let mut lists: [BTreeMap<String, Fields>; 2] = Default::default();
        let mut steps = vec![];
        for (round, step) in self.steps.iter().enumerate() {
            step.edits.iter().for_each(|edit| apply(&mut lists, edit));
            let mut told = lists.each_ref().map(|list| {
                let good = |(id, fields): (&String, &Fields)| {
                    Entry::Good(id.clone(), fields.clone(), round)
                };
                list.iter().map(good).collect::<Vec<_>>()
            });
            for (list, spoil) in &step.spoils {
                spoil.apply(&mut told[*list], round);
            }
            let answer = if step.fails { Answer::Failed } else { Answer::Lists(told) };
            steps.push(Step { answer, accepted: step.accepted });
        }
        steps
    }
}

fn id(number: u8) -> String {
    format!("i{number}")
}

fn apply(lists: &mut [BTreeMap<String, Fields>; 2], edit: &Edit) {
    match edit {
        Edit::Add(list, n) => drop(lists[*list].entry(id(*n)).or_default()),
        Edit::Remove(list, n) => drop(lists[*list].remove(&id(*n))),
        Edit::Set(list, n, field, number) => {
            let fields = lists[*list].entry(id(*n)).or_default();
            fields.insert(FIELDS[*field].into(), value(FIELDS[*field], *number));
        }
        Edit::Unset(list, n, field) => {
            if let Some(fields) = lists[*list].get_mut(&id(*n)) {
                fields.remove(FIELDS[*field]);
            }
        }
        Edit::UnsetEverywhere(list, field) => {
            lists[*list].values_mut().for_each(|fields| drop(fields.remove(FIELDS[*field])));
        }
    }
}

impl Spoil {
    fn apply(&self, list: &mut Vec<Entry>, round: usize) {
        let known = |list: &[Entry], wanted: &u8| {
            list.iter().find_map(|entry| match entry {
                Entry::Good(found, fields, _) if *found == id(*wanted) => Some(fields.clone()),
                _ => None,
            })
        };
        match self {
            Self::Empty => list.clear(),
            Self::Cut(left) => list.truncate(*left),
            Self::Unusable => list.push(Entry::Unusable),
            Self::Deep(n) => {
                list.retain(|entry| !matches!(entry, Entry::Good(found, ..) if *found == id(*n)));
                list.push(Entry::Deep(id(*n)));
            }
            Self::Double(n) => {
                list.extend(known(list, n).map(|fields| Entry::Good(id(*n), fields, round + 100)));
            }
            Self::Diverge(n, field, number) => {
                let Some(mut fields) = known(list, n) else { return };
                // With the same keys, so that the duplicate does not affect which fields the list carries.
                if let Some(place) = fields.get_mut(FIELDS[*field]) {
                    *place = value(FIELDS[*field], *number);
                    list.push(Entry::Good(id(*n), fields, round + 200));
                }
            }
        }
    }
}

/// Returns the records as text; `seed` sets the order of records, keys and tags, and the signatures.
pub fn mixed(list: &[Entry], seed: u64) -> String {
    let mut dice = fastrand::Rng::with_seed(seed);
    let kind = |fields: &str, id: &str| {
        format!("{{{fields}\"avatar_id\":\"{id}\",\"talking_photo_id\":\"{id}\"}}")
    };
    let mut records: Vec<String> = list
        .iter()
        .map(|entry| match entry {
            Entry::Unusable => "7".into(),
            Entry::Deep(id) => kind(&format!("\"x\":{}{},", "[".repeat(200), "]".repeat(200)), id),
            Entry::Good(id, fields, round) => {
                let mut pairs: Vec<_> = fields.iter().collect();
                dice.shuffle(&mut pairs);
                let written = pairs.into_iter().map(|(name, value)| {
                    let mut value = signed(name, value, *round, seed);
                    if let Value::Array(elements) = &mut value {
                        dice.shuffle(elements);
                    }
                    format!("\"{name}\":{value},")
                });
                kind(&written.collect::<String>(), id)
            }
        })
        .collect();
    dice.shuffle(&mut records);
    records.join(",")
}

/// Returns the value as sent: URLs are signed, differently in each round and by each seed.
fn signed(name: &str, value: &Value, round: usize, seed: u64) -> Value {
    match value {
        Value::String(url) if name == "preview_image_url" => {
            json!(format!(
                "{url}?Expires={}&Signature=s{round}x{seed}&Key-Pair-Id=K",
                1_800_000_000 + round
            ))
        }
        other => other.clone(),
    }
}
