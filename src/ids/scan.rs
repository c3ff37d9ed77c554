//! Finds ids in any text: known ones anywhere, and unknown ones beside the name of an id field. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use csv::ReaderBuilder;

use super::RequestedId;
use crate::catalog::kind::Kind;

/// The id fields whose values are reported even if they are not known.
const FIELDS: [(&str, &str); 3] =
    [("avatar_id", "avatar"), ("talking_photo_id", "talking_photo"), ("voice_id", "voice")];

/// The minimum length of an id that has no quotes or is a default, in bytes; others may have any length.
const SHORTEST: usize = 8;

/// All known ids, by their first word.
pub struct Scanner {
    known: BTreeMap<String, Vec<Id>>,
    fields: Vec<String>,
}

/// An id, split before its first word.
struct Id {
    text: String,
    /// The number of bytes before the first word.
    lead: usize,
}

impl Scanner {
    /// Creates a scanner for these ids, and for values beside the id fields of these kinds.
    pub fn new(ids: BTreeSet<String>, kinds: &[Kind]) -> Self {
        let mut known: BTreeMap<String, Vec<Id>> = BTreeMap::new();
        for text in ids {
            let first = words(&text).next().map(|(lead, word)| (lead, word.to_owned()));
            if let Some((lead, word)) = first {
                known.entry(word).or_default().push(Id { lead, text });
            }
        }
        let is_wanted = |kind: &str| kinds.iter().any(|one| one.as_str() == kind);
        let fields = FIELDS.iter().filter(|(_, kind)| is_wanted(kind));
        Self { known, fields: fields.map(|(field, _)| folded(field)).collect() }
    }

    /// Returns the ids in `text`, the content of `file`: each once per line, in order.
    pub fn scan(&self, file: &str, text: &str) -> Vec<RequestedId> {
        let mut found = vec![];
        let cells = self.cells(text);
        let mut in_list = false;
        for (line, number) in text.lines().zip(1..) {
            let mut seen = BTreeSet::new();
            let beside = self.beside_fields(line, &mut in_list).into_iter();
            let beside = beside.chain(cells.get(&number).into_iter().flatten().map(String::as_str));
            let all = self.known_in(line).chain(beside);
            found.extend(all.filter(|id| seen.insert(*id)).map(|id| RequestedId {
                id: id.to_owned(),
                file: Some(file.to_owned()),
                line: Some(number),
            }));
        }
        found
    }

    /// Returns the known ids that are in `line` as separate words.
    fn known_in<'t>(&'t self, line: &'t str) -> impl Iterator<Item = &'t str> {
        words(line).flat_map(move |(at, word)| {
            let ids = self.known.get(word).into_iter().flatten();
            ids.filter_map(move |id| {
                let start = at.checked_sub(id.lead)?;
                let found = line.get(start..)?.get(..id.text.len())?;
                let rest = &line[start + found.len()..];
                (found == id.text && !rest.starts_with(is_word)).then_some(found)
            })
        })
    }

    /// Returns the values that are assigned to an id field in `line`, alone or as elements of a list.
    /// `in_list` is whether such a list is open before the line and, on return, after it.
    fn beside_fields<'t>(&self, line: &'t str, in_list: &mut bool) -> Vec<&'t str> {
        let mut values = vec![];
        if mem::take(in_list) {
            values = elements(line);
            *in_list = !values.is_empty() && !line.contains(']');
        }
        for (at, word) in words(line).filter(|(_, word)| self.is_field(word)) {
            let after = &line[at + word.len()..];
            match list(after) {
                Some(list) => {
                    *in_list = !list.contains(']');
                    values.extend(elements(list));
                }
                None => {
                    let is_argument = line[..at].ends_with("(\"") || line[..at].ends_with("('");
                    values
                        .extend(assigned(after).or_else(|| default(after).filter(|_| is_argument)));
                }
            }
        }
        values.retain(|value| !self.is_field(value));
        values
    }

    /// Returns the ids in the columns of a spreadsheet whose heading is an id field, by the line in
    /// which their row begins.
    fn cells(&self, text: &str) -> BTreeMap<usize, Vec<String>> {
        let mut cells = BTreeMap::new();
        let heading = text.lines().next().unwrap_or_default();
        if heading.contains(['{', ':', '=', '(', '<']) {
            return cells;
        }
        let separator = [b',', b';', b'\t'].into_iter().find(|one| heading.contains(*one as char));
        let mut records = ReaderBuilder::new()
            .delimiter(separator.unwrap_or(b','))
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let names = records.headers().cloned().unwrap_or_default();
        let places = names.iter().enumerate().filter(|(_, name)| self.is_field(name));
        let places: Vec<usize> = places.map(|(place, _)| place).collect();
        if places.is_empty() {
            return cells;
        }
        let (mut at, mut line) = (0, 1);
        for record in records.records().flatten() {
            // A record's position may be before the line breaks that precede it.
            let place = record.position().map_or(at, |place| place.byte() as usize);
            let rest = text.get(place..).unwrap_or_default();
            let start = text.len() - rest.trim_start_matches(['\r', '\n']).len();
            line += text[at..start].matches('\n').count();
            at = start;
            let values = places.iter().filter_map(|place| record.get(*place));
            let values = values.filter(|value| is_value(value)).map(str::to_owned);
            cells.insert(line, values.collect());
        }
        cells
    }

    /// Whether `word` is an id field, as `avatar_id`, `avatarId`, `default-avatar-id` or `AVATAR_IDS`.
    fn is_field(&self, word: &str) -> bool {
        if word.len() >= 60 {
            return false;
        }
        let folded = folded(word);
        let singular = folded.strip_suffix('s').unwrap_or(&folded);
        self.fields.iter().any(|field| singular.ends_with(field))
    }
}

