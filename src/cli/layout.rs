//! A table that fits the terminal: ids and times are never broken, other words only if they have no
//! places to break or are very long. Columns of text shrink first, and if there is no room for these they
//! are shown below the id.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};

use crate::time::Timestamp;

/// The least plausible width: a terminal that reports less (0 × 0 in some shells) does not know its width.
const NARROWEST: u16 = 40;

/// The minimum width of a column of text, unless its content is narrower.
const TEXT: usize = 12;

/// Longer words of text may be broken.
const WORD: usize = 128;

/// The padding that comfy-table adds to each cell.
const PADDING: usize = 2;

/// Headers and rows as text; line breaks within a cell are kept.
struct Texts {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Returns rows as a table that fits the terminal, if there is one.
pub fn table(columns: &[&str], rows: &[Vec<String>]) -> Table {
    match Table::new().width() {
        Some(width) if width >= NARROWEST => fitted(columns, rows, width),
        _ => Texts::new(columns, rows, false).table(),
    }
}

/// Returns rows as a table of this width. If no layout fits, lines overflow, unbroken.
fn fitted(columns: &[&str], rows: &[Vec<String>], width: u16) -> Table {
    let wide = Texts::new(columns, rows, false);
    let narrow = Texts::new(columns, rows, true);
    let folded = narrow.folded(columns);
    let all = [&wide, &narrow].into_iter().chain(folded.as_ref());
    let mut fitting = all.filter(|texts| texts.needed() <= usize::from(width));
    match fitting.next() {
        Some(texts) => texts.arranged(width),
        None => wide.table(),
    }
}

/// Whether `text` is a time in the form that [`Timestamp`] prints.
fn is_time(text: &str) -> bool {
    Timestamp::parse(text).is_some_and(|time| time.to_string() == text)
}

/// Whether a word may be broken anywhere: a URL, JSON, Chinese or Japanese text, or a very long word.
fn is_breakable(word: &str) -> bool {
    let is_ideograph = |character: char| character >= '\u{2E80}';
    word.contains("://") || is_json(word) || word.contains(is_ideograph) || word.len() > WORD
}

fn is_json(text: &str) -> bool {
    (text.starts_with('[') && text.ends_with(']')) || (text.starts_with('{') && text.ends_with('}'))
}

impl Texts {
    /// If `narrow`, the date of a time is above its time of day.
    fn new(columns: &[&str], rows: &[Vec<String>], narrow: bool) -> Self {
        let text = |cell: &String| match narrow && is_time(cell) {
            true => cell.replacen('T', "\n", 1),
            false => cell.clone(),
        };
        Self {
            headers: columns.iter().map(|name| name.replace('_', " ").to_uppercase()).collect(),
            rows: rows.iter().map(|row| row.iter().map(text).collect()).collect(),
        }
    }

    /// Returns the same with the columns of text and the kind below the first id; `None` without an id.
    fn folded(&self, columns: &[&str]) -> Option<Self> {
        let id = columns.iter().position(|name| name.ends_with("_id"))?;
        let below = columns.iter().enumerate();
        let below = below.map(|(at, name)| self.is_text(at) || *name == "kind");
        let below: Vec<bool> = below.collect();
        let fold = |cells: &[String], between: &str| -> Vec<String> {
            let texts = cells.iter().zip(&below).filter(|(text, yes)| **yes && !text.is_empty());
            let texts = texts.map(|(text, _)| text.as_str());
            let kept = cells.iter().enumerate().filter(|(at, _)| !below[*at]);
            let kept = kept.map(|(at, cell)| match at == id {
                true => std::iter::once(cell.as_str())
                    .chain(texts.clone())
                    .collect::<Vec<_>>()
                    .join(between),
                false => cell.clone(),
            });
            kept.collect()
        };
        let rows = self.rows.iter().map(|row| fold(row, "\n")).collect();
        (!below[id]).then(|| Self { headers: fold(&self.headers, ", "), rows })
    }

    /// Returns the lines of the header and the cells of a column.
    fn lines(&self, column: usize) -> impl Iterator<Item = &str> {
        let cells = self.rows.iter().filter_map(move |row| row.get(column));
        self.headers.get(column).into_iter().chain(cells).flat_map(|text| text.lines())
    }

