//! Random histories: few items, few fields, odd values, so that rules often interact.

use heygen_sync::config::Removals;
use proptest::prelude::*;

use crate::world::body;

/// A sequence of polls, and its settings for removals.
#[derive(Clone, Debug)]
pub struct History {
    pub removals: Removals,
    pub steps: Vec<Step>,
}

/// One poll.
#[derive(Clone, Debug)]
pub enum Step {
    /// A poll of these lists.
    Lists(String),
    /// A poll of something that is not a catalogue.
    Failure,
}

/// Fields with and without a column. The name is not among them, since it is always text.
const FIELDS: [&str; 5] = ["premium", "tags", "preview_image_url", "n", "x"];

/// Values of every type, some of which compare as equal, and some of which are numbers that are
/// stored as text.
const VALUES: [&str; 18] = [
    "null",
    "true",
    "false",
    r#""yes""#,
    "1",
    "1.0",
    "2.5",
    "1e22",
    "1e400",
    r#""1e400""#,
    "1180591620717411303424",
    r#""7""#,
    r#"["b","a"]"#,
    "[]",
    r#"{"k":[1e400,{"a":null}]}"#,
    r#""https://h.example/p.webp?w=1&Expires=1767312000&Signature=s1&Key-Pair-Id=K""#,
    r#""https://h.example/p.webp?w=1""#,
    r#""a\u0000 <é>\n""#,
];

pub fn history() -> impl Strategy<Value = History> {
    let removals = (1..4_u32, 0..3_u64).prop_map(|(after_polls, min_count)| Removals {
        after_polls: Some(after_polls),
        min_count,
        max_share: 0.3,
    });
    let step = prop_oneof![9 => lists(), 1 => Just(Step::Failure)];
    (removals, prop::collection::vec(step, 1..9))
        .prop_map(|(removals, steps)| History { removals, steps })
}

fn lists() -> impl Strategy<Value = Step> {
    (records("avatar"), records("talking_photo")).prop_map(|(avatars, photos)| {
        Step::Lists(String::from_utf8(body(&avatars, &photos)).unwrap())
    })
}

/// Returns a list in which fields are absent from all records, or from some.
fn records(kind: &'static str) -> impl Strategy<Value = String> {
    let record = (0..5_usize, values(), 0..16_u8);
    let fields = prop::sample::subsequence(&FIELDS, 0..=FIELDS.len());
    (fields, prop::collection::vec(record, 0..5)).prop_map(move |(fields, records)| {
        let records =
            records.iter().map(|(id, values, odd)| record_json(kind, *id, &fields, values, *odd));
        records.collect::<Vec<_>>().join(",")
    })
}

/// Returns a value or none for each field.
fn values() -> impl Strategy<Value = Vec<Option<&'static str>>> {
    let value = prop::option::weighted(0.8, prop::sample::select(&VALUES[..]));
    prop::collection::vec(value, FIELDS.len())
}

fn record_json(kind: &str, id: usize, fields: &[&str], values: &[Option<&str>], odd: u8) -> String {
    let id = ["a", "b", "c", "d", "é"][id];
    let id_field = format!("{kind}_id");
    let deep = format!(r#","deep":{}{}"#, "[".repeat(128), "]".repeat(128));
    let values = fields.iter().zip(values).filter_map(|(field, value)| Some((field, (*value)?)));
    let values: String = values.map(|(field, value)| format!(r#","{field}":{value}"#)).collect();
    match odd {
        0 => format!(r#"{{"{id_field}":"{id}"{values}{deep}}}"#),
        1 => "7".to_owned(),
        _ => format!(r#"{{"{id_field}":"{id}","{kind}_name":"{id}"{values}}}"#),
    }
}
