//! The change feed, poll by poll, with what many items share said once.

use super::{
    Reading,
    sql::{POLL, Sql, kept_now},
};
use crate::{
    catalog::item::Kind,
    error::Result,
    store::{
        conn::{Fault, Row},
        export,
        query::ChangeRow,
        row::PollRow,
        write::history,
    },
    time::Timestamp,
};

/// So many polls stand on a page of changes, or fewer where they changed so many items: then the
/// page is as large as its first poll makes it.
pub const POLLS: usize = 12;
const ITEMS: i64 = 400;
/// Of one poll, kind and change so many lines are read; the rest is counted.
pub const LINES: i64 = 24;

/// Which changes are wanted; `None` means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChangesFilter {
    /// Of this kind.
    pub kind: Option<Kind>,
    /// `added`, `changed`, `removed` or `restored`.
    pub change: Option<String>,
    /// Of this field.
    pub field: Option<String>,
    /// Of this item.
    pub id: Option<String>,
    /// Seen at this time or later.
    pub from: Option<Timestamp>,
    /// Seen before this time.
    pub until: Option<Timestamp>,
}

impl ChangesFilter {
    /// Whether only the time is chosen.
    fn only_time(&self) -> bool {
        self.kind.is_none() && self.field.is_none() && self.id.is_none()
    }
}

/// One change, shared by `same` items of the poll of which this is the first.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The poll.
    pub poll_id: i64,
    /// The kind.
    pub kind: Kind,
    /// `added`, `changed`, `removed` or `restored`.
    pub change: String,
    /// The changed field; `None` for the item as a whole.
    pub field: Option<String>,
    /// Its value before.
    pub old: Option<String>,
    /// Its value after.
    pub new: Option<String>,
    /// The item.
    pub item_id: String,
    /// Its name.
    pub name: Option<String>,
    /// The last poll that showed the state before.
    pub previous_poll_at: Option<Timestamp>,
    /// How many items have the same change.
    pub same: i64,
    /// How many rows the poll has of this kind and change, with a field or without.
    pub all: i64,
    /// The hash of the item's kept picture.
    pub image: Option<String>,
    /// The item's gender.
    pub gender: Option<String>,
    /// Whether it names a video.
    pub has_video: bool,
}

