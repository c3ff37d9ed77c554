//! The format of an envelope: the contents of one file of `polls/`. `docs/archive.md` documents it
//! for users. Knows neither where files are stored nor how a replay uses them.

use serde::{Deserialize, Serialize};

use crate::{store::row::PollRow, time::Timestamp};

/// The format and its version; the number changes if an older program could not read it.
pub const FORMAT: &str = "heygen-sync archive 1";

/// A poll that did not fail, and the polls that failed before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// [`FORMAT`].
    pub format: String,
    /// The poll.
    pub poll: Entry,
    /// Its answer.
    pub answer: Stored,
    /// The polls between the previous one that did not fail, of any account, and this one, in their
    /// order.
    pub failed_before: Vec<Entry>,
}

/// A row of `polls`, and its position in its account's hash chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The digest of the account's previous poll; `None` for the account's first.
    pub previous_digest: Option<String>,
    /// Every column, by its name; without those that a failed poll did not count.
    #[serde(flatten)]
    pub row: PollRow,
}

/// An answer without signatures, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// SHA-256 of the text, in lower-case hex.
    pub sha256: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// The compressed file that contains it.
    pub file: String,
}

impl Envelope {
    /// Creates the envelope of a poll that did not fail, the last of `entries`, after those that
    /// failed directly before it; `None` if there is none.
    pub(super) fn of(mut entries: Vec<Entry>, answer: Stored) -> Option<Self> {
        let poll = entries.pop()?;
        Some(Self { format: FORMAT.into(), poll, answer, failed_before: entries })
    }

    /// Returns the poll before all of these polls, which did not fail; 0 before the first.
    pub(super) fn before(&self) -> i64 {
        self.failed_before.first().unwrap_or(&self.poll).row.poll_id - 1
    }

    /// Returns all of its polls, in their order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.failed_before.iter().chain(std::iter::once(&self.poll))
    }

    /// Returns what is wrong with it as the envelope of poll `number`, if anything is.
    pub(super) fn fault(&self, number: i64) -> Option<String> {
        if self.format != FORMAT {
            return Some(format!(
                "its format is not \"{FORMAT}\": it is from another version of heygen-sync"
            ));
        }
        let first = number - self.failed_before.len() as i64;
        let ordered =
            self.entries().zip(first..).all(|(entry, number)| entry.row.poll_id == number);
        let failed = self.failed_before.iter().all(|entry| entry.row.failed());
        (!ordered || !failed || self.poll.row.failed())
            .then(|| "its polls are not those of its file name".into())
    }
}

impl Stored {
    /// Creates the description of a text of `bytes` with this hash.
    pub(super) fn new(sha256: String, bytes: u64) -> Self {
        let folder = sha256.get(..2).unwrap_or_default();
        Self { file: format!("answers/{folder}/{sha256}.json.zst"), sha256, bytes }
    }
}

/// Returns the file of a poll's envelope.
pub(super) fn file(number: i64) -> String {
    format!("polls/{number:012}.json.zst")
}

/// Returns the file of the note on an answer, by the start of its poll and the hash of the
/// response: many polls receive the same answer, and each has a note of its own.
pub(super) fn note(started_at: Timestamp, sha256: &str) -> String {
    format!("received/{}-{sha256}.json.zst", started_at.millis())
}

/// As [`note`], from the poll's row. Neither part of it changes when its account is renamed.
pub(super) fn note_of(row: &PollRow) -> Option<String> {
    Some(note(row.started_at?, row.response_sha256.as_deref()?))
}

/// Returns the poll whose envelope a file of the store is.
pub(super) fn number(file: &str) -> Option<i64> {
    let digits = file.strip_prefix("polls/")?.strip_suffix(".json.zst")?;
    digits.parse().ok().filter(|number| self::file(*number) == file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{json_text::JsonText, row::Counts};

    #[test]
    fn a_name_gives_its_number_back_and_no_other_name_does() {
        assert_eq!(number(&file(12)), Some(12));
        assert_eq!(file(12), "polls/000000000012.json.zst");
        for other in ["polls/12.json.zst", "answers/000000000012.json.zst", "polls/x.json.zst"] {
            assert_eq!(number(other), None, "{other}");
        }
    }

    #[test]
    fn a_row_comes_back_as_it_was_counted_or_not() {
        let row = PollRow {
            poll_id: 7,
            account: "a".into(),
            trigger: "manual".into(),
            outcome: "held".into(),
            observed_at: Timestamp::parse("2026-01-02T03:04:05.678Z"),
            counts: Some(Counts { added: 3, ..Counts::default() }),
            policy: Some(JsonText(
                r#"{"accepted":null,"after_polls":1,"max_share":0.2,"min_count":20}"#.into(),
            )),
            digest: Some("ab".into()),
            ..PollRow::default()
        };
        let failed = PollRow { counts: None, outcome: "failed".into(), ..row.clone() };
        for row in [row, failed] {
            let entry = Entry { previous_digest: None, row };
            let json = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), entry, "{json}");
        }
    }
}
