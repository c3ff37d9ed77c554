//! Values for people: dates, numbers, sizes, names, and which words of two texts differ. Pure.

use chrono::{Datelike, Timelike};

pub use crate::words::{counted, number};
use crate::{catalog::kind::Kind, time::Timestamp};

/// "Avatars", "Talking photos".
pub fn heading(kind: Kind) -> String {
    column(kind.plural)
}

/// The name of a column for people: "avatars_listed" as "Avatars listed".
pub fn column(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut chars = words.chars();
    let first = chars.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

/// "41 kB", "1.8 MB".
pub fn bytes(size: i64) -> String {
    let size = size.max(0) as f64;
    match size {
        s if s < 1000.0 => format!("{s:.0} B"),
        s if s < 1_000_000.0 => format!("{:.0} kB", s / 1000.0),
        s => format!("{:.1} MB", s / 1_000_000.0),
    }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn month(at: Timestamp) -> &'static str {
    MONTHS.get(at.to_chrono().month0() as usize).copied().unwrap_or("")
}

/// "18 Nov 2026".
pub fn date(at: Timestamp) -> String {
    let day = at.to_chrono();
    format!("{} {} {}", day.day(), month(at), day.year())
}

/// "18 Nov", with the year where it is not that of `reference`.
pub fn short_date(at: Timestamp, reference: Timestamp) -> String {
    let (day, other) = (at.to_chrono(), reference.to_chrono());
    match day.year() == other.year() {
        true => format!("{} {}", day.day(), month(at)),
        false => date(at),
    }
}

/// "Fri, 20 Nov".
pub fn weekday_date(at: Timestamp, reference: Timestamp) -> String {
    format!("{}, {}", at.to_chrono().weekday(), short_date(at, reference))
}

/// "05:57".
pub fn clock(at: Timestamp) -> String {
    let time = at.to_chrono();
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// "18 Nov 2026, 05:57".
pub fn date_time(at: Timestamp) -> String {
    format!("{}, {}", date(at), clock(at))
}

/// "today 05:57" or "18 Nov 2026, 05:57".
pub fn today_or_date(at: Timestamp, now: Timestamp) -> String {
    match day(at) == day(now) {
        true => format!("today {}", clock(at)),
        false => date_time(at),
    }
}

/// "2026-11-23".
pub fn day(at: Timestamp) -> String {
    at.to_string()[..10].to_owned()
}

/// The first moment of the day, UTC.
pub fn start_of_day(at: Timestamp) -> Timestamp {
    let millis = at.millis();
    Timestamp::from_millis(millis - millis.rem_euclid(86_400_000))
}

/// "7 months", "3 days", in whole units; "less than a day" below that.
pub fn span(from: Timestamp, to: Timestamp) -> String {
    let days = (to.millis() - from.millis()).max(0) / 86_400_000;
    match days {
        0 => "less than a day".into(),
        1..=59 => counted(days, "day", "days"),
        60..=729 => counted(days / 30, "month", "months"),
        _ => counted(days / 365, "year", "years"),
    }
}

/// Text with what cannot be seen made visible: control characters, and direction marks that would
/// turn what stands around them.
pub fn visible(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| match c {
            '\n' => '↵',
            '\t' => ' ',
            c if c.is_control() || turns(c) => '\u{FFFD}',
            c => c,
        })
        .collect()
}

/// [`visible`], with blanks at the edges as `·`.
pub fn exact(text: &str) -> String {
    let shown = visible(text);
    let inner = shown.trim_matches(' ');
    if inner.is_empty() {
        return "·".repeat(shown.chars().count());
    }
    let before = shown.len() - shown.trim_start_matches(' ').len();
    let after = shown.len() - shown.trim_end_matches(' ').len();
    format!("{}{inner}{}", "·".repeat(before), "·".repeat(after))
}

/// [`visible`], with a blank as `·` where it stands alone.
pub fn exact_inside(text: &str) -> String {
    if text.chars().all(|c| c == ' ') { exact(text) } else { visible(text) }
}

/// Text for an attribute that a script reads back, letter for letter: line breaks, which HTML makes
/// alike, by their numbers. To be written as it is.
pub fn attribute(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' | '<' | '>' | '"' | '\'' | '\r' | '\n' | '\t' => {
                out.push_str(&format!("&#{};", u32::from(letter)));
            }
            other => out.push(other),
        }
    }
    out
}

/// A name for a tile: whole as far as any person would read it; both ends of a monstrous one.
pub fn tile_name(name: &str) -> String {
    let shown = visible(name);
    let letters: Vec<char> = shown.chars().collect();
    if letters.len() <= 240 {
        return shown;
    }
    let head: String = letters.iter().take(120).collect();
    let tail: String = letters.iter().skip(letters.len() - 100).collect();
    format!("{head} … {tail}")
}

/// A piece of a text that was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether both texts have it.
    pub same: bool,
}

