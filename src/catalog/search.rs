//! Search that ignores case, diacritics and the order of words. Pure.
//!
//! Text is folded here, except ASCII, which both databases fold in the same way. They only compare
//! folded text with folded words, so both find the same items.

use std::{borrow::Cow, cmp::Reverse, collections::HashMap};

use foldhash::fast::RandomState;
use unicode_normalization::char::{canonical_combining_class, decompose_compatible};

/// The lowest class of the marks that are removed: accents, points and tone marks. Marks of a lower
/// class change a letter into another one (the voiced sound mark of kana, the virama).
const DIACRITIC: u8 = 10;

/// The longest search, in bytes.
pub const LONGEST: usize = 1_024;

/// The maximum number of suggested searches.
const SUGGESTIONS: usize = 3;

/// Returns the text without case and diacritics.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    text.chars().for_each(|letter| fold_letter(letter, |part| folded.push(part)));
    folded
}

/// Returns the text by which an item is found: its folded name and id, on a line each, so that no
/// word matches across both. `None` if both are ASCII, which the databases fold.
pub fn text(name: Option<&str>, id: &str) -> Option<String> {
    let name = name.unwrap_or_default();
    let is_ascii = name.is_ascii() && id.is_ascii();
    (!is_ascii).then(|| format!("{}\n{}", fold(name), fold(id)))
}

/// Returns the folded words of a search, each once.
pub fn words(query: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![];
    for word in fold(query).split_whitespace() {
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

/// Returns whether the folded text contains all folded words.
pub fn matches(text: &str, words: &[String]) -> bool {
    words.iter().all(|word| text.contains(word.as_str()))
}

/// Splits a text into parts, each with whether it matches one of the folded words.
pub fn marked<'a>(text: &'a str, words: &[String]) -> Vec<(&'a str, bool)> {
    // For each byte of the folded text, the place in `text` of the letter that it comes from.
    let (mut folded, mut places) = (String::new(), vec![]);
    for (at, letter) in text.char_indices() {
        fold_letter(letter, |part| folded.push(part));
        places.resize(folded.len(), at);
    }
    let mut is_marked = vec![false; text.len()];
    for word in words.iter().filter(|word| !word.is_empty()) {
        for (start, found) in folded.match_indices(word.as_str()) {
            let last = places[start + found.len() - 1];
            let end = text[last..].chars().next().map_or(last, |letter| last + letter.len_utf8());
            is_marked[places[start]..end].fill(true);
        }
    }
    let (mut parts, mut start) = (vec![], 0);
    for (at, letter) in text.char_indices() {
        let end = at + letter.len_utf8();
        if at > 0 && canonical_combining_class(letter) >= DIACRITIC {
            // A mark that is removed belongs to the letter before it.
            let with_letter = is_marked[at - 1];
            is_marked[at..end].fill(with_letter);
        }
        if at > start && is_marked[at] != is_marked[start] {
            parts.push((&text[start..at], is_marked[start]));
            start = at;
        }
    }
    if start < text.len() {
        parts.push((&text[start..], is_marked[start]));
    }
    parts
}

/// Returns other searches for `words` that together find nothing, each with the number of folded
/// `texts` that it finds: with unknown words replaced by the most similar ones, else single words. At most a
/// third of the letters of a word differ, and at most 3.
pub fn suggestions(words: &[String], texts: &[&str]) -> Vec<(String, usize)> {
    let count = |words: &[String]| texts.iter().filter(|text| matches(text, words)).count();
    let mut known = None;
    let similar = words.iter().map(|word| match (word.chars().count() / 3).min(3) {
        _ if texts.iter().any(|text| text.contains(&**word)) => Some(word.clone()),
        0 => None,
        most => nearest(word, most, known.get_or_insert_with(|| vocabulary(texts))),
    });
    let similar: Vec<String> = similar.flatten().collect();
    let all = count(&similar);
    if all > 0 && !similar.is_empty() {
        return vec![(similar.join(" "), all)];
    }
    let alone = similar.into_iter().map(|word| (word.clone(), count(&[word])));
    let mut alone: Vec<(String, usize)> = alone.collect();
    alone.sort_by_key(|(_, items)| *items);
    alone.truncate(SUGGESTIONS);
    alone
}

/// Counts how often each word occurs.
fn vocabulary<'a>(texts: &[&'a str]) -> HashMap<&'a str, usize, RandomState> {
    let mut known = HashMap::default();
    for word in texts.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric())) {
        if (3..40).contains(&word.len()) {
            *known.entry(word).or_default() += 1;
        }
    }
    known
}

