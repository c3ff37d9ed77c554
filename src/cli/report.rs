//! The report of a poll, as text and as JSON.
//!
//! The text is a line with the counts of the changes and, below it, the items, folded: the baseline
//! is one line, the same change of a field on many items is one line.

use std::{collections::BTreeMap, fmt::Write};

use super::output::{fields_json, visible};
use crate::{
    catalog::{
        cell::{Cell, object},
        diff::{Diff, FieldChange, ListDiff, Opened, OpenedBy},
        json_out::json_array,
        kind::Kind,
        value::Value,
    },
    poll::{Report, account_label},
    store::{accept::accepting_command, past::Overlap, record::RowType, row::Counts},
    words::{counted, number},
};

/// The most items of one kind of change that are listed one by one; more are only counted.
const FEW: usize = 5;

/// How a report is printed.
#[derive(Clone, Copy, Debug)]
pub struct ReportOptions {
    /// Whether every item and field is printed, nothing folded (`--dry-run`).
    pub complete: bool,
    /// Whether nothing was written.
    pub dry_run: bool,
}

/// Returns the report as text without empty lines; it ends with a line break.
pub fn text(report: &Report, options: ReportOptions) -> String {
    let account = report.row.catalogue().of(&visible(&report.row.account));
    let Some(diff) = &report.diff else {
        return format!("{account}: failed\n");
    };
    let counts = Counts::of(diff);
    let mut out = format!("{account}: {}", headline(diff, &counts, options));
    let listed =
        counts.by_kind().map(|(kind, count)| of_kind(count, kind)).collect::<Vec<_>>().join(", ");
    let _ = writeln!(out, " ({listed} listed)");
    if counts.rejected > 0 {
        let records = counted(counts.rejected, "record", "records");
        let _ = writeln!(out, "  ? {records} could not be read");
    }
    if !diff.baseline {
        for list in &diff.lists {
            items(&mut out, list, options.complete);
        }
        for list in &diff.lists {
            fields(&mut out, list);
        }
    }
    out
}

fn headline(diff: &Diff, counts: &Counts, options: ReportOptions) -> String {
    let would = if options.dry_run { "would be " } else { "" };
    if diff.baseline {
        return format!("baseline, {} {would}added", counted(counts.added, "item", "items"));
    }
    let all = [
        (counts.added, "added"),
        (counts.changed, "changed"),
        (counts.removed, "removed"),
        (counts.restored, "restored"),
        (counts.learned, "learned"),
    ];
    let some = all.iter().filter(|(n, _)| *n > 0);
    let some: Vec<String> = some.map(|(n, what)| format!("{} {what}", number(*n))).collect();
    let held = (counts.held > 0).then(|| {
        let removals = counted(counts.held, "removal", "removals");
        if options.dry_run {
            format!("{removals} would be held")
        } else {
            format!("{removals} held")
        }
    });
    let some = (!some.is_empty()).then(|| format!("{would}{}", some.join(", ")));
    let all: Vec<String> = some.into_iter().chain(held).collect();
    if all.is_empty() { "nothing changed".into() } else { all.join(", ") }
}

/// Returns "1 avatar", "2 talking photos".
fn of_kind(count: i64, kind: Kind) -> String {
    counted(count, kind.singular, kind.plural)
}

fn items(out: &mut String, list: &ListDiff, complete: bool) {
    let opened = |by: OpenedBy| list.opened.iter().filter(move |new| new.by == by);
    let named = |new: &Opened| item(new.fields.name(list.kind), &new.id);
    let write_items = |out: &mut String, sign: &str, what: &str, all: Vec<String>| {
        if all.len() > FEW && !complete {
            let _ = writeln!(out, "  {sign} {} {what}", of_kind(all.len() as i64, list.kind));
            return;
        }
        for one in all {
            let _ = writeln!(out, "  {sign} {} {one} {what}", list.kind.singular);
        }
    };
    let removed = list.removed.iter().map(|gone| item(gone.name.as_deref(), &gone.id));
    write_items(out, "−", "removed", removed.collect());
    write_items(out, "+", "added", opened(OpenedBy::Added).map(named).collect());
    write_items(out, "↺", "restored", opened(OpenedBy::Restored).map(named).collect());
    changed(out, list, complete);
    if complete {
        write_items(out, "·", "learned", opened(OpenedBy::Learned).map(named).collect());
    }
}

/// Writes the changed fields; the same change on several items is one line.
fn changed(out: &mut String, list: &ListDiff, complete: bool) {
    let mut alike: Vec<(String, Vec<&Opened>)> = vec![];
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for new in &list.opened {
        for change in &new.changes {
            let text = field(change);
            let place = *places.entry(text.clone()).or_insert(alike.len());
            match alike.get_mut(place) {
                Some((_, items)) => items.push(new),
                None => alike.push((text, vec![new])),
            }
        }
    }
    let (repeated, single): (Vec<_>, Vec<_>) =
        alike.into_iter().partition(|(_, items)| items.len() > 1 && !complete);
    for (text, items) in &repeated {
        let _ = writeln!(out, "  ~ {}: {text}", of_kind(items.len() as i64, list.kind));
    }
    let shown = if complete { usize::MAX } else { FEW };
    for (text, items) in single.iter().take(shown) {
        for new in items {
            let name = item(new.fields.name(list.kind), &new.id);
            let _ = writeln!(out, "  ~ {} {name} {text}", list.kind.singular);
        }
    }
    if single.len() > shown {
        let more = counted(single.len() - shown, "more change", "more changes");
        let _ = writeln!(out, "  ~ … and {more} of {}", list.kind.plural);
    }
}

