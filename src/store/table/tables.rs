//! The tables.

use std::sync::LazyLock;

use crate::{
    catalog::{
        column::{Column, Holds::*},
        kind::Kind,
    },
    store::{queue::Asset, record::RowType, row::PollRow},
};

/// A table or a view.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The meaning of a row.
    pub meaning: String,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// The columns that identify and order its rows, the primary key if there is one; empty for the view
    /// `changes`, whose fields may be null.
    pub order: Vec<&'static str>,
    /// Columns at its end that are in no list of columns, no digest and no export.
    pub internal: &'static [Column],
}

/// Every table; those that others refer to come first.
pub static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let mut all = vec![accounts(), polls()];
    all.extend(Kind::ALL.map(items));
    all.extend(Kind::ALL.map(history));
    all.extend([field_changes(), schema_changes(), assets(), asset_versions(), notices()]);
    all
});

/// The internal table of the texts to search; see [`crate::store::search`].
pub static SEARCH_NAMES: LazyLock<Table> = LazyLock::new(search_names);

/// The table `polls`.
pub static POLLS: LazyLock<Table> = LazyLock::new(polls);

impl Table {
    pub(super) fn new(
        name: &'static str,
        meaning: &str,
        order: &[&'static str],
        columns: impl Into<Vec<Column>>,
    ) -> Self {
        Self {
            name,
            meaning: meaning.into(),
            columns: columns.into(),
            order: order.into(),
            internal: &[],
        }
    }

    /// The names of the columns, each after `prefix`, as a SELECT lists them.
    pub fn list(&self, prefix: &str) -> String {
        let names = self.names().into_iter().map(|name| format!("{prefix}{name}"));
        names.collect::<Vec<_>>().join(", ")
    }

    /// The names of the columns.
    pub fn names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|column| column.name).collect()
    }

    /// The columns that a digest covers.
    pub fn sealed(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.sealed)
    }
}

pub(super) const ACCOUNT: Column =
    Column::new("account", Text, "name of the account: what one API key sees")
        .unsealed()
        .required();
/// The column for fields and values without a column of their own.
pub const EXTRA: Column = Column::new(
    "extra",
    Json,
    "JSON object of fields and values without a column; null if there are none",
);
/// The fingerprint that the records of an item are recognised by; see [`crate::catalog::recognition`].
const FINGERPRINT: Column = Column::new(
    "fingerprint",
    Text,
    "internal: hash by which an unchanged record is recognised; null: the next record is decoded",
);
pub(super) const ID: &str = "id given by the API";
pub(super) const KIND: Column =
    Column::new("kind", Text, "avatar, talking_photo, avatar_group or voice");
/// The kind of a list.
pub(super) const LIST: Column =
    Column::new("kind", Text, "the list: avatar, talking_photo, avatar_group or voice");
pub(super) const ITEM_ID: Column = Column::new("item_id", Text, "id of the item");
pub(super) const FIELD: Column = Column::new("field", Text, "field name in the API");
pub(super) const FIRST_SEEN_AT: Column =
    Column::new("first_seen_at", Time, "observed_at of the poll that added it").required();
pub(super) const CHANGED_AT: Column = Column::new(
    "changed_at",
    Time,
    "when it was last added, changed or restored; learned values do not count",
)
.required();
pub(super) const MISSING_SINCE: Column = Column::new(
    "missing_since",
    Time,
    "observed_at of the first poll in a row without it; null while it is listed; kept after removal",
);
pub(super) const REMOVED_AT: Column =
    Column::new("removed_at", Time, "observed_at of the poll that removed it; null if not removed");

fn accounts() -> Table {
    Table::new(
        "accounts",
        "one row per account, with a summary of its polls, failed ones included",
        &["account"],
        [
            ACCOUNT,
            Column::new("last_poll_id", Integer, "its latest poll, failed ones included"),
            Column::new("polls", Integer, "number of its polls, failed ones included").required(),
            Column::new(
                "digest",
                Text,
                "digest of its latest sealed poll; null while polls are not sealed",
            ),
        ],
    )
}

fn polls() -> Table {
    Table {
        name: "polls",
        meaning: "one row per poll of a catalogue, failed ones included".into(),
        columns: PollRow::columns().to_vec(),
        order: vec!["poll_id"],
        internal: &[],
    }
}

/// The items of a kind, each in its last known state.
pub(super) fn items(kind: Kind) -> Table {
    let mut columns = vec![ACCOUNT, Column::new(kind.id, Text, ID)];
    columns.extend(kind.columns);
    columns.push(EXTRA);
    columns.extend([
        Column::new("version", Integer, "number of the current version in the history, from 1")
            .required(),
        Column::new("valid_from", Time, "start of the current version").required(),
        FIRST_SEEN_AT,
        CHANGED_AT,
        MISSING_SINCE,
        REMOVED_AT,
    ]);
    Table {
        name: kind.table,
        meaning: format!("every {} ever seen, in its last known state", kind.singular),
        columns,
        order: vec!["account", kind.id],
        internal: &[FINGERPRINT],
    }
}

