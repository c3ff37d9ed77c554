use super::*;

fn refused(body: &str) -> String {
    let error = decode(body.as_bytes()).unwrap_err();
    assert_eq!(error.kind, crate::error::Kind::NotACatalogue);
    error.message
}

const EMPTY: &str = r#"{"error":null,"data":{"avatars":[],"talking_photos":[]}}"#;

#[test]
fn what_is_not_a_catalogue_is_refused() {
    assert!(refused("<html>").contains("not JSON"));
    assert!(refused("").contains("empty"));
    assert!(refused(&EMPTY[..30]).contains("cut off"));
    assert!(refused(&format!("{EMPTY}x")).contains("not JSON"));
    assert!(refused("[]").contains("not a JSON object"));
    assert!(refused("{}").contains("`data`"));
    assert!(refused(r#"{"data":null}"#).contains("`data`"));
    assert!(refused(r#"{"data":{"avatars":[]}}"#).contains("`talking_photos`"));
    assert!(
        refused(r#"{"data":{"avatars":null,"talking_photos":[]}}"#).contains("not a JSON array")
    );
    assert!(refused(r#"{"avatars":[],"talking_photos":[]}"#).contains("`data`"));
}

#[test]
fn an_error_is_refused_even_beside_a_list_and_never_quoted_whole() {
    let with = |error: &str| EMPTY.replace("null", error);
    assert!(refused(&with("\"busy\"")).contains("busy"));
    assert!(refused(&with("{}")).contains("unknown form"));
    assert!(refused(&with("false")).contains("unknown form"));
    let message =
        refused(&with(r#"{"code":400112,"message":"at https://h/x?Signature=s y","x":"z"}"#));
    assert!(message.contains("400112, at https://h/x?… y"), "{message}");
    assert!(decode(with("\"\"").as_bytes()).is_ok());
    assert!(decode(EMPTY.replace("\"error\":null,", "").as_bytes()).is_ok());
}

#[test]
fn a_byte_order_mark_is_tolerated_and_a_saved_file_may_be_data_alone() {
    assert!(decode(format!("\u{FEFF}{EMPTY}").as_bytes()).is_ok());
    let alone =
        decode_saved(&mut Cursor::new(r#" {"avatars":[],"talking_photos":[]}"#), &Arc::default());
    assert!(alone.is_ok_and(|answer| answer.is_some()));
}

#[test]
fn bad_records_never_cost_the_others() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let body = format!(
        r#"{{"data":{{"talking_photos":[],"avatars":[{{"avatar_id":"b","n":1e400}},7,{{"avatar_id":""}},
        {{"avatar_id":"d","x":{deep}}},{{"avatar_id":"a","s":"\ud800"}},{{"avatar_id":"b"}},{{"avatar_id":"a","x":{deep}}}]}}}}"#
    );
    let list = decode(body.as_bytes()).unwrap().lists.swap_remove(0);
    let ids: Vec<_> = list.records.iter().map(|record| record.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "b"]);
    assert_eq!((list.listed, list.duplicates), (3, 2));
    assert_eq!((list.rejected, list.unusable), (4, 2));
}

#[test]
fn the_apis_own_warning_becomes_one_line() {
    let body = EMPTY.replace(
        "\"error\":null",
        r#""warning":{"message":"v2 ends","sunset_date":"2026-11-01","docs_url":"https://d/x?k=1"}"#,
    );
    let answer = decode(body.as_bytes()).unwrap();
    assert_eq!(answer.warning.as_deref(), Some("v2 ends (sunset 2026-11-01, see https://d/x?…)"));
}