fn fields(out: &mut String, list: &ListDiff) {
    for row in &list.schema {
        let types = row.types.to_column().map(|types| format!(" ({types})")).unwrap_or_default();
        let _ = writeln!(
            out,
            "  the field {} of {} {}{types}",
            visible(&row.field),
            list.kind.plural,
            row.change.as_str()
        );
    }
}

fn field(change: &FieldChange) -> String {
    let value = |value: &Option<Value<'_>>| {
        let Some(value) = value else { return "null".to_owned() };
        let cell = visible(&shortened(value.as_cell()));
        if value.as_str().is_some() { format!("\"{cell}\"") } else { cell }
    };
    format!("{} {} → {}", visible(&change.field), value(&change.old), value(&change.new))
}

fn item(name: Option<&str>, id: &str) -> String {
    match name.filter(|name| !name.is_empty()) {
        Some(name) => format!("\"{}\" ({})", visible(&shortened(name)), visible(id)),
        None => format!("({})", visible(id)),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns the command that accepts the held removals, if any are held; it begins with `program`.
fn accept_command(report: &Report, program: &str) -> Option<String> {
    let held = report.diff.as_ref()?.held_set()?;
    Some(accepting_command(program, &report.row, held))
}

/// Returns why removals were held, and the command that accepts them; or that the set to be accepted
/// is no longer held.
pub fn held(report: &Report, program: &str) -> Option<String> {
    let diff = report.diff.as_ref()?;
    let not_held = diff.not_held.map(|set| {
        format!(
            "{}: no removals were accepted: the set {set} is no longer held, or an item of it is \
             listed again",
            visible(&account_label(&report.row.account, report.row.catalogue()))
        )
    });
    let held =
        accept_command(report, program).map(|command| held_back(report, diff, program, &command));
    let all: Vec<String> = not_held.into_iter().chain(held).collect();
    (!all.is_empty()).then(|| all.join("\n"))
}

fn held_back(report: &Report, diff: &Diff, program: &str, command: &str) -> String {
    format!(
        "{}: {} held: {}{}\nIf that is right, accept: {}",
        visible(&account_label(&report.row.account, report.row.catalogue())),
        counted(diff.held(), "removal is", "removals are"),
        diff.held_reason().unwrap_or_default(),
        report.overlap.map(|overlap| after_switch(report, overlap, program)).unwrap_or_default(),
        command
    )
}

/// Returns what the list of another API version has in common with the one before.
fn after_switch(report: &Report, Overlap { before, both }: Overlap, program: &str) -> String {
    format!(
        "\n{} of the API is read now: it lists {} of the {} ids that were current before. Accepting \
         marks the others as removed; their history stays. {program} ids --file FILE shows which of \
         your ids these are",
        report.row.api_version.as_deref().unwrap_or("another version"),
        number(both),
        number(before)
    )
}

/// Returns the report as one JSON object. The changes of a baseline are left out unless `complete`.
pub fn json(report: &Report, exit_code: u8, program: &str, options: ReportOptions) -> String {
    let Report { row, diff, error, switched_to, overlap: _ } = report;
    let head = [
        ("account", Cell::text(&row.account)),
        ("catalogue", Cell::text(&row.catalogue)),
        ("poll_id", (row.poll_id > 0).then_some(row.poll_id).into()),
        ("dry_run", options.dry_run.into()),
        ("outcome", Cell::text(&row.outcome)),
        ("exit_code", i64::from(exit_code).into()),
        ("baseline", diff.as_ref().map(|diff| diff.baseline).into()),
        ("observed_at", row.observed_at.into()),
        ("source", row.source.as_deref().into()),
        ("api_version", row.api_version.as_deref().into()),
        ("switched_to", switched_to.map(|version| version.as_str()).into()),
        ("http_status", row.http_status.into()),
    ];
    let changes = |diff| changes_json(diff, options.complete);
    let tail = [
        ("held_reason", row.held_reason.as_deref().into()),
        ("accept_command", accept_command(report, program).into()),
        ("warning", row.warning.as_deref().into()),
        ("error", error.as_ref().map(|error| error.message.as_str()).into()),
        ("schema_changes", Cell::json(diff.as_ref().map_or("[]".into(), schema_json))),
        ("changes", Cell::json(diff.as_ref().map_or("[]".into(), changes))),
    ];
    let counts = Counts::names().into_iter().zip(row.counts.row());
    object(head.into_iter().chain(counts).chain(tail))
}

fn schema_json(diff: &Diff) -> String {
    json_array(diff.lists.iter().flat_map(|list| {
        list.schema.iter().map(|row| {
            object([
                ("kind", list.kind.as_str().into()),
                ("field", row.field.as_ref().into()),
                ("change", row.change.as_str().into()),
                ("json_type", row.types.to_column().into()),
            ])
        })
    }))
}

fn changes_json(diff: &Diff, complete: bool) -> String {
    if diff.baseline && !complete {
        return "[]".into();
    }
    json_array(diff.lists.iter().flat_map(|list| {
        let opened = list.opened.iter().map(|new| {
            change_json(
                list.kind,
                &new.id,
                new.fields.name(list.kind),
                new.by.as_str(),
                &new.changes,
            )
        });
        let removed = list
            .removed
            .iter()
            .map(|gone| change_json(list.kind, &gone.id, gone.name.as_deref(), "removed", &[]));
        opened.chain(removed).collect::<Vec<_>>()
    }))
}

fn change_json(
    kind: Kind,
    id: &str,
    name: Option<&str>,
    change: &str,
    fields: &[FieldChange],
) -> String {
    let fields = fields.iter().map(|FieldChange { field, old, new }| (field, old, new));
    object([
        ("kind", kind.as_str().into()),
        ("id", id.into()),
        ("name", name.into()),
        ("change", change.into()),
        ("fields", Cell::json(fields_json(fields))),
    ])
}
