//! Tests of every form of signature, complete and incomplete, and of what holds for any text.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// 2026-11-23T00:00:00Z.
const DAY: i64 = 1_795_392_000;

fn canonical(text: &str) -> Option<String> {
    parse(text).map(|signed| signed.canonical)
}

fn expiry(text: &str) -> Option<String> {
    parse(text).and_then(|signed| signed.expires_at).map(|time| time.to_string())
}

fn policy(json: &str) -> String {
    let text = base64::prelude::BASE64_STANDARD.encode(json);
    text.chars()
        .map(|c| match c {
            '+' => '-',
            '=' => '_',
            '/' => '~',
            other => other,
        })
        .collect()
}

fn with_policy(json: &str) -> String {
    format!("https://f.example/a.jpg?Policy={}&Signature=a~b-c_&Key-Pair-Id=K", policy(json))
}

#[test]
fn every_form_loses_its_signature_and_tells_its_expiry() {
    for (query, time) in [
        ("Expires=1795392000&Signature=a-b_c~&Key-Pair-Id=K", "2026-11-23T00:00:00.000Z"),
        (
            "Hash-Algorithm=SHA256&Expires=1795392000&Signature=a&Key-Pair-Id=K",
            "2026-11-23T00:00:00.000Z",
        ),
        (
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2Fb&X-Amz-Date=20261123T055709Z\
             &X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=ab12",
            "2026-11-23T06:57:09.000Z",
        ),
        ("AWSAccessKeyId=A&Signature=s%3D&Expires=1795392000", "2026-11-23T00:00:00.000Z"),
        (
            "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=c&X-Goog-Date=20261123T055709Z\
             &X-Goog-Expires=60&X-Goog-SignedHeaders=host&X-Goog-Signature=ab12",
            "2026-11-23T05:58:09.000Z",
        ),
        ("GoogleAccessId=a%40b&Expires=1795392000&Signature=s", "2026-11-23T00:00:00.000Z"),
        (
            "sv=2022-11-02&ss=b&srt=o&sr=b&st=2026-11-20&se=2026-11-23T05%3A57%3A09Z&sp=r&sip=1.1.1.1\
             &spr=https&skoid=1&sktid=2&skt=3&ske=4&sks=b&skv=5&sig=a%2Bb",
            "2026-11-23T05:57:09.000Z",
        ),
    ] {
        let url = format!("https://f.example/a.jpg?{query}");
        assert_eq!(canonical(&url).as_deref(), Some("https://f.example/a.jpg"), "{query}");
        assert_eq!(expiry(&url).as_deref(), Some(time), "{query}");
    }
}