/// Returns the most similar word, in which the fewest letters differ, at most `most`.
fn nearest(word: &str, most: usize, known: &HashMap<&str, usize, RandomState>) -> Option<String> {
    let near = known.iter().filter(|(other, _)| other.len().abs_diff(word.len()) <= 2 * most);
    let near = near.map(|(other, often)| (strsim::osa_distance(word, other), *often, *other));
    let near = near.filter(|(distance, ..)| (1..=most).contains(distance));
    let best = near.min_by_key(|(distance, often, other)| (*distance, Reverse(*often), *other));
    best.map(|(.., other)| other.to_owned())
}

/// Calls `each` with the letters that a letter is folded to. Folds via upper case, which expands
/// `ß` and unifies the two forms of the Greek sigma.
fn fold_letter(letter: char, mut each: impl FnMut(char)) {
    if letter.is_ascii() {
        return each(letter.to_ascii_lowercase());
    }
    decompose_compatible(letter, |part| {
        if canonical_combining_class(part) >= DIACRITIC {
            return;
        }
        let upper = part.to_lowercase().flat_map(char::to_uppercase);
        for lower in upper.flat_map(char::to_lowercase) {
            plain(lower).chars().for_each(&mut each);
        }
    });
}

/// Returns the plain letters for a letter that Unicode does not decompose.
fn plain(letter: char) -> Cow<'static, str> {
    Cow::Borrowed(match letter {
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'þ' => "th",
        'æ' => "ae",
        'œ' => "oe",
        other => return Cow::Owned(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_diacritics_do_not_matter() {
        for (text, folded) in [
            ("Zoë", "zoe"),
            ("Zoe\u{308}", "zoe"),
            ("АЛИНА", "алина"),
            ("Größe", "grosse"),
            ("ΣΟΦΟΣ Σοφός", "σοφοσ σοφοσ"),
            ("İstanbul ısı", "istanbul isi"),
            ("Søren Łukasz Æsir", "soren lukasz aesir"),
            ("Ａｎｎｉｅ ﬁt", "annie fit"),
            ("が", "か\u{3099}"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for letter in '\0'..='\u{FFFF}' {
            let once = fold(&letter.to_string());
            assert_eq!(fold(&once), once, "{letter:?}");
        }
    }

    #[test]
    fn every_found_part_is_marked_whole() {
        let marks = |text, query: &str| -> String {
            let parts = marked(text, &words(query));
            assert_eq!(parts.iter().map(|(part, _)| *part).collect::<String>(), text);
            let shown = parts.iter().map(|(part, is)| match is {
                true => format!("[{part}]"),
                false => (*part).to_owned(),
            });
            shown.collect()
        };
        assert_eq!(marks("Annie in Blue Suit", "SUIT annie"), "[Annie] in Blue [Suit]");
        assert_eq!(marks("Zoë Zoe\u{308}", "zoe"), "[Zoë] [Zoe\u{308}]");
        assert_eq!(marks("Straße", "ss"), "Stra[ß]e");
        assert_eq!(marks("aaa", "aa a"), "[aaa]");
        assert_eq!(marks("", "x"), "");
    }

    #[test]
    fn a_mistyped_word_is_replaced_by_the_most_similar_one() {
        let texts = ["annie in blue suit\na1", "anna in red suit\na2", "bob\nb1"];
        let suggested = |query: &str| suggestions(&words(query), &texts);
        assert_eq!(suggested("anie siut"), [("annie suit".to_owned(), 1)]);
        assert_eq!(suggested("bob suit"), [("bob".to_owned(), 1), ("suit".to_owned(), 2)]);
        assert_eq!(suggested("xyzzy"), []);
    }
}
