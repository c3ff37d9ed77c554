//! The items of one kind and account, now or at a past time: what is queried, and its SQL.

use std::time::Duration;

use super::sql::{Sql, stored_now};
use crate::{
    catalog::kind::{Kind, Preview, Role},
    store::conn::Arg,
    time::Timestamp,
};

/// The kind, the account and the time of the items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The kind.
    pub kind: Kind,
    /// The account.
    pub account: String,
    /// A past time; `None` is now.
    pub at: Option<Timestamp>,
}

/// The moments to which "new" and "changed" refer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moments {
    /// The last good poll.
    pub poll: Timestamp,
    /// The catalogue's first good poll: the items that it added are not new.
    pub first: Timestamp,
    /// The start of the current day, or of the day of the past time.
    pub reference: Timestamp,
}

impl Moments {
    /// Returns the start of the last `days` days, which include the reference's day.
    pub fn days(&self, days: u64) -> Timestamp {
        self.reference.minus(Duration::from_secs((days - 1) * 86_400))
    }
}

/// The SQL of a [`Scope`]: FROM, conditions, and expressions for values that are not plain columns. The
/// row of the item is `i`.
#[derive(Clone)]
pub(super) struct ItemsSql {
    pub from: String,
    /// The condition for the items that had been seen by that time.
    pub condition: String,
    /// The condition for the items that are not removed.
    pub present: String,
    /// Conditions that split all items into disjoint parts.
    pub parts: Vec<String>,
    pub id: String,
    pub name: String,
    pub first_seen: String,
    pub changed: String,
    pub missing: String,
    pub removed: String,
    /// The URL of the picture.
    pub image_url: &'static str,
    pub has_image: bool,
    /// The hash of the picture at that time, if it is stored.
    pub picture: String,
    /// Until when the link of the picture works; see [`live_until`].
    pub picture_live: String,
    /// The join that `picture`, its state and its risk need.
    pub picture_join: &'static str,
    /// Whether the picture of a past time is stored.
    pub pictured: String,
    /// The same for statements that compute it for most items.
    pub pictured_of_most: String,
    /// The hash of the video or the audio sample, like `picture`.
    pub clip: String,
    pub clip_live: String,
    pub clip_join: String,
    pub clip_url: Option<String>,
    pub kind: Kind,
    pub past: bool,
}

const NO_TEXT: &str = "CAST(NULL AS TEXT)";

/// Returns the SQL of the picture's URL of the item `i`; NULL if the kind has no pictures.
pub(super) fn image_url(kind: Kind) -> &'static str {
    if kind.column("preview_image_url").is_some() { "i.preview_image_url" } else { NO_TEXT }
}

/// Returns the preview of a kind that is played: a video or an audio sample.
pub fn clip(kind: Kind) -> Option<&'static Preview> {
    kind.previews.iter().find(|preview| preview.role != Role::Image)
}