/// Whether `c` is a character of a word.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// Returns the words of a text, each with its position.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let starts = text.match_indices(is_word).map(|(at, _)| at);
    let mut end = 0;
    starts.filter_map(move |at| {
        if at < end {
            return None;
        }
        let word = &text[at..];
        let word = &word[..word.find(|c| !is_word(c)).unwrap_or(word.len())];
        end = at + word.len();
        Some((at, word))
    })
}

fn folded(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Returns the value that follows a field's name: `": "x"`, `=x`, `'] = "x"`, `: str = "x"`, `>x<`.
fn assigned(after: &str) -> Option<&str> {
    let quotes: &[_] = &['"', '\'', '`', '\\', ']'];
    let rest = after.trim_start_matches(quotes).trim_start();
    let sign = rest.chars().next().filter(|c| [':', '=', '>'].contains(c))?;
    let rest = &rest[1..];
    if sign == '=' && rest.starts_with('=') {
        // A comparison.
        return None;
    }
    let rest = rest.trim_start_matches(['=', '>']).trim_start();
    let typed = || {
        // The type before the value, as in `avatar_id: str = "x"`.
        let (name, value) = rest.split_once('=').filter(|_| sign == ':')?;
        let is_type = |c: char| c.is_alphanumeric() || "_.[]| ".contains(c);
        quoted(value.trim_start()).filter(|_| name.chars().all(is_type))
    };
    if let Some(value) = quoted(rest).or_else(typed) {
        return is_value(value).then_some(value);
    }
    unquoted_id(rest)
}

/// Returns the word at the start of `text` if it is an id without quotes.
fn unquoted_id(text: &str) -> Option<&str> {
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    let operators: &[_] = &['.', '(', '[', '{', '$', '?', '+', '*', '/', '='];
    let is_expression = after.trim_start().starts_with(operators);
    (looks_like_id(word) && !is_expression && !is_number(word) && !is_day(word)).then_some(word)
}

fn looks_like_id(value: &str) -> bool {
    value.len() >= SHORTEST && value.contains(|c: char| c.is_ascii_digit())
}

/// Returns the elements of a list that begins after a field's name: `": ["x", "y"]`, or `:` and
/// nothing else, as in YAML.
fn list(after: &str) -> Option<&str> {
    let rest = after.trim_start_matches(['"', '\'', '\\']).trim();
    let rest = rest.strip_prefix([':', '='])?.trim();
    rest.strip_prefix('[').or(Some(rest).filter(|rest| rest.is_empty()))
}

/// Returns the elements of a list that are in `text`: `"x", "y"]`, or `- x`.
fn elements(text: &str) -> Vec<&str> {
    text.split(',').filter_map(element).collect()
}

fn element(text: &str) -> Option<&str> {
    let text = text.trim().trim_start_matches("- ");
    let value = quoted(text).filter(|value| is_value(value)).or_else(|| unquoted_id(text))?;
    let (_, rest) = text.split_once(value)?;
    let rest = rest.trim_start_matches(['"', '\'', '`', '\\']).trim_start();
    (rest.is_empty() || rest.starts_with([']', '#', '/'])).then_some(value)
}

/// Returns the value that is used if a setting is missing: `", "x")`.
fn default(after: &str) -> Option<&str> {
    let rest = after.strip_prefix(['"', '\''])?.trim_start().strip_prefix(',')?;
    quoted(rest.trim_start()).filter(|value| is_value(value) && looks_like_id(value))
}

/// Whether `word` is a number as in programs: `0x12345678`.
fn is_number(word: &str) -> bool {
    word.starts_with("0x")
        || word.starts_with(|c: char| c.is_ascii_digit()) && word.parse::<f64>().is_ok()
}

/// Whether `word` is a time, which begins with a day: `2022-07-01T10`.
fn is_day(word: &str) -> bool {
    word.get(..10).is_some_and(|day| {
        day.chars().enumerate().all(|(at, c)| match at {
            4 | 7 => c == '-',
            _ => c.is_ascii_digit(),
        })
    })
}

/// Returns the content of a string literal at the start of `text`, also of one inside another.
fn quoted(text: &str) -> Option<&str> {
    let inner = text.trim_start_matches('\\');
    let quote = inner.chars().next().filter(|c| ['"', '\'', '`'].contains(c))?;
    let value = inner[1..].split(quote).next()?;
    Some(value.trim_end_matches('\\'))
}

