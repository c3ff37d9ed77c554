//! Values as text for people: dates, numbers, sizes, names. Pure.

use chrono::Datelike;

pub use crate::words::{counted, number, sentence, visible};
use crate::{catalog::kind::Kind, time::Timestamp};

/// Returns the plural by which the gallery calls items of a kind: "people".
pub fn plural(kind: Kind) -> String {
    kind.title.to_lowercase()
}

/// Formats a number of items: "1 person", "24 people".
pub fn items(kind: Kind, count: i64) -> String {
    counted(count, kind.called, &plural(kind))
}

/// Returns the name of a column for people: "Avatars listed" for "avatars_listed".
pub fn column(name: &str) -> String {
    sentence(&name.replace('_', " "))
}

/// Formats a size: "41 kB", "1.8 MB".
pub fn bytes(size: i64) -> String {
    let size = size.max(0) as f64;
    match size {
        s if s < 1000.0 => format!("{s:.0} B"),
        s if s < 999_500.0 => format!("{:.0} kB", s / 1000.0),
        s => format!("{:.1} MB", s / 1_000_000.0),
    }
}

/// Formats a date: "18 Nov 2026".
pub fn date(at: Timestamp) -> String {
    at.to_chrono().format("%-d %b %Y").to_string()
}

/// Formats a date, with the year only if it is not that of `reference`: "18 Nov".
pub fn short_date(at: Timestamp, reference: Timestamp) -> String {
    let (day, other) = (at.to_chrono(), reference.to_chrono());
    match day.year() == other.year() {
        true => day.format("%-d %b").to_string(),
        false => date(at),
    }
}

/// Formats a month: "Nov".
pub fn month(at: Timestamp) -> String {
    at.to_chrono().format("%b").to_string()
}

/// Formats a date with its weekday: "Fri, 20 Nov".
pub fn weekday_date(at: Timestamp, reference: Timestamp) -> String {
    format!("{}, {}", at.to_chrono().weekday(), short_date(at, reference))
}

/// Formats a time of day: "05:57".
pub fn clock(at: Timestamp) -> String {
    at.to_chrono().format("%H:%M").to_string()
}

/// Formats a date and time: "18 Nov 2026, 05:57".
pub fn date_time(at: Timestamp) -> String {
    format!("{}, {}", date(at), clock(at))
}

/// Formats a time: "today 05:57" or "18 Nov 2026, 05:57".
pub fn today_or_date(at: Timestamp, now: Timestamp) -> String {
    match day(at) == day(now) {
        true => format!("today {}", clock(at)),
        false => date_time(at),
    }
}

/// Formats a day as in an address: "2026-11-23".
pub fn day(at: Timestamp) -> String {
    at.to_string()[..10].to_owned()
}

/// Returns the first moment of the day, UTC.
pub fn start_of_day(at: Timestamp) -> Timestamp {
    let millis = at.millis();
    Timestamp::from_millis(millis - millis.rem_euclid(86_400_000))
}

/// Formats a duration in whole units: "7 months", "3 days"; "less than a day" below that.
pub fn span(from: Timestamp, to: Timestamp) -> String {
    let days = (to.millis() - from.millis()).max(0) / 86_400_000;
    match days {
        0 => "less than a day".into(),
        1..=59 => counted(days, "day", "days"),
        60..=729 => counted(days / 30, "month", "months"),
        _ => counted(days / 365, "year", "years"),
    }
}

/// Returns the text as [`visible`] does, with spaces at the edges as `·`.
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

/// Returns the text as [`visible`] does, with spaces as `·` if there is nothing else.
pub fn exact_inside(text: &str) -> String {
    if text.chars().all(|c| c == ' ') { exact(text) } else { visible(text) }
}

/// Escapes text for an attribute that a script reads back unchanged. Line breaks become character
/// references, because HTML normalises them.
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

/// Returns a name as [`visible`] does, for a tile; a very long one is reduced to its two ends.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_made_visible() {
        assert_eq!(exact("  a\nb \u{202E}c "), "··a↵b \u{FFFD}c·");
        assert_eq!(exact("   "), "···");
        assert_eq!(tile_name(&"x".repeat(10_000)).chars().count(), 223);
    }

    #[test]
    fn an_attribute_keeps_every_character() {
        assert_eq!(attribute("a\r\n\"<é>&'"), "a&#13;&#10;&#34;&#60;é&#62;&#38;&#39;");
    }

    #[test]
    fn dates_omit_the_present_year() {
        let at = |text| Timestamp::parse(text).unwrap();
        assert_eq!(short_date(at("2026-11-18"), at("2026-01-01")), "18 Nov");
        assert_eq!(short_date(at("2025-11-18"), at("2026-01-01")), "18 Nov 2025");
        assert_eq!(weekday_date(at("2026-11-20"), at("2026-11-23")), "Fri, 20 Nov");
        assert_eq!(span(at("2026-04-24"), at("2026-11-23")), "7 months");
    }

    #[test]
    fn a_size_has_at_most_three_digits_before_its_unit() {
        let sizes = [999, 1_000, 41_200, 999_499, 999_600, 1_840_000];
        assert_eq!(sizes.map(bytes), ["999 B", "1 kB", "41 kB", "999 kB", "1.0 MB", "1.8 MB"]);
    }
}
