//! The statements of the audit; those of a [`super::section::Section`] are beside its columns.

use crate::{
    catalog::kind::Kind,
    store::{
        registry::register,
        statements::columns,
        table::{POLLS, SEARCH_NAMES},
    },
};

register! {
    /// The head of each account.
    pub const HEADS =
        "SELECT account, last_poll_id, polls, digest FROM accounts ORDER BY account";

    /// The first poll of the next piece: (first poll of this piece, polls of a piece).
    pub const NEXT_POLLS =
        "SELECT poll_id FROM polls WHERE poll_id >= $1 ORDER BY poll_id LIMIT 1 OFFSET $2";

    /// The digest of an account's last poll before one: (account, poll).
    pub const DIGEST_BEFORE =
        "SELECT digest FROM polls WHERE account = $1 AND poll_id < $2 ORDER BY poll_id DESC LIMIT 1";

    /// The schema changes of a list, oldest first: (account, kind).
    pub const SCHEMA = "SELECT poll_id, field, change, json_type FROM schema_changes \
         WHERE account = $1 AND kind = $2 ORDER BY poll_id, field";

    /// Items without an account, which only a missing foreign key allows. The histories need no such check:
    /// their rows are found by their polls.
    pub fn without_account(kind: Kind) {
        let (table, id) = (kind.table, kind.id);
        format!(
            "SELECT t.account, t.{id}, t.valid_from FROM {table} AS t \
             LEFT JOIN accounts AS a ON a.account = t.account WHERE a.account IS NULL"
        )
    }

    /// The polls of a piece: (first, last).
    pub fn polls() {
        format!(
            "SELECT {} FROM polls WHERE poll_id >= $1 AND poll_id <= $2 ORDER BY poll_id",
            POLLS.list("")
        )
    }

    /// The first id after a span: (account, first id, items of a span).
    pub fn next_items(kind: Kind) {
        let (table, id) = (kind.history, kind.id);
        format!(
            "SELECT DISTINCT {id} FROM {table} WHERE account = $1 AND {id} >= $2 \
             ORDER BY {id} LIMIT 1 OFFSET $3"
        )
    }

    /// The versions of a span: (account, first id), and (first id after it) if the span is `bounded`.
    pub fn versions(kind: Kind, bounded: bool) {
        let (table, id) = (kind.history, kind.id);
        format!(
            "SELECT {id}, version, valid_from, valid_to, opened_by, closed_by, opened_poll, \
             closed_poll, opened_after, closed_after, {}, extra FROM {table} \
             WHERE account = $1 AND {} ORDER BY {id}, version",
            columns(kind, ""),
            between(id, 2, bounded)
        )
    }

    /// The items of a span: the arguments of [`versions`].
    pub fn current(kind: Kind, bounded: bool) {
        let (table, id) = (kind.table, kind.id);
        format!(
            "SELECT {id}, version, valid_from, first_seen_at, changed_at, removed_at, {}, extra, \
             fingerprint FROM {table} WHERE account = $1 AND {} ORDER BY {id}",
            columns(kind, ""),
            between(id, 2, bounded)
        )
    }

    /// The field changes of a span: (account, kind, first id), and (first id after it) if it is `bounded`.
    pub fn changed(bounded: bool) {
        format!(
            "SELECT poll_id, item_id, version, field, old_value, new_value FROM field_changes \
             WHERE account = $1 AND kind = $2 AND {} ORDER BY item_id, version, field",
            between("item_id", 3, bounded)
        )
    }

    /// The folded texts of a span: the arguments of [`changed`].
    pub fn search_texts(bounded: bool) {
        format!(
            "SELECT item_id, version, text FROM {} WHERE account = $1 AND kind = $2 AND {}",
            SEARCH_NAMES.name,
            between("item_id", 3, bounded)
        )
    }
}

fn between(id: &str, first: usize, bounded: bool) -> String {
    match bounded {
        true => format!("{id} >= ${first} AND {id} < ${}", first + 1),
        false => format!("{id} >= ${first}"),
    }
}
