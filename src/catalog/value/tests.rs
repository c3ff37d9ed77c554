use super::*;
use proptest::prelude::*;

fn canonical(raw: &str) -> String {
    Value::decode(raw, 1).map(|value| value.to_json()).unwrap_or_else(|_| "too deep".into())
}

#[test]
fn numbers_are_compared_by_value() {
    for (same, forms) in [
        ("1", vec!["1", "1.0", "1e0", "10e-1", "0.1E+1"]),
        ("0", vec!["0", "-0", "0.0", "-0e7", "0e999999999999999999999"]),
        ("1000", vec!["1e3", "1000.000", "1E3"]),
        ("0.1", vec!["0.1", "0.10", "1e-1"]),
        ("1e+22", vec!["1e22", "10000000000000000000000", "10000000000000000000000.0"]),
        ("-1.5", vec!["-1.5", "-15e-1"]),
        ("9223372036854775807", vec!["9223372036854775807", "9223372036854775807.0"]),
    ] {
        for form in forms {
            assert_eq!(canonical(form), same, "{form}");
        }
    }
}

#[test]
fn a_number_that_no_machine_type_holds_is_kept_as_its_text() {
    assert_eq!(canonical("1180591620717411303424"), "\"1180591620717411303424\"");
    assert_eq!(canonical("1e400"), "\"1e400\"");
    assert_eq!(canonical("10E+399"), "\"1e400\"");
    assert_eq!(canonical("-1.5e-400"), "\"-1.5e-400\"");
    assert_eq!(canonical("0.1000000000000000055"), "\"0.1000000000000000055\"");
    assert_eq!(canonical("1e99999999999999999999"), "\"1e99999999999999999999\"");
    assert_eq!(canonical("9223372036854775808"), "\"9223372036854775808\"");
}

#[test]
fn only_nul_and_lone_surrogates_are_replaced_in_text() {
    assert_eq!(canonical(r#""a\u0000b""#), "\"a\u{FFFD}b\"");
    assert_eq!(canonical(r#""\ud83d\ude00 \ud83d x \ude00""#), "\"😀 \u{FFFD} x \u{FFFD}\"");
    assert_eq!(canonical(r#"" \t\n é ""#), "\" \\t\\n é \"");
    assert_eq!(canonical(r#"{"\ud800k":1,"\u0000":2}"#), "{\"\u{FFFD}\":2,\"\u{FFFD}k\":1}");
}

#[test]
fn of_a_repeated_key_the_last_one_wins_and_keys_are_sorted() {
    assert_eq!(canonical(r#"{"b":1,"a":2,"b":[3]}"#), r#"{"a":2,"b":[3]}"#);
}

#[test]
fn a_signature_goes_wherever_its_url_stands() {
    let url = "https://h/x?Expires=1759603506&Signature=s~-_&Key-Pair-Id=K1";
    let raw = format!(r#"{{"{url}":["{url}",{{"a":"{url}"}}],"https://h/x":2}}"#);
    assert_eq!(canonical(&raw), r#"{"https://h/x":2}"#);
    let raw = format!(r#"{{"a":{{"{url}":["{url}",1]}}}}"#);
    assert_eq!(canonical(&raw), r#"{"a":{"https://h/x":["https://h/x",1]}}"#);
}

#[test]
fn arrays_of_strings_are_sorted_and_other_arrays_are_not() {
    assert_eq!(canonical(r#"["b","a","b"]"#), r#"["a","b","b"]"#);
    assert_eq!(canonical(r#"["b",1,"a"]"#), r#"["b",1,"a"]"#);
    assert_eq!(canonical("[]"), "[]");
}

#[test]
fn nesting_is_counted_from_the_record() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(Value::decode(&nested(MAX_DEPTH - 1), 1).is_ok());
    assert_eq!(Value::decode(&nested(MAX_DEPTH), 1), Err(TooDeep));
    assert_eq!(Value::decode(&nested(100_000), 1), Err(TooDeep));
}

proptest! {
    #[test]
    fn canonical_json_is_a_fixed_point(raw in any_json()) {
        let once = canonical(&raw);
        prop_assert_eq!(canonical(&once), once);
    }

    #[test]
    fn any_double_keeps_its_value(number in proptest::num::f64::NORMAL) {
        let back: f64 = canonical(&format!("{number:e}")).parse().unwrap();
        prop_assert_eq!(back, number);
    }
}

fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,4})?",
        any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
        "[a-z\\\\]{0,0}\"\\\\ud8[0-9a-f]{2}(\\\\u[0-9a-f]{4})?\"",
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|v| format!("[{}]", v.join(","))),
            prop::collection::vec(("[a-c]{0,2}", inner), 0..5).prop_map(|v| {
                let pairs: Vec<_> = v.iter().map(|(k, v)| format!("\"{k}\": {v}")).collect();
                format!("{{{}}}", pairs.join(", "))
            }),
        ]
    })
}
