use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

fn is_json(text: &str) -> bool {
    parse(text, JsonReader::value).is_ok()
}

#[test]
fn what_is_no_json_is_malformed() {
    for text in [
        "",
        " ",
        "nul",
        "truex",
        "[1,]",
        "[,1]",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\"}",
        "[1 2]",
        "1 2",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "\"",
        "\"a",
        "\"\n\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "[",
        "]",
        "{\"a\":[}",
        "\u{c}1",
        "\u{feff}1",
        "\0",
    ] {
        assert!(!is_json(text), "{text:?}");
    }
}

#[test]
fn a_value_stands_as_it_came_however_deep_it_is() {
    let deep = format!("{}-0.10e+05{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(parse(&format!(" {deep}\n"), JsonReader::value).map(Raw::get), Ok(&*deep));
    let raw = parse(r#" "a\u0000\ud800\ud83d\ude00" "#, JsonReader::value).unwrap();
    assert_eq!(raw.text().as_deref(), Some("a\u{FFFD}\u{FFFD}😀"));
}

#[test]
fn a_value_of_another_type_is_passed_over() {
    let read = |text| {
        parse(text, |reader| {
            let none = |_: Cow<'_, str>, _: &mut JsonReader<'_>| Ok(());
            Ok((reader.object(none)?, reader.peek()))
        })
    };
    assert_eq!(read("[{\"a\":[1]}] "), Ok((false, 0)));
    assert_eq!(read("{}"), Ok((true, 0)));
    assert_eq!(read("[1}"), Err(Malformed));
}

proptest! {
    #[test]
    fn the_grammar_is_that_of_serde_json(text in r#"[\[\]{}",:\\u0-9dDaeE.+\- \n\ttrufalsn]{0,24}"#) {
        prop_assert_eq!(is_json(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok());
    }
}
