//! The change feed grouped by poll: a change that many items share is one entry.

use super::{
    picture::ItemPreview,
    reading::Reading,
    sql::{self, Sql, stored_now},
};
use crate::{
    catalog::kind::Kind,
    error::Result,
    store::{
        change::ChangeFilter,
        conn::{Fault, Row},
        record::RowType,
        row::{GOOD, PollRow},
        table,
    },
    time::Timestamp,
};

/// The maximum number of polls on a page of changes.
pub const POLLS: usize = 12;
/// The maximum number of changed items on a page, unless its first poll alone has more.
const ITEMS: i64 = 400;
/// The maximum number of entries for one poll, kind and change; the others are only counted.
pub const ENTRIES: i64 = 24;

/// A change that `same` items of the poll share, with the first of these items.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedChange {
    /// The poll.
    pub poll_id: i64,
    /// The kind.
    pub kind: Kind,
    /// `added`, `changed`, `removed` or `restored`.
    pub change: String,
    /// The changed field; `None` for the item as a whole.
    pub field: Option<String>,
    /// The old value.
    pub old: Option<String>,
    /// The new value.
    pub new: Option<String>,
    /// The id of the item.
    pub item_id: String,
    /// Its name.
    pub name: Option<String>,
    /// The time of the last poll that still showed the old state.
    pub previous_poll_at: Option<Timestamp>,
    /// How many items have the same change.
    pub same: i64,
    /// The number of the poll's rows of this kind and change, either all with a field or all without.
    pub all: i64,
    /// The version of `image`.
    pub version: i64,
    /// The item's current picture; if this change replaced the picture, the new one.
    pub image: ItemPreview,
    /// If this change replaced the picture: the previous one.
    pub image_before: ItemPreview,
    /// The item's gender.
    pub gender: Option<String>,
    /// Whether it has a video.
    pub has_video: bool,
    /// The avatar group that the item is a look of, if known.
    pub group: Option<String>,
    /// The name of that group, if known.
    pub group_name: Option<String>,
}

impl Reading {
    /// Returns a page of the polls with changes before `before`, newest first; whether there are more; and
    /// the number of changed items in all polls.
    pub async fn polls_with_changes(
        &mut self,
        account: &str,
        filter: &ChangeFilter,
        before: Option<i64>,
    ) -> Result<(Vec<PollRow>, bool, i64)> {
        let mut sql = Sql::new(self.engine());
        let text = polls_sql(&mut sql, account, filter, before.unwrap_or(i64::MAX));
        let mut polls = self
            .ask(text, &sql.args, |row| {
                Ok((
                    PollRow::read(row)?,
                    row.int("every")?.unwrap_or(0),
                    row.int("own")?.unwrap_or(0),
                ))
            })
            .await?;
        let all = polls.first().map_or(0, |(_, all, _)| *all);
        let (mut fits, mut items) = (0, 0);
        while fits < polls.len().min(POLLS) && (fits == 0 || items + polls[fits].2 <= ITEMS) {
            items += polls[fits].2;
            fits += 1;
        }
        let more = polls.len() > fits;
        polls.truncate(fits);
        Ok((polls.into_iter().map(|(poll, ..)| poll).collect(), more, all))
    }

    /// Returns the polls up to `newest` with changes, newest first, each with its number of changed items.
    pub(super) async fn changed_items_by_poll(
        &mut self,
        account: &str,
        poll: Option<i64>,
        filter: &ChangeFilter,
        newest: i64,
    ) -> Result<Vec<(i64, i64)>> {
        let mut sql = Sql::new(self.engine());
        let counted = counted(filter);
        let conditions = with_changes(&mut sql, account, filter, counted);
        let newest = sql.bind(newest);
        let only = poll.map(|poll| format!(" AND p.poll_id = {}", sql.bind(poll)));
        let text = format!(
            "SELECT p.poll_id, {counted} FROM polls AS p WHERE {conditions} \
             AND p.poll_id <= {newest}{} ORDER BY p.poll_id DESC",
            only.unwrap_or_default()
        );
        self.ask(text, &sql.args, |row| Ok((row.some_int(0)?, row.some_int(1)?))).await
    }

    /// Returns the changes of these polls; a field change that several items share is returned once.
    pub async fn shared_changes(
        &mut self,
        polls: &[i64],
        filter: &ChangeFilter,
    ) -> Result<Vec<SharedChange>> {
        if polls.is_empty() {
            return Ok(vec![]);
        }
        let mut sql = Sql::new(self.engine());
        let places: Vec<String> = polls.iter().map(|poll| sql.bind(*poll)).collect();
        let own = own_conditions(&mut sql, filter);
        let text = shared_sql(&sql, &places.join(", "), &format!("TRUE{own}"));
        self.ask(text, &sql.args, shared_change).await
    }
}

