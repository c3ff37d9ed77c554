//! Which words of two texts differ. Pure.

/// A piece of a compared text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether both texts contain it.
    pub same: bool,
}

/// Compares two texts by words; returns the pieces of the old and of the new text.
pub fn compared(old: &str, new: &str) -> (Vec<Piece>, Vec<Piece>) {
    let (a, b) = (words(old), words(new));
    if a.len() > 300 || b.len() > 300 {
        return (unshared(old), unshared(new));
    }
    let common = longest_common(&a, &b);
    let shared = common.iter().any(|(at, _)| a[*at].chars().any(char::is_alphanumeric));
    if !shared {
        return (unshared(old), unshared(new));
    }
    let (kept_a, kept_b): (Vec<usize>, Vec<usize>) = common.into_iter().unzip();
    (pieces(&a, &kept_a), pieces(&b, &kept_b))
}

fn unshared(text: &str) -> Vec<Piece> {
    vec![Piece { text: text.to_owned(), same: false }]
}

/// Splits a text into runs of letters, digits and `_`, and single other characters.
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

/// Joins words to runs of equal or of different words; a space between two different words counts as
/// different.
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

/// Returns two URLs without their common `https://host/`.
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

    fn marked(pieces: &[Piece]) -> String {
        pieces
            .iter()
            .map(|p| if p.same { p.text.clone() } else { format!("[{}]", p.text) })
            .collect()
    }

    #[test]
    fn the_words_that_differ_are_found() {
        let of = |a, b| {
            let (old, new) = compared(a, b);
            (marked(&old), marked(&new))
        };
        assert_eq!(
            of("Annie Studio Rose Standing", "Annie Studio Pink Standing"),
            ("Annie Studio [Rose] Standing".into(), "Annie Studio [Pink] Standing".into())
        );
        assert_eq!(
            of("avatar/v3/a_1/x.webp", "avatar/v3/b_2/x.webp"),
            ("avatar/v3/[a_1]/x.webp".into(), "avatar/v3/[b_2]/x.webp".into())
        );
        assert_eq!(of("true", "false"), ("[true]".into(), "[false]".into()));
        assert_eq!(of("One Two", "Three Four"), ("[One Two]".into(), "[Three Four]".into()));
    }
}
