//! The difference of two values for people: the words that differ, in a line or in two columns. Pure.

use super::words;

/// The maximum number of words of a text in which differences are marked.
const LONGEST: usize = 300;

/// A run of text in a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which of the values contain it.
    pub is: Is,
    /// The text.
    pub text: String,
}

/// Which of the two values contain a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// It is in both values.
    Same,
    /// It is in the old value only.
    Was,
    /// It is in the new value only.
    Now,
    /// There is no value.
    Nothing,
}

/// Returns a value for people: the texts of an array separated by commas, any other value unchanged.
pub fn shown(value: &str) -> String {
    match value.starts_with('[') {
        true => serde_json::from_str::<Vec<String>>(value)
            .map_or_else(|_| value.to_owned(), |texts| texts.join(", ")),
        false => value.to_owned(),
    }
}

/// Returns the old and the new value, each with its differences marked.
pub fn columns(old: Option<&str>, new: Option<&str>) -> [Vec<Mark>; 2] {
    let (old, new) = (old.map(shown), new.map(shown));
    match (&old, &new) {
        (Some(old), Some(new)) => {
            let (old, new) = without_host(old, new);
            differences(old, new)
        }
        (old, new) => [single_mark(old.as_deref(), Is::Was), single_mark(new.as_deref(), Is::Now)],
    }
}

fn single_mark(text: Option<&str>, is: Is) -> Vec<Mark> {
    vec![match text {
        None => Mark { is: Is::Nothing, text: "nothing".into() },
        Some("") => Mark { is, text: "(empty)".into() },
        Some(text) => Mark { is, text: words::exact(text) },
    }]
}

/// Returns the old and the new text, each with the words marked that differ.
fn differences(old: &str, new: &str) -> [Vec<Mark>; 2] {
    let (a, b) = (words_of(old), words_of(new));
    let mut common = vec![];
    if a.len() <= LONGEST && b.len() <= LONGEST {
        common = longest_common(&a, &b);
    }
    if !common.iter().any(|(at, _)| a[*at].chars().any(char::is_alphanumeric)) {
        common.clear();
    }
    let (kept_a, kept_b): (Vec<usize>, Vec<usize>) = common.into_iter().unzip();
    [marks(&a, &kept_a, Is::Was), marks(&b, &kept_b, Is::Now)]
}

/// Joins words to runs of equal or of different words; a space between two different words counts as
/// different.
fn marks(words: &[&str], kept: &[usize], is: Is) -> Vec<Mark> {
    let mut same: Vec<bool> = (0..words.len()).map(|at| kept.binary_search(&at).is_ok()).collect();
    for at in 1..words.len().saturating_sub(1) {
        if words[at] == " " && !same[at - 1] && !same[at + 1] {
            same[at] = false;
        }
    }
    let mut marks: Vec<Mark> = vec![];
    for (word, same) in words.iter().zip(same) {
        let is = if same { Is::Same } else { is };
        match marks.last_mut() {
            Some(last) if last.is == is => last.text.push_str(word),
            _ => marks.push(Mark { is, text: (*word).to_owned() }),
        }
    }
    if marks.is_empty() {
        return single_mark(Some(""), is);
    }
    marks.iter_mut().for_each(|mark| mark.text = words::exact_inside(&mark.text));
    marks
}

/// Splits a text into runs of letters, digits and `_`, and single other characters.
fn words_of(text: &str) -> Vec<&str> {
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

/// Returns the positions of a longest common subsequence.
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

/// Returns two URLs without their common `https://host/`.
fn without_host<'a>(old: &'a str, new: &'a str) -> (&'a str, &'a str) {
    let host_end = |text: &str| {
        let after = text.find("://").map(|at| at + 3)?;
        text[after..].find('/').map(|at| after + at + 1)
    };
    match (host_end(old), host_end(new)) {
        (Some(a), Some(b)) if old[..a] == new[..b] => (&old[a..], &new[b..]),
        _ => (old, new),
    }
}

/// Returns both values in one line: common text once, old text before new text.
pub fn inline(old: Option<&str>, new: Option<&str>) -> Vec<Mark> {
    let [old, new] = columns(old, new);
    let mut line = vec![];
    let mut new = new.into_iter().peekable();
    for mark in old {
        match mark.is {
            Is::Same => {
                while let Some(added) = new.next_if(|mark| mark.is != Is::Same) {
                    line.push(added);
                }
                new.next();
                line.push(mark);
            }
            _ => line.push(mark),
        }
    }
    line.extend(new);
    line
}

/// Returns the sign of a change.
pub fn sign(change: &str) -> &'static str {
    match change {
        "added" => "+",
        "changed" => "~",
        "removed" => "−",
        _ => "↺",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(marks: &[Mark]) -> String {
        let each = marks.iter().map(|mark| match mark.is {
            Is::Same => mark.text.clone(),
            Is::Was => format!("[-{}-]", mark.text),
            Is::Now => format!("[+{}+]", mark.text),
            Is::Nothing => format!("({})", mark.text),
        });
        each.collect()
    }

    #[test]
    fn a_change_reads_as_one_line() {
        let line = |old, new| written(&inline(old, new));
        assert_eq!(line(Some("true"), Some("false")), "[-true-][+false+]");
        assert_eq!(
            line(Some("Colin Sitting Side"), Some("Colin Sitting Front")),
            "Colin Sitting [-Side-][+Front+]"
        );
        assert_eq!(
            line(Some(r#"["business","formal"]"#), Some(r#"["business","office"]"#)),
            "business, [-formal-][+office+]"
        );
        assert_eq!(
            line(Some("Annie Studio Rose Standing"), Some("Annie Studio Pink Standing")),
            "Annie Studio [-Rose-][+Pink+] Standing"
        );
        assert_eq!(
            line(Some("https://h/avatar/v3/a_1/x.webp"), Some("https://h/avatar/v3/b_2/x.webp")),
            "avatar/v3/[-a_1-][+b_2+]/x.webp"
        );
        assert_eq!(line(Some("One Two"), Some("Three Four")), "[-One Two-][+Three Four+]");
        assert_eq!(line(None, Some("a")), "(nothing)[+a+]");
        assert_eq!(line(Some("a\n"), Some("")), "[-a↵-][+(empty)+]");
    }
}
