//! `history`: every version of one item, and what changed between them.

use clap::Args;

use super::{
    Context,
    flags::kind_parser,
    output::{Format, Rows, fields_json, print, visible},
    unknown::expect_item,
};
use crate::{
    catalog::{
        cell::Cell,
        json_out::json_texts,
        kind::Kind,
        learned::{Difference, differences},
    },
    error::Result,
    store::query::Version,
};

const COLUMNS: [&str; 13] = [
    "account",
    "kind",
    "item_id",
    "name",
    "version",
    "valid_from",
    "valid_to",
    "opened_by",
    "closed_by",
    "opened_after",
    "closed_after",
    "changes",
    "state",
];

const TABLE: [&str; 6] = ["version", "valid_from", "valid_to", "opened_by", "closed_by", "changes"];

/// Show every version of one item, and what changed between them
#[derive(Debug, Args)]
pub struct History {
    /// The item's id
    id: String,
    /// Only this kind
    #[arg(long, value_parser = kind_parser())]
    kind: Option<Kind>,
    /// Only this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Output format
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl History {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let Self { id, kind, account, format } = self;
        let (_, mut store) = context.reading(account.as_deref()).await?;
        expect_item(&mut store, &id, kind, account.as_deref()).await?;
        let versions = store.versions(&id, kind, account.as_deref()).await?;
        match Format::or_default(format) {
            Format::Table => print_text(&versions),
            format => print_rows(&versions, format),
        }?;
        Ok(0)
    }
}

fn print_rows(versions: &[Version], format: Format) -> Result<()> {
    let mut rows = Rows::new(format, COLUMNS)?;
    for (version, changes) in with_changes(versions) {
        rows.row(vec![
            version.account.as_str().into(),
            version.kind.as_str().into(),
            version.id.as_str().into(),
            version.fields.name(version.kind).into(),
            version.version.into(),
            version.valid_from.into(),
            version.valid_to.into(),
            version.opened_by.as_str().into(),
            version.closed_by.as_deref().into(),
            version.opened_after.into(),
            version.closed_after.into(),
            Cell::json(fields_json(changes.iter().map(|(field, old, new)| (*field, old, new)))),
            Cell::json(version.fields.to_json()),
        ])?;
    }
    rows.finish("")
}

fn print_text(versions: &[Version]) -> Result<()> {
    for item in versions.chunk_by(|a, b| (&a.account, a.kind) == (&b.account, b.kind)) {
        let Some(last) = item.last() else { continue };
        let name = last.fields.name(last.kind).unwrap_or("no name");
        let title = format!("{} {} · {} · account {}", last.kind, last.id, name, last.account);
        print(&format!("{}\n", visible(&title)))?;
        let mut rows = Rows::new(Format::Table, TABLE)?;
        for (version, changes) in with_changes(item) {
            rows.row(vec![
                version.version.into(),
                version.valid_from.into(),
                version.valid_to.into(),
                version.opened_by.as_str().into(),
                version.closed_by.as_deref().into(),
                Cell::json(json_texts(changes.iter().map(text))),
            ])?;
        }
        rows.finish("")?;
    }
    Ok(())
}

/// Returns `field: before → after`.
fn text((field, old, new): &Difference<'_>) -> String {
    let [old, new] = [old, new].map(|value| value.as_ref().map_or("null", |value| value.as_cell()));
    format!("{field}: {old} → {new}")
}

/// Returns each version with its differences from the one before it, learned values included.
fn with_changes(versions: &[Version]) -> impl Iterator<Item = (&Version, Vec<Difference<'_>>)> {
    versions.iter().enumerate().map(|(index, version)| {
        let before = index.checked_sub(1).and_then(|at| versions.get(at));
        let before =
            before.filter(|one| (&one.account, one.kind) == (&version.account, version.kind));
        (version, before.map_or(vec![], |before| differences(&before.fields, &version.fields)))
    })
}