/// Returns the SQL of the polls before `before` with their changed items (`own`) and those of all
/// (`every`).
fn polls_sql<'a>(
    sql: &mut Sql<'a>,
    account: &'a str,
    filter: &'a ChangeFilter,
    before: i64,
) -> String {
    let changed = counted(filter);
    let conditions = with_changes(sql, account, filter, changed);
    // The items of each poll are counted once, for the list and for the sum.
    let (with, join, counted) = match filter.selects_items() {
        false => (String::new(), "", changed),
        true => {
            let items = changed_items(sql, account, filter);
            let with = format!(
                "WITH found AS MATERIALIZED (SELECT e.poll_id, count(*) AS items \
                   FROM ({items}) AS e GROUP BY e.poll_id) "
            );
            (with, " JOIN found AS f ON f.poll_id = p.poll_id", "f.items")
        }
    };
    let before = sql.bind(before);
    let poll = table::POLLS.list("p.");
    format!(
        "{with}SELECT {poll}, p.every, p.own FROM (SELECT {poll}, {counted} AS own, \
           CAST(sum({counted}) OVER () AS BIGINT) AS every FROM polls AS p{join} \
           WHERE {conditions}) AS p \
         WHERE p.poll_id < {before} ORDER BY p.poll_id DESC LIMIT {}",
        POLLS + 1
    )
}

/// Returns the SQL of the number of a poll's changed items.
fn counted(filter: &ChangeFilter) -> &'static str {
    match filter.change.as_deref() {
        Some("added") => "p.added",
        Some("changed") => "p.changed",
        Some("removed") => "p.removed",
        Some("restored") => "p.restored",
        _ => "(p.added + p.changed + p.removed + p.restored)",
    }
}

/// Returns the condition for the account's good polls that match the filter's times and have changes.
fn with_changes<'a>(
    sql: &mut Sql<'a>,
    account: &'a str,
    filter: &ChangeFilter,
    counted: &str,
) -> String {
    let account = sql.bind(account);
    let times = time_conditions(sql, "p", filter);
    format!("p.account = {account} AND p.{GOOD} AND {counted} > 0{times}")
}

/// Returns the conditions on the time, each preceded by AND.
pub(in crate::store) fn time_conditions(
    sql: &mut Sql<'_>,
    of: &str,
    filter: &ChangeFilter,
) -> String {
    let mut all = String::new();
    for (compared, time) in [(">=", filter.since), ("<", filter.until)] {
        if let Some(time) = time {
            all.push_str(&format!(" AND {of}.observed_at {compared} {}", sql.bind(time)));
        }
    }
    all
}

/// The condition that a row changes the picture.
const IS_PICTURE: &str = "l.field = 'preview_image_url'";

/// Returns the SQL of the changes of these polls that meet `condition`; a shared field change is one row.
fn shared_sql(sql: &Sql<'_>, polls: &str, condition: &str) -> String {
    let order = "c.name NULLS LAST, c.item_id";
    let mut joins = String::new();
    for (nth, kind) in Kind::ALL.into_iter().enumerate() {
        joins.push_str(&format!(
            "LEFT JOIN {table} AS v{nth} ON l.kind = '{kind}' AND v{nth}.account = l.account \
             AND v{nth}.{id} = l.item_id ",
            table = kind.table,
            id = kind.id,
        ));
    }
    let version = format!("coalesce(f.version, {}, 1)", of_kinds(|_| true, "version"));
    let own = |column| of_kinds(|kind| kind.column(column).is_some(), column);
    let (image, group) = (own("preview_image_url"), own("group_id"));
    let before = format!("CASE WHEN {IS_PICTURE} THEN l.old_value END");
    let url = format!("CASE WHEN {IS_PICTURE} THEN l.new_value ELSE {image} END");
    format!(
        "SELECT l.poll_id, l.kind, l.change, l.field, l.old_value, l.new_value, l.item_id, \
         l.name, l.previous_poll_at, l.same, l.every, {stored} AS image, {live} AS image_live, \
         {gender} AS gender, {video} IS NOT NULL AS has_video, {version} AS version, \
         {group} AS group_id, {stored_before} AS image_before, {live_before} AS before_live, \
         {group_name} AS group_name FROM ( \
           SELECT m.*, row_number() OVER (PARTITION BY m.poll_id, m.kind, m.change, \
               m.field IS NULL ORDER BY m.same DESC, m.name NULLS LAST, m.item_id) AS line FROM ( \
             SELECT c.*, \
               count(*) OVER (PARTITION BY c.poll_id, c.kind, c.change, c.field, c.old_value, \
                 c.new_value) AS same, \
               count(*) OVER (PARTITION BY c.poll_id, c.kind, c.change, c.field IS NULL) AS every, \
               row_number() OVER (PARTITION BY c.poll_id, c.kind, c.change, c.field, \
                 c.old_value, c.new_value ORDER BY {order}) AS place \
             FROM changes AS c WHERE c.poll_id IN ({polls}) AND {condition} \
           ) AS m WHERE m.place = 1 OR (m.field IS NULL AND m.place <= {ENTRIES}) \
         ) AS l {joins}LEFT JOIN assets AS s ON s.url = {url} \
         LEFT JOIN assets AS o ON o.url = {before} \
         LEFT JOIN field_changes AS f ON {IS_PICTURE} AND f.field = l.field \
           AND f.account = l.account AND f.kind = l.kind AND f.item_id = l.item_id \
           AND f.poll_id = l.poll_id \
         WHERE l.line <= {ENTRIES} \
         ORDER BY l.poll_id DESC, l.kind, l.change, l.field IS NULL, l.line",
        stored = stored_now("s"),
        live = sql.live_until(&url, "s"),
        stored_before = stored_now("o"),
        live_before = sql.live_until(&before, "o"),
        gender = own("gender"),
        group_name = Kind::referred("group_id").map_or("NULL".into(), |person| sql::name_of(
            person,
            "l.account",
            &group
        )),
        video = own("preview_video_url"),
    )
}