/// Every version of the items of a kind.
fn history(kind: Kind) -> Table {
    let mut columns = vec![ACCOUNT, Column::new(kind.id, Text, ID)];
    columns.extend(VERSION);
    columns.extend(kind.columns);
    columns.push(EXTRA);
    Table {
        name: kind.history,
        meaning: format!(
            "every version of every {}, the current one included; [valid_from, valid_to), no \
             overlaps",
            kind.singular
        ),
        columns,
        order: vec!["account", kind.id, "version"],
        internal: &[],
    }
}

/// The columns of a version between its id and the item's own.
const VERSION: [Column; 9] = [
    Column::new("version", Integer, "1, 2, 3 … for each item"),
    Column::new("valid_from", Time, "inclusive start: observed_at of opened_poll").required(),
    Column::new("valid_to", Time, "exclusive end: observed_at of closed_poll; null while open"),
    Column::new("opened_by", Text, "added, changed, restored or learned").required(),
    Column::new("closed_by", Text, "changed, removed or learned; null while open"),
    Column::new("opened_poll", Integer, "poll that opened it").required(),
    Column::new("closed_poll", Integer, "poll that closed it; null while open"),
    Column::new(
        "opened_after",
        Time,
        "observed_at of the last poll with the previous state; null at the baseline",
    ),
    Column::new(
        "closed_after",
        Time,
        "observed_at of the last poll with this state; null while open",
    ),
];

fn field_changes() -> Table {
    Table::new(
        "field_changes",
        "changed fields of each version opened by changed or restored, one row per field",
        &["poll_id", "account", "kind", "item_id", "version", "field"],
        [
            Column::new("poll_id", Integer, "poll that saw the change"),
            ACCOUNT,
            KIND,
            ITEM_ID,
            Column::new("version", Integer, "version that the change opened"),
            Column::new(
                "field",
                Text,
                "field name in the API, with or without a column of its own",
            ),
            Column::new(
                "old_value",
                Text,
                "old value as text: strings verbatim, else compact JSON; null if null",
            ),
            Column::new("new_value", Text, "new value in the same form"),
        ],
    )
}

fn schema_changes() -> Table {
    Table::new(
        "schema_changes",
        "fields that appeared in a list, vanished from it or changed their JSON type",
        &["poll_id", "account", "kind", "field", "change"],
        [
            Column::new("poll_id", Integer, "poll that saw it"),
            ACCOUNT,
            LIST,
            FIELD,
            Column::new("change", Text, "appeared, vanished or retyped"),
            Column::new(
                "json_type",
                Text,
                "JSON types of its non-null values, sorted and joined by |; last known if vanished; \
                 null if none was seen",
            ),
            Column::new("example", Text, "one value in canonical form, at most 200 characters"),
        ],
    )
}

pub(super) fn assets() -> Table {
    let mut columns = vec![];
    Asset::columns(&mut columns);
    columns.insert(1, Column::new("role", Text, "image, video or audio").required());
    Table::new(
        "assets",
        "one row per canonical URL of a preview: its working link and its mirrored copy",
        &["url"],
        columns,
    )
}

fn asset_versions() -> Table {
    Table::new(
        "asset_versions",
        "every content ever fetched from a URL",
        &["url", "fetched_at"],
        [
            Column::new("url", Text, "canonical URL"),
            Column::new("fetched_at", Time, "when it was first fetched from the URL"),
            Column::new("sha256", Text, "SHA-256 of the content, in hex").required(),
            Column::new("file", Text, "name of the content within the store").required(),
            Column::new("bytes", Integer, "size, in bytes").required(),
            Column::new("content_type", Text, "media type, from the first bytes"),
            Column::new(
                "pruned_at",
                Time,
                "when its file was deleted from the store; null if it is kept",
            ),
        ],
    )
}

fn notices() -> Table {
    Table::new(
        "notices",
        "messages to be delivered at least once, each to one receiver; written with their poll, \
         kept after delivery",
        &["notice_id"],
        [
            Column::new("notice_id", Integer, "1, 2, 3 …: order of delivery to each receiver"),
            Column::new("poll_id", Integer, "reported poll").required(),
            ACCOUNT,
            Column::new("receiver", Text, "name of the receiver in the configuration").required(),
            Column::new("kind", Text, "kind of notice; one of each kind per poll and receiver")
                .required(),
            Column::new("body", Json, "the message, as JSON").required(),
            Column::new("created_at", Time, "when it was written").required(),
            Column::new("attempts", Integer, "delivery attempts").required(),
            Column::new("next_attempt_at", Time, "earliest next attempt; null means at once"),
            Column::new("delivered_at", Time, "when the receiver accepted it; null until then"),
            Column::new("last_error", Text, "why the last attempt failed"),
        ],
    )
}

fn search_names() -> Table {
    Table::new(
        "search_names",
        "internal, derived from the histories: the folded text of each version whose name or id is not \
         ASCII, for search",
        &["account", "kind", "item_id", "version"],
        [
            ACCOUNT,
            Column::new("kind", Text, "kind of the item"),
            ITEM_ID,
            Column::new("version", Integer, "version of the item"),
            Column::new(
                "text",
                Text,
                "its name, a line break and its id, without case and diacritics",
            )
            .required(),
        ],
    )
}
