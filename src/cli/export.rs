//! `export`: the catalogue now, or as it was at any time.

use clap::{Args, ValueEnum, builder::PossibleValue};

use super::{
    Context,
    changes::KindArgument,
    output::{Cell, Format, Rows, Text},
    time_or_ago,
};
use crate::{
    catalog::item::{Column, Fields, Holds, Kind},
    error::{Error, Result},
    store::{
        Store,
        export::{ItemState, Moment, Snapshot},
    },
    time::Timestamp,
};

/// The columns of avatars: those of the table that a time has.
const AVATARS: [&str; 15] = [
    "account",
    "avatar_id",
    "avatar_name",
    "gender",
    "preview_image_url",
    "preview_video_url",
    "premium",
    "type",
    "tags",
    "default_voice_id",
    "extra",
    "version",
    "valid_from",
    "first_seen_at",
    "changed_at",
];

/// The columns of talking photos.
const TALKING_PHOTOS: [&str; 9] = [
    "account",
    "talking_photo_id",
    "talking_photo_name",
    "preview_image_url",
    "extra",
    "version",
    "valid_from",
    "first_seen_at",
    "changed_at",
];

/// The columns of both kinds together; `state` has all fields, as in `history`.
const BOTH: [&str; 9] = [
    "account",
    "kind",
    "item_id",
    "name",
    "version",
    "valid_from",
    "first_seen_at",
    "changed_at",
    "state",
];

/// The columns for people.
const TABLE: [&str; 5] = ["account", "kind", "item_id", "name", "valid_from"];

/// Write the catalogue as it is, or as it was at any time
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  heygen-sync export --kind avatar > avatars.csv
  heygen-sync export --as-of 2026-11-23 --format ndjson
  heygen-sync export --format api > saved.json      an answer of the API, for sync --from

As of a time means as of the account's last poll at or before it that did not fail; which one
that is, is said on standard error.")]
pub struct Export {
    /// Only avatars or only talking photos, with their own columns
    #[arg(long, value_enum)]
    kind: Option<KindArgument>,
    /// Only this account's
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// As it was at this time: a time, a date (its first moment), or how long ago (7d)
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// How to write it
    #[arg(long)]
    format: Option<ExportFormat>,
}

/// How a catalogue is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExportFormat {
    Rows(Format),
    Api,
}

impl ValueEnum for ExportFormat {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [ExportFormat; 5] = [
            ExportFormat::Rows(Format::Table),
            ExportFormat::Rows(Format::Csv),
            ExportFormat::Rows(Format::Json),
            ExportFormat::Rows(Format::Ndjson),
            ExportFormat::Api,
        ];
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Rows(format) => format.to_possible_value(),
            Self::Api => {
                Some(PossibleValue::new("api").help("An answer of the API, as it could be polled"))
            }
        }
    }
}

impl Export {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let now = context.clock.now();
        let as_of = self.as_of.as_deref().map(|text| time_or_ago(text, now)).transpose()?;
        if self.format == Some(ExportFormat::Api) && self.kind.is_some() {
            return Err(Error::usage(
                "--format api takes no --kind: an answer of the API holds both lists",
            ));
        }
        let (_, _, location) = context.config()?;
        let mut store = Store::open_to_read(&location).await?;
        let mut snapshot = store.snapshot().await?;
        let moments = self.moments(&mut snapshot, as_of, context.quiet).await?;
        if !context.quiet {
            moments.iter().for_each(|moment| tell(moment, moments.len() > 1, as_of, now));
        }
        match self.format {
            Some(ExportFormat::Api) => answer(&mut snapshot, &moments).await?,
            format => self.rows(&mut snapshot, &moments, format).await?,
        }
        snapshot.end().await?;
        Ok(0)
    }

    /// Where each wanted account stood.
    async fn moments(
        &self,
        snapshot: &mut Snapshot<'_>,
        as_of: Option<Timestamp>,
        quiet: bool,
    ) -> Result<Vec<Moment>> {
        let accounts = self.accounts(snapshot).await?;
        let time = as_of.unwrap_or(Timestamp::from_millis(i64::MAX));
        let mut moments = vec![];
        let mut later = vec![];
        for account in accounts {
            match snapshot.moment(&account, time).await? {
                Some(moment) => moments.push(moment),
                None => later.push((snapshot.first_good(&account).await?, account)),
            }
        }
        if moments.is_empty() {
            return Err(too_early(&later, as_of));
        }
        for (first, account) in later.iter().filter(|_| !quiet) {
            eprintln!("heygen-sync: account '{account}' is left out: {}", begins(*first));
        }
        Ok(moments)
    }

    /// The wanted accounts: the one that is named, or all.
    async fn accounts(&self, snapshot: &mut Snapshot<'_>) -> Result<Vec<String>> {
        let all = snapshot.accounts().await?;
        match &self.account {
            Some(one) if !all.contains(one) => Err(Error::usage(format!(
                "there is no account '{one}' in the database; see: heygen-sync status"
            ))),
            Some(one) => Ok(vec![one.clone()]),
            None if self.format == Some(ExportFormat::Api) && all.len() > 1 => {
                Err(Error::usage(format!(
                    "an answer of the API is of one account; give --account (one of: {})",
                    all.join(", ")
                )))
            }
            None => Ok(all),
        }
    }

    async fn rows(
        &self,
        snapshot: &mut Snapshot<'_>,
        moments: &[Moment],
        format: Option<ExportFormat>,
    ) -> Result<()> {
        let asked = match format {
            Some(ExportFormat::Rows(format)) => Some(format),
            _ => None,
        };
        let format = Format::or_default(asked);
        let wanted = self.kind.map(Kind::from);
        let (columns, cells): (&'static [&'static str], Cells) = match (format, wanted) {
            (Format::Table, _) => (&TABLE, for_a_table),
            (_, None) => (&BOTH, of_any_kind),
            (_, Some(Kind::Avatar)) => (&AVATARS, of_one_kind),
            (_, Some(Kind::TalkingPhoto)) => (&TALKING_PHOTOS, of_one_kind),
        };
        let mut rows = Rows::new(format, columns)?;
        for moment in moments {
            for kind in Kind::ALL.into_iter().filter(|kind| wanted.is_none_or(|one| one == *kind)) {
                let row = |item| rows.row(cells(&moment.account, kind, item));
                snapshot.items(kind, moment, row).await?;
            }
        }
        rows.finish("The catalogue was empty.")
    }
}