/// Words that stand for a value in documentation.
const DESCRIPTIONS: [&str; 4] = ["string", "str", "text", "null"];

/// Whether `value` can be an id: it is neither a placeholder of a template nor a sentence.
fn is_value(value: &str) -> bool {
    !value.is_empty()
        && !DESCRIPTIONS.contains(&value)
        && !value.contains(['{', '}', '<', '>', '$', '%', '(', ')', ' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let ids = ["Anna_public_3", "a.b", "?x y", "é1"].map(str::to_owned).into();
        let scanner = Scanner::new(ids, &Kind::ALL);
        let all = scanner.scan("f", text).into_iter();
        all.map(|one| format!("{} {}", one.line.unwrap(), one.id)).collect()
    }

    #[test]
    fn known_ids_are_found_in_any_text_as_words_of_their_own() {
        let text = "use Anna_public_3.\n(Anna_public_3_old, xAnna_public_3)\nhttps://h/a.b/?x y é1,\na.bc é12";
        assert_eq!(found(text), ["1 Anna_public_3", "3 a.b", "3 ?x y", "3 é1"]);
    }

    #[test]
    fn what_is_beside_an_id_field_is_found_although_it_is_not_known() {
        for line in [
            r#"{"avatar_id": "Gone"}"#,
            r#"{\"talking_photo_id\":\"Gone\"}"#,
            "avatar_id = 'Gone'",
            "avatarId: `Gone`,",
            r#"body["avatar_id"] = "Gone""#,
            r#"avatar_id: Optional[str] = "Gone""#,
            "'avatar_id' => 'Gone',",
            r#"DEFAULT_AVATAR_ID = "Gone""#,
            r#"const avatarIds = ["Gone"]"#,
        ] {
            assert_eq!(found(line), ["1 Gone"], "{line}");
        }
        for line in [
            "avatar_id: Gone_2022_07  # main",
            "AVATAR_ID=Gone_2022_07",
            "<avatar_id>Gone_2022_07</avatar_id>",
            "https://h/?avatar_id=Gone_2022_07&x=1",
            "HEYGEN_AVATAR_ID=Gone_2022_07",
            r#"os.environ.get("AVATAR_ID", "Gone_2022_07")"#,
        ] {
            assert_eq!(found(line), ["1 Gone_2022_07"], "{line}");
        }
    }

    #[test]
    fn lists_of_ids_may_have_several_lines() {
        let text = "avatar_ids:\n  - Gone_2022_07\n  - 'Gone' # main\nname: Other_2022";
        assert_eq!(found(text), ["2 Gone_2022_07", "3 Gone"]);
        let text = "AVATAR_IDS = [\n    'Gone', 'Gone2',\n    'Gone3',\n]\nother = ['Gone4']";
        assert_eq!(found(text), ["2 Gone", "2 Gone2", "3 Gone3"]);
        assert_eq!(found("avatar_id:\n  type: string\n  format: uuid4_1234"), Vec::<String>::new());
    }

    #[test]
    fn code_and_placeholders_beside_an_id_field_are_no_ids() {
        for line in [
            "avatar_id: str",
            "avatar_id = args.avatar_id",
            "avatar_id = presenter2024.id",
            r#"{"avatar_id": "{{ avatar }}"}"#,
            r#""avatar_id": "<your avatar>""#,
            r#"fields = ["avatar_id", "avatar_name"]"#,
            "get_avatar_id('x')",
            r#"avatar_id == other, "text""#,
            r#"<A avatarId={id} label="Pick" />"#,
            "avatar_id = $1 AND kind = 'avatar'",
            r#"curl -d avatar_id=$ID -H x="y""#,
            r#"<option avatar_id=foo class="big">"#,
            r#"avatarId == other && (mode = "video")"#,
            r#"{avatarId: 'avatar_id'}"#,
            r#""avatar_id": "string""#,
            r#"avatar_id == "default""#,
            "avatar_id=0x12345678",
            "avatar_id: 2022-07-01T10",
            "avatar_id = deadbeef12 + other",
            r#"row.get("avatar_id", "default")"#,
            r#"fields = ("avatar_id", "avatar_name")"#,
        ] {
            assert_eq!(found(line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn a_column_of_a_spreadsheet_is_one_of_ids_by_its_heading() {
        let text =
            "name;\"avatar_id\";n\nA; Gone1 ;1\n\"B;b\";\"Gone2\";2\nC;;3\nD;Anna_public_3;4";
        assert_eq!(found(text), ["2 Gone1", "3 Gone2", "5 Anna_public_3"]);
        let text = "script,avatar_id\n\"Hello.\nWelcome, \"\"all\"\"\",Gone1\nBye,Gone2";
        assert_eq!(found(text), ["2 Gone1", "4 Gone2"]);
        assert_eq!(found("avatar_id\r\n\r\nGone1\r\nGone2\r\n"), ["3 Gone1", "4 Gone2"]);
    }
}