/// Returns the SQL of a column of the items `v0`, `v1` … of the kinds for which `has` it; NULL without one.
fn of_kinds(has: impl Fn(Kind) -> bool, column: &str) -> String {
    let kinds = Kind::ALL.into_iter().enumerate().filter(|(_, kind)| has(*kind));
    let columns = kinds.map(|(nth, _)| format!("v{nth}.{column}"));
    // SQLite's `coalesce` requires at least two arguments.
    let all: Vec<String> = columns.chain(["NULL", "NULL"].map(str::to_owned)).collect();
    format!("coalesce({})", all.join(", "))
}

/// Returns the SQL of the changed items that match, once for each poll: poll, kind and id.
fn changed_items<'a>(sql: &mut Sql<'a>, account: &'a str, filter: &'a ChangeFilter) -> String {
    let account = sql.bind(account);
    let Some(field) = &filter.field else {
        let own = own_conditions(sql, filter);
        return format!(
            "SELECT DISTINCT c.poll_id, c.kind, c.item_id FROM changes AS c \
             WHERE c.account = {account}{own}"
        );
    };
    // With a field, only changes of this field are read: at most one for each item and poll.
    let mut all = format!(
        "SELECT c.poll_id, c.kind, c.item_id FROM field_changes AS c \
         WHERE c.account = {account} AND c.field = {}",
        sql.bind(field.as_str())
    );
    let texts = [("c.kind", filter.kind.map(Kind::as_str)), ("c.item_id", filter.id.as_deref())];
    for (column, text) in texts {
        if let Some(text) = text {
            all.push_str(&format!(" AND {column} = {}", sql.bind(text)));
        }
    }
    match filter.change.as_deref() {
        None => {}
        Some("restored") => all.push_str(&format!(" AND ({})", restored())),
        Some("changed") => all.push_str(&format!(" AND NOT ({})", restored())),
        // Added and removed items have no changed fields.
        Some(_) => all.push_str(" AND FALSE"),
    }
    all
}

/// Returns the condition that a row of `field_changes` is about a restored item. Items are looked up
/// only for the few polls that restored any.
fn restored() -> String {
    let opened = |kind: Kind| {
        format!(
            "EXISTS (SELECT 1 FROM {history} AS h WHERE c.kind = '{kind}' \
             AND h.account = c.account AND h.{id} = c.item_id AND h.version = c.version \
             AND h.opened_by = 'restored')",
            history = kind.history,
            id = kind.id,
        )
    };
    let opened: Vec<String> = Kind::ALL.into_iter().map(opened).collect();
    format!(
        "c.poll_id IN (SELECT r.poll_id FROM polls AS r WHERE r.restored > 0) AND ({})",
        opened.join(" OR ")
    )
}

/// Returns the conditions on kind, change, field and item, each preceded by AND.
pub(in crate::store) fn own_conditions<'a>(sql: &mut Sql<'a>, filter: &'a ChangeFilter) -> String {
    let mut all = String::new();
    let kind = filter.kind.map(Kind::as_str);
    let texts = [
        ("c.kind", kind),
        ("c.change", filter.change.as_deref()),
        ("c.field", filter.field.as_deref()),
        ("c.item_id", filter.id.as_deref()),
    ];
    for (column, text) in texts {
        if let Some(text) = text {
            all.push_str(&format!(" AND {column} = {}", sql.bind(text)));
        }
    }
    all
}

fn shared_change(row: &Row) -> Result<SharedChange, Fault> {
    Ok(SharedChange {
        poll_id: row.some_int("poll_id")?,
        kind: sql::kind(row, "kind")?,
        change: row.some_text("change")?,
        field: row.text("field")?,
        old: row.text("old_value")?,
        new: row.text("new_value")?,
        item_id: row.some_text("item_id")?,
        name: row.text("name")?,
        previous_poll_at: row.time("previous_poll_at")?,
        same: row.some_int("same")?,
        all: row.some_int("every")?,
        image: ItemPreview::read(row, "image", "image_live")?,
        gender: row.text("gender")?,
        has_video: row.bool("has_video")?.unwrap_or(false),
        version: row.some_int("version")?,
        group: row.text("group_id")?,
        image_before: ItemPreview::read(row, "image_before", "before_live")?,
        group_name: row.text("group_name")?,
    })
}
