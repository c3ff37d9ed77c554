//! The change feed as Atom (RFC 4287), for a file or for a server.
//!
//! Each item that a poll saw change is one entry, newest first. The id of an entry is a UUID of
//! values that never change: the start of the history, the poll, the item. It is the same in every
//! run, with any filter and after an account was renamed. This module does not know where the changes
//! come from or where the feed goes.

use std::collections::VecDeque;

use askama::Template;
use atom_syndication as atom;
use sha2::{Digest, Sha256};

use crate::{
    error::{Error, Result},
    store::change::{ChangeFilter, ChangeRow},
    time::Timestamp,
};

/// Collects the rows of the change feed, oldest first, into entries.
#[derive(Debug)]
pub struct Feed {
    began_at: Option<Timestamp>,
    limit: usize,
    entries: VecDeque<atom::Entry>,
    /// The rows of the entry that is being collected.
    open: Vec<ChangeRow>,
    served: Option<Served>,
}

/// The URLs of a served feed and of its pages, absolute or relative to the feed's.
#[derive(Debug)]
pub struct Served {
    /// The feed itself.
    pub itself: String,
    /// The page that the feed belongs to.
    pub page: String,
    /// The page of an entry's item.
    pub item: fn(&ChangeRow) -> String,
}

impl Feed {
    /// Creates an empty feed of the history that began at `began_at`
    /// ([`crate::store::Store::began_at`]), for the newest `limit` entries or all of them.
    pub fn new(began_at: Option<Timestamp>, limit: Option<usize>) -> Self {
        let limit = limit.unwrap_or(usize::MAX);
        Self { began_at, limit, entries: VecDeque::new(), open: vec![], served: None }
    }

    /// Returns the same feed with links to where it is served.
    pub fn served(self, served: Served) -> Self {
        Self { served: Some(served), ..self }
    }

    /// Adds a row. Rows must be added in the order of [`crate::store::Store::changes`], with all rows
    /// of an entry.
    pub fn add(&mut self, row: ChangeRow) -> Result<()> {
        let key = |row: &ChangeRow| (row.poll_id, row.kind.clone(), row.item_id.clone());
        if self.open.last().is_some_and(|last| key(last) != key(&row)) {
            self.close_entry();
        }
        self.open.push(row);
        Ok(())
    }