#[test]
fn a_custom_policy_expires_with_its_earliest_statement() {
    let statement = |time: &str| {
        format!(
            r#"{{"Resource":"https://f.example/ÿ?","Condition":{{"DateLessThan":{{"AWS:EpochTime":{time}}}}}}}"#
        )
    };
    let of = |statements: &[String]| {
        expiry(&with_policy(&format!(r#"{{"Statement":[{}]}}"#, statements.join(","))))
    };
    let day = Some("2026-11-23T00:00:00.000Z".to_owned());
    assert_eq!(of(&[statement("1795392000")]), day);
    assert_eq!(of(&[statement("\"1795392000\"")]), day);
    assert_eq!(of(&[statement("1795399999"), "{}".into(), statement("1795392000")]), day);
    assert_eq!(of(&[statement("null")]), None);
    assert_eq!(of(&[]), None);
}

#[test]
fn a_policy_that_cannot_be_read_leaves_the_expiry_unknown() {
    for value in ["", "!", "e30_", "%ff", "bm8ganNvbg__"] {
        let url = format!("https://f.example/a?Policy={value}&Signature=s&Key-Pair-Id=K");
        assert_eq!(canonical(&url).as_deref(), Some("https://f.example/a"), "{value}");
        assert_eq!(expiry(&url), None, "{value}");
    }
}

#[test]
fn a_policy_is_read_without_its_padding_and_percent_encoded() {
    let text = policy(
        r#"{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":1795392000}},"R":"?"}]}"#,
    );
    for value in [text.trim_end_matches('_').to_owned(), text.replace('_', "%5F")] {
        let url = format!("https://f.example/a?Policy={value}&Signature=s&Key-Pair-Id=K");
        assert_eq!(expiry(&url).as_deref(), Some("2026-11-23T00:00:00.000Z"), "{value}");
    }
}

#[test]
fn a_set_that_is_not_whole_stays() {
    for query in [
        "",
        "Expires=1795392000",
        "Expires=1795392000&Signature=s",
        "Expires=1795392000&Key-Pair-Id=K",
        "Policy=e30_&Key-Pair-Id=K",
        "AWSAccessKeyId=A&Signature=s",
        "GoogleAccessId=A&Expires=1795392000",
        "X-Amz-Date=20261123T055709Z&X-Amz-Expires=60",
        "X-Goog-Date=20261123T055709Z&X-Goog-Expires=60",
        "sig=abc",
        "sv=1&sig=abc",
        "se=2026-11-23&sp=r",
        "MySignature=s&Key-Pair-Id=K",
    ] {
        assert_eq!(parse(&format!("https://f.example/a.jpg?{query}")), None, "{query}");
    }
}

#[test]
fn only_http_urls_with_a_query_are_read() {
    let query = "?Expires=1795392000&Signature=s&Key-Pair-Id=K";
    for start in ["", "ftp://f.example/a", "//f.example/a", "https", "https:", "https://", "ö"] {
        assert_eq!(parse(&format!("{start}{query}")), None, "{start}");
    }
    assert_eq!(parse(&format!("https://f.example/a#{query}")), None);
    assert_eq!(canonical(&format!("HTTP://f.example/a{query}")).unwrap(), "HTTP://f.example/a");
}

const SET: &str = "Expires=1795392000&Signature=s&Key-Pair-Id=K";

#[test]
fn what_a_browser_reads_as_a_signed_url_is_one() {
    let set = SET;
    for (text, url, canonical) in [
        (format!(" \t\nhttps://h/a?{set}\r\n\u{1} "), format!("https://h/a?{set}"), "https://h/a"),
        (
            format!("\u{FEFF}\u{A0}https://h/a?{set}\u{2003}"),
            format!("https://h/a?{set}"),
            "https://h/a",
        ),
        (format!("\u{FFFD}https://h/a?{set}"), format!("https://h/a?{set}"), "https://h/a"),
        (
            "ht\ntps:\t//h/a?Expires=1795392000&Sig\r\nnature=s&Key-Pair-Id=K".into(),
            format!("https://h/a?{set}"),
            "https://h/a",
        ),
        (format!("https:\\\\h/a?{set}"), format!("https://h/a?{set}"), "https://h/a"),
        (format!("HTTPS:/h/a?{set}"), format!("HTTPS://h/a?{set}"), "HTTPS://h/a"),
        (format!("http:h/a?{set}"), format!("http://h/a?{set}"), "http://h/a"),
        (format!("https:////h/a?{set}"), format!("https://h/a?{set}"), "https://h/a"),
        (
            format!("https://h/a?v=1&amp;{}&amp;w=2", set.replace('&', "&amp;")),
            format!("https://h/a?v=1&{set}&w=2"),
            "https://h/a?v=1&w=2",
        ),
        (
            format!("https://h/a?v=1&#38;{}&#X26;w=2", set.replace('&', "&AMP;")),
            format!("https://h/a?v=1&{set}&w=2"),
            "https://h/a?v=1&w=2",
        ),
        (
            format!("https://h/a&amp;b?{}#c&amp;d", set.replace('&', "&amp;amp;")),
            format!("https://h/a&amp;b?{set}#c&amp;d"),
            "https://h/a&amp;b#c&amp;d",
        ),
    ] {
        let signed = parse(&text).unwrap_or_else(|| panic!("{text:?} is not known as signed"));
        assert_eq!(
            (&*signed.url, signed.canonical.as_str()),
            (url.as_str(), canonical),
            "{text:?}"
        );
        assert!(signed.expires_at.is_some(), "{text:?}");
        assert!(!format!("{signed:?}").contains("Signature"), "{signed:?}");
    }
}

#[test]
fn a_url_without_a_whole_set_is_not_read_otherwise_than_it_came() {
    for text in [" https://h/a?v=1&amp;w=2 ", "https:/h/a?Expires=1&amp;Signature=s"] {
        assert_eq!(parse(text), None, "{text}");
    }
}

#[test]
fn all_else_of_the_url_stays_byte_for_byte() {
    for (from, to) in [
        (
            "https://h/ö a/%zz?b=2&a=1&{}&a=%2&c#Expires=1",
            "https://h/ö a/%zz?b=2&a=1&a=%2&c#Expires=1",
        ),
        ("https://h/a?{}#f?g#h", "https://h/a#f?g#h"),
        ("https://h/a?x?y=1&{}", "https://h/a?x?y=1"),
        ("https://h/a?&&{}&", "https://h/a?&&"),
        ("https://h:443/a/../b?{}", "https://h:443/a/../b"),
    ] {
        let from = from.replace("{}", "Expires=1795392000&Signature=s&Key-Pair-Id=K");
        assert_eq!(canonical(&from).as_deref(), Some(to), "{from}");
    }
}

#[test]
fn names_are_compared_decoded_and_without_regard_to_case() {
    let url = "https://h/a?EXPIRES=1795392000&%53ignature=s&key%2Dpair%2did=K&v=1";
    assert_eq!(canonical(url).as_deref(), Some("https://h/a?v=1"));
    assert_eq!(expiry(url).as_deref(), Some("2026-11-23T00:00:00.000Z"));
}

#[test]
fn other_forms_keep_what_is_not_theirs() {
    let url = "https://h/a?Policy=mine&AWSAccessKeyId=A&Signature=s&Expires=1795392000&sp=1";
    assert_eq!(canonical(url).as_deref(), Some("https://h/a?Policy=mine&sp=1"));
    let url = "https://h/a?Expires=mine&X-Amz-Signature=s&X-Goog-Date=d";
    assert_eq!(canonical(url).as_deref(), Some("https://h/a?Expires=mine&X-Goog-Date=d"));
}

#[test]
fn two_signatures_expire_with_the_earlier() {
    let url = "https://h/a?Expires=1795392000&Signature=s&Key-Pair-Id=K&sig=s&se=2026-11-22";
    assert_eq!(expiry(url).as_deref(), Some("2026-11-22T00:00:00.000Z"));
    assert_eq!(canonical(url).as_deref(), Some("https://h/a"));
}

#[test]
fn azure_may_leave_out_the_time_or_the_seconds_and_may_have_an_offset() {
    for (se, time) in [
        ("2026-11-23", Some("2026-11-23T00:00:00.000Z")),
        ("2026-11-23T05:57Z", Some("2026-11-23T05:57:00.000Z")),
        ("2026-11-23T05%3A57%2B02%3A00", Some("2026-11-23T03:57:00.000Z")),
        ("2026-11-23T05:57:09+02:00", Some("2026-11-23T03:57:09.000Z")),
        ("2026-11-23T05:57:09.1234567Z", Some("2026-11-23T05:57:09.123Z")),
        ("1999-12-31", None),
        ("+12026-11-23", None),
        ("12026-11-23", None),
        ("soon", None),
        ("", None),
    ] {
        let url = format!("https://h/a?se={se}&sig=s");
        assert_eq!(canonical(&url).as_deref(), Some("https://h/a"), "{se}");
        assert_eq!(expiry(&url).as_deref(), time, "{se}");
    }
}

#[test]
fn an_expiry_out_of_range_or_unreadable_is_unknown() {
    for value in ["946684799", "253402300800", "-1", "1e9", "", "99999999999999999999", "%F0%9F"] {
        let url = format!("https://h/a?Expires={value}&Signature=s&Key-Pair-Id=K");
        assert_eq!(parse(&url).map(|signed| signed.expires_at), Some(None), "{value}");
    }
    for (date, lifetime) in [
        ("20261123T055709Z", "-1"),
        ("20261123T055709Z", "99999999999999"),
        ("20261323T055709Z", "60"),
        ("99991231T235959Z", "60"),
        ("", ""),
    ] {
        let url =
            format!("https://h/a?X-Amz-Date={date}&X-Amz-Expires={lifetime}&X-Amz-Signature=");
        assert_eq!(parse(&url).map(|signed| signed.expires_at), Some(None), "{date} {lifetime}");
    }
}

/// Generates URLs whose queries have parameters called `names`, among others, and broken escapes.
fn url(names: &[&'static str]) -> impl Strategy<Value = String> {
    let names = prop::sample::select([names, &["a", "%", "%5", "ö", ""]].concat());
    let piece =
        (names, "(=[0-9a-zé%~_=?-]{0,12})?").prop_map(|(name, value)| format!("{name}{value}"));
    let start = "https?://[a-zö.]{1,8}/[^?#\t\n\r]{0,8}";
    (start, prop::collection::vec(piece, 0..6), "(#[a-z?&=]{0,6})?").prop_map(
        |(start, pieces, fragment)| {
            let mark = if pieces.is_empty() { "" } else { "?" };
            format!("{start}{mark}{}{fragment}", pieces.join("&"))
        },
    )
}

/// The names that decide whether a set is complete, and some that belong to these sets.
const NAMES: &[&str] = &[
    "Expires",
    "signature",
    "Key-Pair-Id",
    "%4bey-Pair-Id",
    "Policy",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Goog-Signature",
    "AWSAccessKeyId",
    "GoogleAccessId",
    "sig",
    "se",
    "skoid",
];

/// Parts of signed URLs, in various notations.
const DISGUISES: &[&str] = &[
    "https:",
    "HTTP:",
    "//",
    "/",
    "\\",
    "h",
    "h.example/a",
    "?",
    "&",
    "&",
    "#",
    " ",
    "\t",
    "\n",
    "\r",
    "\u{1}",
    "\0",
    "Sig",
    "nature",
    "=s",
    "Signature=s",
    "Key-Pair-Id=K",
    "Expires=1",
    "v=1",
    "@",
    ":80",
    "https://h/a?Signature=s&Key-Pair-Id=K",
];

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), tail in any::<String>()) {
        parse(&text);
        parse(&format!("https://{text}?se={tail}&sig"));
        parse(&format!("https://h?Policy={text}&Signature&Key-Pair-Id"));
    }

    #[test]
    fn a_canonical_url_is_not_signed(url in url(NAMES)) {
        if let Some(signed) = parse(&url) {
            prop_assert_eq!(parse(&signed.canonical), None);
        }
    }

    /// The reference is the parser of the crate `url`, which follows the standard for browsers.
    #[test]
    fn no_text_that_a_browser_reads_as_a_signed_url_keeps_its_signature(
        pieces in prop::collection::vec(prop::sample::select(DISGUISES), 0..24),
    ) {
        let text = pieces.concat();
        let read = url::Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let names: Vec<String> = read
            .iter()
            .flat_map(|url| url.query().unwrap_or_default().split('&'))
            .map(|pair| pair.split('=').next().unwrap().to_ascii_lowercase())
            .collect();
        let has = |name: &str| names.iter().any(|known| known == name);
        if has("signature") && has("key-pair-id") {
            let signed = parse(&text);
            prop_assert!(signed.is_some(), "{text:?}");
            let canonical = signed.unwrap().canonical;
            prop_assert_eq!(parse(&canonical), None);
        }
    }

    #[test]
    fn a_signed_url_is_the_same_however_it_is_disguised(
        url in url(&["v"]),
        before in "[\u{0}-\u{20}]{0,4}",
        after in "[\u{0}-\u{20}]{0,4}",
        breaks in prop::collection::vec((0usize..200, prop::sample::select(&['\t', '\n', '\r'][..])), 0..4),
        escaped in any::<bool>(),
    ) {
        let (address, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
        let mark = if address.contains('?') { '&' } else { '?' };
        let plain = format!("{address}{mark}{SET}{fragment}");
        let query = plain.find('?').unwrap();
        let end = plain.find('#').unwrap_or(plain.len());
        let mut disguised = match escaped {
            true => [&plain[..query], &plain[query..end].replace('&', "&amp;"), fragment].concat(),
            false => plain.clone(),
        };
        for (at, c) in breaks {
            let at = disguised.floor_char_boundary(at.min(disguised.len()));
            disguised.insert(at, c);
        }
        let disguised = format!("{before}{disguised}{after}");
        let (one, other) = (parse(&plain).unwrap(), parse(&disguised).unwrap());
        prop_assert_eq!(&one.url, &plain);
        prop_assert_eq!(one.url, other.url);
        prop_assert_eq!(one.canonical, other.canonical);
        prop_assert_eq!(one.expires_at, other.expires_at);
    }

    #[test]
    fn signing_a_url_and_taking_the_signature_off_gives_it_back(
        url in url(&["v", "Expire", "X-Amz-Date", "sig"]),
        signature in "[A-Za-z0-9~_-]{1,40}",
    ) {
        let (before, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
        let mark = if before.contains('?') { '&' } else { '?' };
        let signed = format!(
            "{before}{mark}Expires={DAY}&Signature={signature}&Key-Pair-Id=K{fragment}"
        );
        let read = parse(&signed).unwrap();
        prop_assert_eq!(read.canonical, url);
        prop_assert_eq!(read.expires_at, Timestamp::expiry_from_seconds(DAY));
    }

    #[test]
    fn the_usual_form_is_read_as_any_other(
        parts in prop::sample::subsequence(
            vec!["https://", "h", "/a", "&b", "?", "Expires=", "17", "95392000", "&", "Signature=",
                 "s~-_", "&amp;", "&", "Key-Pair-Id=", "K", "#", " ", "&x=1", "é"], 14..=19),
        kept in 0..8_usize,
    ) {
        // At most one part that the usual form does not have.
        let rare = ["&b", "&amp;", "#", " ", "&x=1", "é"];
        let is_kept = |part: &&str| {
            rare.iter().position(|rare| rare == part).is_none_or(|at| at == kept)
        };
        let parts: Vec<_> = parts.into_iter().filter(is_kept).collect();
        let text = parts.concat();
        prop_assert_eq!(parse(&text), any_form(&text), "{}", text);
    }
}
