//! The difference of two values for people: the words that differ, in a line or in two columns. Pure.

use super::{
    compare::{self, Piece},
    words,
};

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

impl Mark {
    fn new(is: Is, text: &str) -> Self {
        Self { is, text: words::exact_inside(text) }
    }
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
            let (old, new) = compare::without_host(old, new);
            let (a, b) = compare::compared(old, new);
            [marked(&a, Is::Was), marked(&b, Is::Now)]
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

fn marked(pieces: &[Piece], is: Is) -> Vec<Mark> {
    let mark = |piece: &Piece| Mark::new(if piece.same { Is::Same } else { is }, &piece.text);
    let marks: Vec<Mark> = pieces.iter().map(mark).collect();
    match marks.iter().all(|mark| mark.text.is_empty()) {
        true => single_mark(Some(""), is),
        false => marks,
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
        assert_eq!(line(None, Some("a")), "(nothing)[+a+]");
        assert_eq!(line(Some("a\n"), Some("")), "[-a↵-][+(empty)+]");
    }
}