    /// Returns the XML of the feed of all accounts or of one. The feed's id depends on the account and on
    /// `filter`, but not on its times, which move.
    pub fn finish(mut self, account: Option<&str>, filter: &ChangeFilter) -> Result<String> {
        self.close_entry();
        let newest = self.entries.back().map(|entry| entry.updated);
        let title = title(account, filter);
        let feed = atom::Feed {
            title: atom::Text::plain(title.clone()),
            id: urn(&format!("feed {} {title}", self.began())),
            updated: newest.unwrap_or_else(|| updated(Timestamp::from_millis(0))),
            authors: vec![atom::Person { name: "heygen-sync".into(), ..Default::default() }],
            generator: Some(atom::Generator {
                value: "heygen-sync".into(),
                version: Some(env!("CARGO_PKG_VERSION").into()),
                uri: None,
            }),
            links: self.served.iter().flat_map(Served::links).collect(),
            entries: self.entries.into_iter().rev().collect(),
            ..Default::default()
        };
        let config = atom::WriteConfig { write_document_declaration: false, indent_size: Some(1) };
        let xml = feed.write_with_config(vec![], config).map_err(unwritable)?;
        let xml = String::from_utf8(xml).map_err(unwritable)?;
        Ok(format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n{xml}\n"))
    }

    fn close_entry(&mut self) {
        let rows = std::mem::take(&mut self.open);
        let Some(first) = rows.first() else { return };
        let seed =
            format!("entry {} {} {} {}", self.began(), first.poll_id, first.kind, first.item_id);
        let mut entry = entry(urn(&seed), first, &rows);
        let page = self.served.as_ref().map(|served| alternate(&(served.item)(first)));
        entry.links = page.into_iter().collect();
        self.entries.push_back(entry);
        while self.entries.len() > self.limit {
            self.entries.pop_front();
        }
    }

    fn began(&self) -> String {
        self.began_at.map(|at| at.to_string()).unwrap_or_default()
    }
}

fn entry(id: String, first: &ChangeRow, rows: &[ChangeRow]) -> atom::Entry {
    let category = |term: &str| atom::Category { term: printable(term), ..Default::default() };
    atom::Entry {
        title: atom::Text::plain(headline(first)),
        id,
        updated: updated(first.observed_at),
        categories: vec![category(&first.change), category(&first.kind)],
        content: Some(atom::Content {
            value: Some(content(first, rows)),
            content_type: Some("html".into()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Returns `changed: Mira (avatar mira_1)`.
fn headline(row: &ChangeRow) -> String {
    let name = row.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let name = name.map(|name| format!("{name} ")).unwrap_or_default();
    let kind = row.kind.replace('_', " ");
    let line = format!("{}: {name}({kind} {})", row.change, row.item_id);
    printable(&line.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// An entry's content as HTML: between which polls it happened, and each changed field.
#[derive(Template)]
#[template(path = "entry.html")]
struct EntryPage<'a> {
    when: String,
    first: &'a ChangeRow,
    /// The changed fields with their old and new values.
    fields: Vec<(&'a str, &'a str, &'a str)>,
}

fn content<'a>(first: &'a ChangeRow, rows: &'a [ChangeRow]) -> String {
    let at = first.observed_at;
    let when = match first.previous_poll_at {
        Some(after) => format!("between {after} and {at}"),
        None => format!("by {at}, when this history began"),
    };
    let text = |value: &'a Option<String>| value.as_deref().unwrap_or("null");
    let fields = rows.iter().filter_map(|row| {
        Some((row.field.as_deref()?, text(&row.old_value), text(&row.new_value)))
    });
    let page = EntryPage { when, first, fields: fields.collect() };
    // Rendering to a string does not fail.
    printable(&page.render().unwrap_or_default())
}

/// Returns what the feed contains; other filters are other feeds.
fn title(account: Option<&str>, filter: &ChangeFilter) -> String {
    let ChangeFilter { kind, change, field: _, id, since: _, until: _ } = filter;
    let parts = [
        account.map(|account| format!("account {account}")),
        kind.map(|kind| kind.plural.to_owned()),
        change.clone(),
        id.clone(),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let of = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    printable(&format!("Changes of HeyGen's catalogue{of}"))
}

impl Served {
    fn links(&self) -> [atom::Link; 2] {
        let mime_type = Some("application/atom+xml".to_owned());
        let itself = atom::Link {
            href: self.itself.clone(),
            rel: "self".into(),
            mime_type,
            ..Default::default()
        };
        [itself, alternate(&self.page)]
    }
}

fn alternate(url: &str) -> atom::Link {
    let mime_type = Some("text/html".to_owned());
    atom::Link { href: url.to_owned(), rel: "alternate".into(), mime_type, ..Default::default() }
}

/// Returns a UUID of version 8 (RFC 9562), from the SHA-256 of `seed`.
fn urn(seed: &str) -> String {
    let digest = Sha256::digest(seed.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().urn().to_string()
}

fn updated(time: Timestamp) -> atom::FixedDateTime {
    time.to_chrono().fixed_offset()
}

/// Replaces characters that XML cannot contain, such as most control characters.
fn printable(text: &str) -> String {
    let in_xml = |c: char| match c {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        c => c >= ' ',
    };
    text.chars().map(|c| if in_xml(c) { c } else { '\u{FFFD}' }).collect()
}

fn unwritable(fault: impl std::fmt::Display) -> Error {
    Error::unforeseen(format!("cannot write the feed: {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(poll_id: i64, item_id: &str, field: Option<&str>) -> ChangeRow {
        ChangeRow {
            poll_id,
            observed_at: Timestamp::from_millis(poll_id * 3_600_000),
            previous_poll_at: Some(Timestamp::from_millis((poll_id - 1) * 3_600_000)),
            account: "a & b".into(),
            kind: "avatar".into(),
            item_id: item_id.into(),
            name: Some(" <script>\u{1}\n".into()),
            change: "changed".into(),
            field: field.map(str::to_owned),
            old_value: Some("]]><b>".into()),
            new_value: None,
        }
    }

    fn feed(rows: Vec<ChangeRow>, limit: Option<usize>) -> (String, atom::Feed) {
        let mut feed = Feed::new(Some(Timestamp::from_millis(0)), limit);
        rows.into_iter().for_each(|row| feed.add(row).unwrap());
        let xml = feed.finish(None, &ChangeFilter::default()).unwrap();
        let read = xml.parse().unwrap();
        (xml, read)
    }

    #[test]
    fn fields_of_one_item_are_one_entry_and_the_newest_comes_first() {
        let rows = vec![row(2, "m", Some("gender")), row(2, "m", Some("type")), row(3, "m", None)];
        let (_, read) = feed(rows, None);
        let polls: Vec<String> = read.entries.iter().map(|e| e.updated.to_rfc3339()).collect();
        assert_eq!(polls, ["1970-01-01T03:00:00+00:00", "1970-01-01T02:00:00+00:00"]);
        let content = read.entries[1].content.as_ref().unwrap().value.as_deref().unwrap();
        assert_eq!(content.matches("<li>").count(), 2, "{content}");
        assert_eq!(read.updated, read.entries[0].updated);
    }

    #[test]
    fn upstream_text_can_neither_break_the_xml_nor_the_html() {
        let (xml, read) = feed(vec![row(2, "m", Some("x<y"))], None);
        assert!(
            !xml.contains("<script>") && !xml.contains("]]>") && !xml.contains('\u{1}'),
            "{xml}"
        );
        assert_eq!(read.entries[0].title.value, "changed: <script>\u{FFFD} (avatar m)");
        let content = read.entries[0].content.as_ref().unwrap().value.as_deref().unwrap();
        assert!(content.contains("x&#60;y: ]]&#62;&#60;b&#62; → null"), "{content}");
    }

    #[test]
    fn the_limit_counts_entries_and_never_cuts_one() {
        let rows = ["a", "b", "c"]
            .into_iter()
            .flat_map(|id| [row(2, id, Some("x")), row(2, id, Some("y"))]);
        let (_, read) = feed(rows.collect(), Some(2));
        assert_eq!(read.entries.len(), 2);
        assert!(read.entries[1].title.value.contains("avatar b"));
    }

    #[test]
    fn an_entry_keeps_its_id_whatever_stands_beside_it() {
        let all = feed(vec![row(2, "a", None), row(2, "b", None), row(3, "a", None)], None).1;
        let one = feed(vec![row(2, "b", None)], None).1;
        assert_eq!(all.entries[1].id, one.entries[0].id);
        let mut ids: Vec<&str> = all.entries.iter().map(|entry| entry.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 3);
        // SHA-256 of "x", with version 8 and the variant of RFC 9562.
        assert_eq!(urn("x"), "urn:uuid:2d711642-b726-8044-8162-7ca9fbac32f5");
    }
}