/// Which words of two texts differ: the pieces of the old one, and of the new one.
pub fn compared(old: &str, new: &str) -> (Vec<Piece>, Vec<Piece>) {
    let (a, b) = (words(old), words(new));
    if a.len() > 300 || b.len() > 300 {
        return (whole(old), whole(new));
    }
    let common = longest_common(&a, &b);
    let shared = common.iter().any(|(at, _)| a[*at].chars().any(char::is_alphanumeric));
    if !shared {
        return (whole(old), whole(new));
    }
    let (kept_a, kept_b): (Vec<usize>, Vec<usize>) = common.into_iter().unzip();
    (pieces(&a, &kept_a), pieces(&b, &kept_b))
}

fn whole(text: &str) -> Vec<Piece> {
    vec![Piece { text: text.to_owned(), same: false }]
}

/// Runs of letters, digits and `_`, and each other character alone.
fn words(text: &str) -> Vec<&str> {
    let mut all = vec![];
    let mut start = 0;
    let part = |c: char| c.is_alphanumeric() || c == '_';
    for (at, c) in text.char_indices() {
        if !part(c) {
            if start < at {
                all.push(&text[start..at]);
            }
            all.push(&text[at..at + c.len_utf8()]);
            start = at + c.len_utf8();
        }
    }
    if start < text.len() {
        all.push(&text[start..]);
    }
    all
}

/// The places of a longest common subsequence.
fn longest_common(a: &[&str], b: &[&str]) -> Vec<(usize, usize)> {
    let width = b.len() + 1;
    let mut best = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            best[i * width + j] = match a[i] == b[j] {
                true => best[(i + 1) * width + j + 1] + 1,
                false => best[(i + 1) * width + j].max(best[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j, mut common) = (0, 0, vec![]);
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            common.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if best[(i + 1) * width + j] >= best[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    common
}

/// Words joined to runs that are the same or not; a blank between two that are not goes with them.
fn pieces(words: &[&str], kept: &[usize]) -> Vec<Piece> {
    let mut same: Vec<bool> = (0..words.len()).map(|at| kept.binary_search(&at).is_ok()).collect();
    for at in 1..words.len().saturating_sub(1) {
        if words[at] == " " && !same[at - 1] && !same[at + 1] {
            same[at] = false;
        }
    }
    let mut pieces: Vec<Piece> = vec![];
    for (word, same) in words.iter().zip(same) {
        match pieces.last_mut() {
            Some(last) if last.same == same => last.text.push_str(word),
            _ => pieces.push(Piece { text: (*word).to_owned(), same }),
        }
    }
    pieces
}

/// Two URLs of one host without what they begin with alike: `https://host/`.
pub fn without_host<'a>(old: &'a str, new: &'a str) -> (&'a str, &'a str) {
    let host_end = |text: &str| {
        let after = text.find("://").map(|at| at + 3)?;
        text[after..].find('/').map(|at| after + at + 1)
    };
    match (host_end(old), host_end(new)) {
        (Some(a), Some(b)) if old[..a] == new[..b] => (&old[a..], &new[b..]),
        _ => (old, new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pieces: &[Piece]) -> String {
        pieces
            .iter()
            .map(|p| if p.same { p.text.clone() } else { format!("[{}]", p.text) })
            .collect()
    }

    #[test]
    fn the_words_that_differ_are_found() {
        let told = |a, b| {
            let (old, new) = compared(a, b);
            (told(&old), told(&new))
        };
        assert_eq!(
            told("Annie Studio Rose Standing", "Annie Studio Pink Standing"),
            ("Annie Studio [Rose] Standing".into(), "Annie Studio [Pink] Standing".into())
        );
        assert_eq!(
            told("avatar/v3/a_1/x.webp", "avatar/v3/b_2/x.webp"),
            ("avatar/v3/[a_1]/x.webp".into(), "avatar/v3/[b_2]/x.webp".into())
        );
        assert_eq!(told("true", "false"), ("[true]".into(), "[false]".into()));
        assert_eq!(told("One Two", "Three Four"), ("[One Two]".into(), "[Three Four]".into()));
    }

    #[test]
    fn what_cannot_be_seen_is_made_visible() {
        assert_eq!(exact("  a\nb \u{202E}c "), "··a↵b \u{FFFD}c·");
        assert_eq!(exact("   "), "···");
        assert_eq!(tile_name(&"x".repeat(10_000)).chars().count(), 223);
    }

    #[test]
    fn an_attribute_gives_every_letter_back() {
        assert_eq!(attribute("a\r\n\"<é>&'"), "a&#13;&#10;&#34;&#60;é&#62;&#38;&#39;");
    }

    #[test]
    fn dates_are_short_where_the_year_is_plain() {
        let at = |text| Timestamp::parse(text).unwrap();
        assert_eq!(short_date(at("2026-11-18"), at("2026-01-01")), "18 Nov");
        assert_eq!(short_date(at("2025-11-18"), at("2026-01-01")), "18 Nov 2025");
        assert_eq!(weekday_date(at("2026-11-20"), at("2026-11-23")), "Fri, 20 Nov");
        assert_eq!(span(at("2026-04-24"), at("2026-11-23")), "7 months");
        assert_eq!(bytes(41_200), "41 kB");
    }
}