impl Reading {
    /// A page of the polls that changed something, newest first, of those before `before`; whether
    /// there are more; and how many changes there are in all of them.
    pub async fn polls_with_changes(
        &mut self,
        account: &str,
        filter: &ChangesFilter,
        before: Option<i64>,
    ) -> Result<(Vec<PollRow>, bool, i64)> {
        let mut sql = Sql::new(self.engine());
        let changed = match filter.change.as_deref() {
            Some("added") => "p.added",
            Some("changed") => "p.changed",
            Some("removed") => "p.removed",
            Some("restored") => "p.restored",
            _ => "(p.added + p.changed + p.removed + p.restored)",
        };
        let account = sql.bind(account);
        let mut conditions = vec![
            format!("p.account = {account}"),
            "p.outcome <> 'failed'".into(),
            format!("{changed} > 0"),
        ];
        if let Some(from) = filter.from {
            conditions.push(format!("p.observed_at >= {}", sql.bind(from)));
        }
        if let Some(until) = filter.until {
            conditions.push(format!("p.observed_at < {}", sql.bind(until)));
        }
        // Each poll's items are counted once, for the list and for the sum.
        let (with, counted) = match filter.only_time() {
            true => (String::new(), changed.to_owned()),
            false => {
                let items = changed_items(&mut sql, &account, filter);
                let with = format!(
                    "WITH found AS MATERIALIZED (SELECT e.poll_id, count(*) AS items \
                       FROM ({items}) AS e GROUP BY e.poll_id) "
                );
                (with, "f.items".to_owned())
            }
        };
        let found = match with.is_empty() {
            true => "",
            false => " JOIN found AS f ON f.poll_id = p.poll_id",
        };
        let before = sql.bind(before.unwrap_or(i64::MAX));
        let text = format!(
            "{with}SELECT {POLL}, p.every, p.own FROM (SELECT {POLL}, {counted} AS own, \
               CAST(sum({counted}) OVER () AS BIGINT) AS every FROM polls AS p{found} \
               WHERE {}) AS p \
             WHERE p.poll_id < {before} ORDER BY p.poll_id DESC LIMIT {}",
            conditions.join(" AND "),
            POLLS + 1
        );
        let mut polls = self
            .ask(text, &sql.args, |row| {
                Ok((PollRow::read(row, 0)?, row.int(32)?.unwrap_or(0), row.int(33)?.unwrap_or(0)))
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

    /// The changes of these polls, what many items share once.
    pub async fn lines(
        &mut self,
        account: &str,
        polls: &[i64],
        filter: &ChangesFilter,
    ) -> Result<Vec<Line>> {
        if polls.is_empty() {
            return Ok(vec![]);
        }
        let mut sql = Sql::new(self.engine());
        let account = sql.bind(account);
        let places: Vec<String> = polls.iter().map(|poll| sql.bind(*poll)).collect();
        let own = own_conditions(&mut sql, filter);
        let order = "c.name NULLS LAST, c.item_id";
        let text = format!(
            "SELECT l.poll_id, l.kind, l.change, l.field, l.old_value, l.new_value, l.item_id, \
             l.name, l.previous_poll_at, l.same, l.every, {kept}, v.gender, \
             v.preview_video_url IS NOT NULL FROM ( \
               SELECT m.*, row_number() OVER (PARTITION BY m.poll_id, m.kind, m.change, \
                   m.field IS NULL ORDER BY m.same DESC, m.name NULLS LAST, m.item_id) AS line FROM ( \
                 SELECT c.*, \
                   count(*) OVER (PARTITION BY c.poll_id, c.kind, c.change, c.field, c.old_value, \
                     c.new_value) AS same, \
                   count(*) OVER (PARTITION BY c.poll_id, c.kind, c.change, c.field IS NULL) AS every, \
                   row_number() OVER (PARTITION BY c.poll_id, c.kind, c.change, c.field, \
                     c.old_value, c.new_value ORDER BY {order}) AS place \
                 FROM changes AS c WHERE c.poll_id IN ({places}) AND c.account = {account}{own} \
               ) AS m WHERE m.place = 1 OR (m.field IS NULL AND m.place <= {LINES}) \
             ) AS l \
             LEFT JOIN avatars AS v ON l.kind = 'avatar' AND v.account = l.account \
               AND v.avatar_id = l.item_id \
             LEFT JOIN talking_photos AS t ON l.kind = 'talking_photo' AND t.account = l.account \
               AND t.talking_photo_id = l.item_id \
             LEFT JOIN assets AS s ON s.url = coalesce(v.preview_image_url, t.preview_image_url) \
             WHERE l.line <= {LINES} \
             ORDER BY l.poll_id DESC, l.kind, l.change, l.field IS NULL, l.line",
            places = places.join(", "),
            kept = kept_now("s"),
        );
        self.ask(text, &sql.args, line).await
    }

    /// The changes of one poll, item by item: `limit` rows after the first `offset`, and how many
    /// there are.
    pub async fn changes_of_poll(
        &mut self,
        poll: &PollRow,
        filter: &ChangesFilter,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<ChangeRow>, i64)> {
        let mut sql = Sql::new(self.engine());
        let (account, number) = (sql.bind(poll.account.as_str()), sql.bind(poll.poll_id));
        let own = own_conditions(&mut sql, filter);
        // Counted beside the rows: a count over them would carry all of them along.
        let text = format!(
            "SELECT {CHANGE}, (SELECT count(*) FROM changes AS c WHERE c.poll_id = {number} \
               AND c.account = {account}{own}) FROM changes AS c WHERE c.poll_id = {number} \
             AND c.account = {account}{own} \
             ORDER BY c.kind, c.change, c.name NULLS LAST, c.item_id, c.field NULLS FIRST \
             LIMIT {limit} OFFSET {offset}"
        );
        let rows = self.ask(text, &sql.args, |row| Ok((change_row(row)?, row.some_int(11)?)));
        let rows = rows.await?;
        let all = rows.first().map_or(0, |(_, all)| *all);
        Ok((rows.into_iter().map(|(row, _)| row).collect(), all))
    }

    /// The newest changes after the account's first poll, oldest first, at most `limit` rows: of
    /// the oldest item all rows or none.
    pub async fn newest_changes(
        &mut self,
        account: &str,
        after: Timestamp,
        filter: &ChangesFilter,
        limit: usize,
    ) -> Result<Vec<ChangeRow>> {
        let mut sql = Sql::new(self.engine());
        let (account, after) = (sql.bind(account), sql.bind(after));
        let own = own_conditions(&mut sql, filter);
        let text = format!(
            "SELECT {CHANGE} FROM changes AS c WHERE c.account = {account} \
             AND c.observed_at > {after}{own} \
             ORDER BY c.poll_id DESC, c.kind DESC, c.item_id DESC, c.field DESC NULLS LAST \
             LIMIT {limit}"
        );
        let mut rows = self.ask(text, &sql.args, change_row).await?;
        rows.reverse();
        if rows.len() == limit
            && let Some(first) = rows.first().cloned()
        {
            let same = |row: &ChangeRow| {
                row.poll_id == first.poll_id
                    && row.kind == first.kind
                    && row.item_id == first.item_id
            };
            rows.retain(|row| !same(row));
        }
        Ok(rows)
    }

    /// When the history began, of all accounts: what a feed's ids are made of.
    pub async fn began_at(&mut self) -> Result<Option<Timestamp>> {
        let began = self.ask(export::BEGAN.into(), &[], |row| row.time(0)).await?;
        Ok(began.into_iter().next().flatten())
    }

    /// Hands every change to `each`, newest poll first.
    pub async fn all_changes<F, Fut>(
        &mut self,
        account: &str,
        poll: Option<i64>,
        filter: &ChangesFilter,
        mut each: F,
    ) -> Result<()>
    where
        F: FnMut(ChangeRow) -> Fut,
        Fut: Future<Output = Result<(), Fault>>,
    {
        let mut sql = Sql::new(self.engine());
        let mut conditions = format!("c.account = {}", sql.bind(account));
        if let Some(poll) = poll {
            conditions.push_str(&format!(" AND c.poll_id = {}", sql.bind(poll)));
        }
        if let Some(from) = filter.from {
            conditions.push_str(&format!(" AND c.observed_at >= {}", sql.bind(from)));
        }
        if let Some(until) = filter.until {
            conditions.push_str(&format!(" AND c.observed_at < {}", sql.bind(until)));
        }
        let own = own_conditions(&mut sql, filter);
        let text = format!(
            "SELECT {CHANGE} FROM changes AS c WHERE {conditions}{own} \
             ORDER BY c.poll_id DESC, c.kind, c.item_id, c.field NULLS FIRST"
        );
        self.stream(text, &sql.args, change_row, &mut each).await
    }
}

const CHANGE: &str = "c.poll_id, c.observed_at, c.previous_poll_at, c.account, c.kind, c.item_id, \
     c.name, c.change, c.field, c.old_value, c.new_value";

/// The changed items that are wanted, once for each poll: `poll_id`, kind and id.
fn changed_items<'a>(sql: &mut Sql<'a>, account: &str, filter: &'a ChangesFilter) -> String {
    let Some(field) = &filter.field else {
        let own = own_conditions(sql, filter);
        return format!(
            "SELECT DISTINCT c.poll_id, c.kind, c.item_id FROM changes AS c \
             WHERE c.account = {account}{own}"
        );
    };
    // Where a field is wanted, its changes alone are read: of an item and poll there is one.
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
        // What was added or removed has no changed fields.
        Some(_) => all.push_str(" AND FALSE"),
    }
    all
}

/// Whether a row of `field_changes` tells of a restored item: looked up only for the few polls that
/// restored any.
fn restored() -> String {
    let opened = |kind: Kind| {
        format!(
            "EXISTS (SELECT 1 FROM {history} AS h WHERE c.kind = '{kind}' \
             AND h.account = c.account AND h.{id} = c.item_id AND h.version = c.version \
             AND h.opened_by = 'restored')",
            history = history(kind),
            id = kind.id_field(),
        )
    };
    let [avatar, photo] = Kind::ALL.map(opened);
    format!(
        "c.poll_id IN (SELECT r.poll_id FROM polls AS r WHERE r.restored > 0) \
         AND ({avatar} OR {photo})"
    )
}

/// The conditions on kind, change, field and item, each with its AND.
fn own_conditions<'a>(sql: &mut Sql<'a>, filter: &'a ChangesFilter) -> String {
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

pub(super) fn kind_of(text: &str) -> Kind {
    match text {
        "avatar" => Kind::Avatar,
        _ => Kind::TalkingPhoto,
    }
}

fn line(row: &Row) -> Result<Line, Fault> {
    Ok(Line {
        poll_id: row.some_int(0)?,
        kind: kind_of(&row.some_text(1)?),
        change: row.some_text(2)?,
        field: row.text(3)?,
        old: row.text(4)?,
        new: row.text(5)?,
        item_id: row.some_text(6)?,
        name: row.text(7)?,
        previous_poll_at: row.time(8)?,
        same: row.some_int(9)?,
        all: row.some_int(10)?,
        image: row.text(11)?,
        gender: row.text(12)?,
        has_video: row.bool(13)?.unwrap_or(false),
    })
}

fn change_row(row: &Row) -> Result<ChangeRow, Fault> {
    Ok(ChangeRow {
        poll_id: row.some_int(0)?,
        observed_at: row.some_time(1)?,
        previous_poll_at: row.time(2)?,
        account: row.some_text(3)?,
        kind: row.some_text(4)?,
        item_id: row.some_text(5)?,
        name: row.text(6)?,
        change: row.some_text(7)?,
        field: row.text(8)?,
        old_value: row.text(9)?,
        new_value: row.text(10)?,
    })
}
