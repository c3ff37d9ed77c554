//! Tests of the literal format, since others recompute it.

use super::*;
use crate::catalog::{
    diff::{OpenedBy, Removed},
    item::Fields,
    json_type::JsonType,
    schema::{FieldEvent, Types},
};

const AT: i64 = 1_795_413_429_123;

fn diff() -> Diff {
    let fields = r#"{"avatar_name":"Ann \"A\"","premium":false,"tags":["b","a"],"zoom":1.50}"#;
    let old = r#"{"avatar_name":"Bob"}"#;
    let opened = |id: &str, version, by, json, changes| Opened {
        id: id.into(),
        version,
        by,
        after: (version > 1).then(|| Timestamp::from_millis(0)),
        closes: version > 1,
        fields: Fields::from_row(Kind::AVATAR, vec![], Some(json), None),
        changes,
        fingerprint: None,
    };
    let change = FieldChange { field: "gender".into(), old: Some(Value::text("x")), new: None };
    let list = |kind| ListDiff {
        kind,
        listed: 0,
        duplicates: 0,
        rejected: 0,
        opened: vec![],
        removed: vec![],
        newly_missing: vec![],
        found_again: vec![],
        missing: 0,
        schema: vec![],
        held: None,
        held_back: vec![],
        fingerprints: vec![],
    };
    let gone = Removed { id: "p".into(), version: 3, name: None, after: None };
    Diff {
        baseline: false,
        lists: vec![
            ListDiff {
                opened: vec![
                    opened("a", 1, OpenedBy::Added, fields, vec![]),
                    opened("b", 2, OpenedBy::Changed, old, vec![change]),
                ],
                schema: vec![SchemaChange {
                    field: "zoom".into(),
                    change: FieldEvent::Appeared,
                    types: Types::default().with(JsonType::Number),
                    example: Some("1.5".into()),
                }],
                ..list(Kind::AVATAR)
            },
            ListDiff { removed: vec![gone], ..list(Kind::TALKING_PHOTO) },
        ],
        links: vec![],
        not_held: None,
    }
}

fn lines() -> String {
    let mut out = String::new();
    diff_lines(&diff(), 7, Timestamp::from_millis(AT), |line| line.write(&mut out));
    out
}

#[test]
fn the_lines_of_a_poll_are_canonical_json_in_a_fixed_order() {
    insta::assert_snapshot!(lines(), @r#"
    {"avatar_name":"Ann \"A\"","extra":{"zoom":1.5},"item_id":"a","kind":"avatar","line":"opened","opened_by":"added","opened_poll":7,"premium":false,"tags":["a","b"],"valid_from":"2026-11-23T05:57:09.123Z","version":1}
    {"avatar_name":"Bob","item_id":"b","kind":"avatar","line":"opened","opened_after":"1970-01-01T00:00:00.000Z","opened_by":"changed","opened_poll":7,"valid_from":"2026-11-23T05:57:09.123Z","version":2}
    {"closed_after":"1970-01-01T00:00:00.000Z","closed_by":"changed","closed_poll":7,"item_id":"b","kind":"avatar","line":"closed","valid_to":"2026-11-23T05:57:09.123Z","version":1}
    {"closed_by":"removed","closed_poll":7,"item_id":"p","kind":"talking_photo","line":"closed","valid_to":"2026-11-23T05:57:09.123Z","version":3}
    {"field":"gender","item_id":"b","kind":"avatar","line":"field_change","old_value":"x","poll_id":7,"version":2}
    {"change":"appeared","example":"1.5","field":"zoom","json_type":"number","kind":"avatar","line":"schema_change","poll_id":7}
    "#);
}

#[test]
fn the_digest_is_the_sha256_of_head_and_lines() {
    let mut seal = Seal::after(None);
    diff_lines(&diff(), 7, Timestamp::from_millis(AT), |line| seal.add(&line));
    let whole = format!("heygen-sync seal 1\n{}\n{}", "0".repeat(64), lines());
    let expected: String =
        Sha256::digest(whole.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(seal.finish(), expected);
    assert_ne!(Seal::after(None).finish(), Seal::after(Some(&expected)).finish());
}

#[test]
fn exact_json_hides_nothing_that_decoding_would_mend() {
    for (raw, exact) in [
        (r#"{ "b": 1.0, "a": [ "y", "x" ] }"#, r#"{"a":["y","x"],"b":1}"#),
        (r#"[1e400,"1e400"]"#, r#"[1e400,"1e400"]"#),
        (
            r#"["https://h/x?Expires=1&Signature=s&Key-Pair-Id=k"]"#,
            r#"["https://h/x?Expires=1&Signature=s&Key-Pair-Id=k"]"#,
        ),
        (r#"{"n":null}"#, r#"{"n":null}"#),
    ] {
        assert_eq!(exact_json(raw), exact);
    }
}

#[test]
fn what_a_poll_writes_is_exact_already() {
    for raw in [r#"{"a":[10000000000000000000000,-0.0,1.5e-7],"b":{"x":"é\n"}}"#, "[]", "7"] {
        let canonical = Value::decode(raw, 1).unwrap().to_json();
        assert_eq!(exact_json(&canonical), canonical);
    }
}