impl ItemsSql {
    pub fn new<'a>(sql: &mut Sql<'a>, scope: &'a Scope) -> Self {
        Self::of(sql, scope.kind, scope.account.as_str(), scope.at)
    }

    /// Returns the SQL of the items of a kind and account; `at` is a past time.
    pub fn of<'a>(
        sql: &mut Sql<'a>,
        kind: Kind,
        account: impl Into<Arg<'a>>,
        at: Option<Timestamp>,
    ) -> Self {
        let account = sql.bind(account);
        let (table, id) = (kind.table, kind.id);
        let condition = format!("i.account = {account}");
        let has_image = kind.column("preview_image_url").is_some();
        let clip_url = clip(kind).map(|preview| format!("i.{}", preview.field));
        let stored = |is: bool, alias| if is { stored_now(alias) } else { NO_TEXT.into() };
        let no_time = sql.engine.no_time();
        let live = |url: Option<&str>, alias| match url {
            Some(url) => sql.live_until(url, alias),
            None => no_time.to_owned(),
        };
        let base = Self {
            from: format!("{table} AS i"),
            // Exactly the condition of the partial index of items not removed.
            present: format!("{condition} AND i.removed_at IS NULL"),
            parts: vec![condition.clone()],
            condition,
            id: format!("i.{id}"),
            name: format!("i.{}", kind.label),
            first_seen: "i.first_seen_at".into(),
            changed: "i.changed_at".into(),
            missing: "i.missing_since".into(),
            removed: "i.removed_at".into(),
            image_url: image_url(kind),
            has_image,
            picture: stored(has_image, "a"),
            picture_live: live(has_image.then_some("i.preview_image_url"), "a"),
            picture_join: match has_image {
                true => " LEFT JOIN assets AS a ON a.url = i.preview_image_url",
                false => "",
            },
            pictured: "a.file IS NOT NULL".into(),
            pictured_of_most: "a.file IS NOT NULL".into(),
            clip: stored(clip_url.is_some(), "w"),
            clip_live: live(clip_url.as_deref(), "w"),
            clip_join: match &clip_url {
                Some(url) => format!(" LEFT JOIN assets AS w ON w.url = {url}"),
                None => String::new(),
            },
            clip_url,
            kind,
            past: at.is_some(),
        };
        match at {
            None => base,
            Some(at) => base.at(sql, at),
        }
    }

    fn at(self, sql: &mut Sql<'_>, at: Timestamp) -> Self {
        let (table, id) = (self.kind.table, self.kind.id);
        let versions = self.kind.history;
        let at = sql.bind(at);
        let own = &self.condition;
        let present =
            format!("{own} AND i.valid_from <= {at} AND (i.valid_to IS NULL OR i.valid_to > {at})");
        // Few items are removed; only for these is the next version looked up.
        let removed = format!(
            "{own} AND i.closed_by = 'removed' AND i.valid_to <= {at} \
             AND NOT coalesce((SELECT n.valid_from <= {at} FROM {versions} AS n \
                 WHERE n.account = i.account AND n.{id} = i.{id} \
                 AND n.version = i.version + 1), FALSE)"
        );
        Self {
            // A first version begins when the item was first seen, so no lookup is needed.
            from: format!(
                "{versions} AS i LEFT JOIN {table} AS f ON f.account = i.account \
                 AND f.{id} = CASE WHEN i.version > 1 THEN i.{id} END"
            ),
            condition: format!("(({present}) OR ({removed}))"),
            parts: vec![present.clone(), removed],
            present,
            first_seen: "CASE WHEN i.version = 1 THEN i.valid_from ELSE f.first_seen_at END".into(),
            changed: format!(
                "CASE WHEN i.opened_by <> 'learned' THEN i.valid_from ELSE \
                 (SELECT max(c.valid_from) FROM {versions} AS c WHERE c.account = i.account \
                  AND c.{id} = i.{id} AND c.version <= i.version AND c.opened_by <> 'learned') END"
            ),
            missing: sql.engine.no_time().into(),
            removed: format!("CASE WHEN i.valid_to <= {at} THEN i.valid_to END"),
            ..self.pictures_at(sql, &at)
        }
    }

    /// Returns this SQL with the pictures and videos that were stored at the time of the placeholder
    /// `at`.
    fn pictures_at(self, sql: &Sql<'_>, at: &str) -> Self {
        // Usually no file is lost; then only the first EXISTS is evaluated, once and not for every row.
        let contents = |url: &str| {
            format!(
                "asset_versions AS s WHERE {url}s.fetched_at <= {at} AND s.pruned_at IS NULL \
                 AND (NOT EXISTS (SELECT 1 FROM assets WHERE state <> 'mirrored' \
                     AND file IS NULL AND sha256 IS NOT NULL) \
                   OR NOT EXISTS (SELECT 1 FROM assets AS l WHERE l.url = s.url \
                     AND l.sha256 = s.sha256 AND l.file IS NULL))"
            )
        };
        let hash = |url: Option<&str>| match url {
            Some(url) => {
                let contents = contents(&format!("s.url = {url} AND "));
                format!("(SELECT s.sha256 FROM {contents} ORDER BY s.fetched_at DESC LIMIT 1)")
            }
            None => NO_TEXT.into(),
        };
        let url = self.image_url;
        let pictured =
            format!("EXISTS (SELECT 1 FROM {})", contents(&format!("s.url = {url} AND ")));
        Self {
            picture: hash(self.has_image.then_some(url)),
            picture_live: sql.engine.no_time().into(),
            pictured_of_most: sql.engine.among(url, "s.url", &contents(""), &pictured),
            pictured,
            clip: hash(self.clip_url.as_deref()),
            clip_live: sql.engine.no_time().into(),
            picture_join: "",
            clip_join: String::new(),
            ..self
        }
    }

    /// Returns the column, or a NULL of the type `null` if the kind does not have it.
    pub fn column_or_null(&self, column: &str, null: &str) -> String {
        match self.kind.column(column).is_some() {
            true => format!("i.{column}"),
            false => format!("CAST(NULL AS {null})"),
        }
    }

    /// Returns `picture` for a subquery's row `k` that has the URL as `url`.
    pub fn picture_of_url(&self) -> String {
        self.picture.replace("i.preview_image_url", "k.url")
    }

    /// Returns `picture_live` for a subquery's row `k` that has the URL as `url`.
    pub fn live_of_url(&self) -> String {
        self.picture_live.replace("i.preview_image_url", "k.url")
    }
}