    /// Whether a cell of the column can be broken. Ids cannot.
    fn is_text(&self, column: usize) -> bool {
        let is_id = self.headers.get(column).is_some_and(|header| header.ends_with(" ID"));
        let can_break = |line: &str| line.contains(' ') || is_breakable(line);
        !is_id && self.lines(column).skip(1).any(can_break)
    }

    /// Returns the minimum width of a column that breaks no word of normal length.
    fn min_width(&self, column: usize) -> usize {
        let is_text = self.is_text(column);
        let lines = self.lines(column).filter(|line| !is_text || !is_json(line));
        let words = lines.flat_map(|line| line.split(' '));
        let words = words.filter(|word| !is_text || !is_breakable(word));
        let words = words.map(|word| word.chars().count());
        let longest = words.max().unwrap_or(0);
        let natural = self.lines(column).map(|line| line.chars().count()).max().unwrap_or(0);
        if is_text { longest.max(natural.min(TEXT)) } else { longest }
    }

    fn needed(&self) -> usize {
        (0..self.headers.len()).map(|column| self.min_width(column) + PADDING).sum()
    }

    /// Returns a table as wide as its content.
    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(&self.headers);
        table.add_rows(&self.rows);
        table
    }

    /// Returns a table of at most this width: every column has the width it needs; the wider ones shrink.
    fn arranged(&self, width: u16) -> Table {
        let mut table = self.table();
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        for (at, column) in table.column_iter_mut().enumerate() {
            let least = u16::try_from(self.min_width(at) + PADDING).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 7] =
        ["observed_at", "account", "change", "kind", "item_id", "name", "field"];
    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn row(id: &str, name: &str, field: &str) -> Vec<String> {
        let time = "1970-01-01T00:00:00.000Z";
        [time, "default", "changed", "talking_photo", id, name, field].map(str::to_owned).to_vec()
    }

    fn lines(rows: &[Vec<String>], width: u16) -> Vec<String> {
        let table = fitted(&COLUMNS, rows, width).to_string();
        table.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    #[test]
    fn at_80_columns_no_id_is_broken_and_text_is_shown_below_it() {
        let field = format!("default_voice_id: {ID} → {}", ID.replace('0', "f"));
        let lines = lines(&[row(ID, "Mira on the Sofa (Side)", &field)], 80);
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        for whole in [ID, &ID.replace('0', "f"), "Mira on the Sofa (Side)", "1970-01-01"] {
            assert!(lines.iter().any(|line| line.contains(whole)), "{whole}: {lines:#?}");
        }
        assert!(lines[0].contains("ITEM ID, KIND, NAME, FIELD"), "{lines:#?}");
    }

    #[test]
    fn text_gives_way_before_ids_and_times() {
        let name = "A name of many words that goes on and on for longer than any terminal is wide";
        let lines = lines(&[row("mira_1", name, "premium: true → false")], 100);
        assert!(lines.iter().all(|line| line.chars().count() <= 100), "{lines:#?}");
        assert!(lines[1].contains("1970-01-01T00:00:00.000Z  default  changed"), "{lines:#?}");
        assert!(lines[1].contains("mira_1") && lines.len() > 2, "{lines:#?}");
    }

    #[test]
    fn one_value_without_spaces_does_not_widen_every_row() {
        let tags = format!("tags: {} → []", r#"["Wardrobe","Portrait","Studio"]"#.repeat(4));
        for (name, field) in [("Mira", &*tags), (&"界".repeat(200), ""), (&"x".repeat(400), "")] {
            let lines = lines(&[row("mira_1", name, field), row("mira_2", "Two Words", "")], 100);
            assert!(lines.iter().all(|line| line.chars().count() <= 100), "{lines:#?}");
        }
    }

    #[test]
    fn ids_and_words_in_any_script_are_whole() {
        let id = "vorführung_für_gäste_2025_vorne_links";
        let name = "Geschäftsführungsbesprechung [VIP] Internationalizations";
        let lines = lines(&[row(id, name, ""), row("mira_office_front_2025", "Two Words", "")], 80);
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        for whole in std::iter::once(id).chain(name.split(' ')) {
            assert!(lines.iter().any(|line| line.contains(whole)), "{whole}: {lines:#?}");
        }
    }

    #[test]
    fn what_fits_nowhere_runs_over_unbroken() {
        let id = ID.repeat(4);
        let lines = lines(&[row(&id, "Mira", "")], 80);
        assert!(lines.iter().any(|line| line.contains(&id)), "{lines:#?}");
    }
}
