//! When a version of the API ends, as its answers announce it.
//!
//! An answer's announcement becomes one line, which `polls.warning` stores; the date is parsed back
//! from there.

use reqwest::header::HeaderMap;

use crate::time::{DAY, Timestamp};

/// The text before the header's date in a notice.
const BY_HEADER: [&str; 2] = ["this endpoint is deprecated and ends on ", "this endpoint ends on "];
/// The text before the body's date in a notice.
const BY_BODY: &str = "(sunset ";

/// Returns the notice of the headers `deprecation` (RFC 9745, or `true`) and `sunset` (RFC 8594).
pub(super) fn notice(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let deprecation = text("deprecation").filter(|value| *value != "false");
    match (deprecation, text("sunset")) {
        (None, None) => None,
        (Some(_), None) => Some("this endpoint is deprecated".to_owned()),
        (None, Some(end)) => Some(format!("{}{end}", BY_HEADER[1])),
        (Some(_), Some(end)) => Some(format!("{}{end}", BY_HEADER[0])),
    }
}

/// Joins the notices of the headers and of the body.
pub(super) fn join(header: Option<&str>, body: Option<String>) -> Option<String> {
    match (header, body) {
        (Some(header), Some(body)) => Some(format!("{header}; {body}")),
        (header, body) => body.or_else(|| header.map(str::to_owned)),
    }
}

/// Returns the first moment after the end date in a notice: the header's date, or else the body's.
/// `None` if neither can be parsed.
pub fn over_from(notice: &str) -> Option<Timestamp> {
    let by_header = BY_HEADER.iter().find_map(|start| notice.strip_prefix(start));
    let by_body = notice.rfind(BY_BODY).map(|at| &notice[at + BY_BODY.len()..]);
    by_header.and_then(day_after).or_else(|| by_body.and_then(day_after))
}

/// Returns the day after the date at the start of `text`, in a form of HTTP or as `2026-10-31`.
fn day_after(text: &str) -> Option<Timestamp> {
    let field = text.split([';', ')']).next().unwrap_or(text).trim();
    let iso = field.get(..10).and_then(Timestamp::parse);
    let time = iso.or_else(|| Timestamp::parse_http_date(field))?;
    let day = DAY.as_millis() as i64;
    Some(Timestamp::from_millis(time.millis().div_euclid(day) * day).plus(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_the_headers_or_else_the_bodys_and_a_malformed_one_counts_as_absent() {
        let over = |notice: &str| over_from(notice).map(|time| time.to_string());
        let day = |day: &str| Some(format!("{day}T00:00:00.000Z"));
        let header = "this endpoint is deprecated and ends on Sat, 31 Oct 2026 23:59:59 GMT";
        assert_eq!(over(header), day("2026-11-01"));
        assert_eq!(over("this endpoint ends on 2026-12-05T10:00:00Z; x"), day("2026-12-06"));
        let body = "v2 ends (sunset 2027-01-31, instead /v3/avatars/looks)";
        assert_eq!(over(body), day("2027-02-01"));
        assert_eq!(over(&format!("{header}; {body}")), day("2026-11-01"));
        let malformed = format!("this endpoint ends on soon; {body}");
        assert_eq!(over(&malformed), day("2027-02-01"));
        for none in ["this endpoint is deprecated", "ends on 2026-10-31", "(sunset never)", ""] {
            assert_eq!(over(none), None, "{none}");
        }
    }
}