/// Makes a row of an account's item.
type Cells = fn(&str, Kind, ItemState) -> Vec<Cell>;

async fn answer(snapshot: &mut Snapshot<'_>, moments: &[Moment]) -> Result<()> {
    let mut out = Text::new();
    for moment in moments {
        snapshot.answer(moment, |piece| out.write(piece)).await?;
    }
    out.finish()
}

/// The item's own columns between its key and its version.
fn of_one_kind(account: &str, kind: Kind, item: ItemState) -> Vec<Cell> {
    let ItemState { id, version, valid_from, first_seen_at, changed_at, fields } = item;
    let mut cells = vec![account.into(), id.into()];
    cells.extend(kind.columns().iter().map(|column| own(&fields, column)));
    cells.push(fields.extra(kind).map(Cell::Json).into());
    cells.extend([version.into(), valid_from.into(), first_seen_at.into(), changed_at.into()]);
    cells
}

fn own(fields: &Fields, column: &Column) -> Cell {
    let value = fields.cell(column);
    match column.holds {
        Holds::Texts => value.map(|value| Cell::Json(value.to_json())).into(),
        Holds::Text => value.and_then(|value| value.as_str()).into(),
        Holds::Bool => value.map(|value| value.to_json() == "true").into(),
    }
}

fn of_any_kind(account: &str, kind: Kind, item: ItemState) -> Vec<Cell> {
    let ItemState { id, version, valid_from, first_seen_at, changed_at, fields } = item;
    vec![
        account.into(),
        kind.as_str().into(),
        id.into(),
        fields.name(kind).into(),
        version.into(),
        valid_from.into(),
        first_seen_at.into(),
        changed_at.into(),
        Cell::Json(fields.to_json()),
    ]
}

fn for_a_table(account: &str, kind: Kind, item: ItemState) -> Vec<Cell> {
    let name = item.fields.name(kind).into();
    vec![account.into(), kind.as_str().into(), item.id.into(), name, item.valid_from.into()]
}

/// Says which poll the export shows, and between which times nobody knows the state.
fn tell(moment: &Moment, several: bool, as_of: Option<Timestamp>, now: Timestamp) {
    let Moment { account, poll_id, observed_at, failed, next } = moment;
    let whose = if several { format!("account '{account}': ") } else { String::new() };
    eprintln!("heygen-sync: {whose}as of {observed_at}, after poll {poll_id}");
    if *failed == 0 {
        return;
    }
    let polls = if *failed == 1 { "poll".to_owned() } else { format!("{failed} polls") };
    let until = match (next, as_of) {
        (Some(next), _) => format!("{next}, the next good poll"),
        (None, Some(asked)) => format!("{asked}; no good poll has come since"),
        (None, None) => format!("now ({now})"),
    };
    eprintln!(
        "heygen-sync: warning: {whose}the {polls} after it failed: the state is not known between \
         {observed_at} and {until}"
    );
}

/// No account had a good poll yet: says when the first one came.
fn too_early(later: &[(Option<Timestamp>, String)], as_of: Option<Timestamp>) -> Error {
    let first = later.iter().filter_map(|(first, account)| Some(((*first)?, account))).min();
    match (first, as_of) {
        (Some((first, account)), Some(as_of)) => Error::usage(format!(
            "nothing is known as of {as_of}: the first good poll of account '{account}' was at {first}"
        )),
        _ => Error::usage(
            "no poll has succeeded yet, so there is no catalogue to show; see: heygen-sync status",
        ),
    }
}

fn begins(first: Option<Timestamp>) -> String {
    match first {
        Some(first) => format!("its first good poll was at {first}"),
        None => "no poll of it has succeeded yet".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_a_kind_follow_its_table() {
        for (kind, columns) in [(Kind::Avatar, &AVATARS[..]), (Kind::TalkingPhoto, &TALKING_PHOTOS)]
        {
            let own = kind.columns().iter().map(|column| column.name);
            let expected: Vec<&str> = ["account", kind.id_field()]
                .into_iter()
                .chain(own)
                .chain(["extra", "version", "valid_from", "first_seen_at", "changed_at"])
                .collect();
            assert_eq!(columns, expected);
        }
    }
}
