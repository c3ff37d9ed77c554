//! Formats numbers, plurals, durations and untrusted text for people, and words for a shell. Pure.

use std::time::Duration;

/// Formats 12345 as 12,345.
pub fn number(number: impl TryInto<i64>) -> String {
    let number = number.try_into().unwrap_or(i64::MAX);
    let digits = number.unsigned_abs().to_string();
    let mut out = String::from(if number < 0 { "−" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns "1 poll", "2 polls".
pub fn counted(count: impl TryInto<i64>, one: &str, many: &str) -> String {
    let count = count.try_into().unwrap_or(i64::MAX);
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// Returns lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The units of a duration, the largest first: milliseconds, singular, plural.
const UNITS: [(u128, &str, &str); 7] = [
    (31_557_600_000, " year", " years"),
    (2_629_800_000, " month", " months"),
    (86_400_000, " day", " days"),
    (3_600_000, "h", "h"),
    (60_000, "m", "m"),
    (1_000, "s", "s"),
    (1, "ms", "ms"),
];

/// Returns "1 year 7 months", "2h 5m" or "3m": rounded down, at most two units.
pub fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let first = UNITS.iter().position(|(unit, ..)| millis >= *unit);
    let Some(first) = first else { return "0s".into() };
    let mut rest = millis;
    let mut parts = vec![];
    for (unit, one, many) in UNITS.iter().skip(first).take(2) {
        let count = rest / unit;
        rest %= unit;
        if count > 0 {
            parts.push(format!("{count}{}", if count == 1 { one } else { many }));
        }
    }
    parts.join(" ")
}

/// Quotes a word for a shell, if it needs that.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// Quotes the words of a command for a shell.
pub fn shell_words<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(shell_word).collect::<Vec<_>>().join(" ")
}

/// Returns the text with a capital first letter.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|letter| letter.to_uppercase().collect::<String>());
    first.unwrap_or_default() + chars.as_str()
}

/// Returns whether a character changes the direction of the text after it.
pub fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Returns untrusted text in one line, with visible replacements for control characters and direction marks:
/// a name must not control a terminal, nor reverse the text around it.
pub fn visible(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' => '↵',
        '\t' => ' ',
        c if c.is_control() || is_direction_mark(c) => '\u{FFFD}',
        c => c,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_control_a_terminal() {
        assert_eq!(visible("a\u{1b}[31mb\nc\u{202E}\u{200F}"), "a\u{FFFD}[31mb↵c\u{FFFD}\u{FFFD}");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(
            [0_i64, 999, 1000, 1234567, -1000].map(number),
            ["0", "999", "1,000", "1,234,567", "−1,000"]
        );
    }

    #[test]
    fn one_has_its_own_form_and_every_other_number_the_plural() {
        let polls = |count: u64| counted(count, "poll", "polls");
        assert_eq!([0, 1, 2, 1000].map(polls), ["0 polls", "1 poll", "2 polls", "1,000 polls"]);
    }

    #[test]
    fn a_duration_has_at_most_two_units() {
        let of = |millis: u64| duration(Duration::from_millis(millis));
        assert_eq!(
            [0, 300, 4_000, 1_500, 180_000, 904_000, 7_500_000, 86_400_000, 50_113_488_000].map(of),
            ["0s", "300ms", "4s", "1s 500ms", "3m", "15m 4s", "2h 5m", "1 day", "1 year 7 months"]
        );
    }
}
