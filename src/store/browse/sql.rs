//! The SQL that the gallery's rooms share, and where the two engines differ.

use crate::{
    catalog::item::Kind,
    store::{
        conn::{Arg, Engine},
        write::history,
    },
    time::Timestamp,
};

/// One row for each account, each with the last poll of all, the last writes of the mirror, and what
/// tells this last poll from that of another database in the same place.
pub const MARK: &str = "SELECT a.account, (SELECT max(poll_id) FROM polls), \
     (SELECT max(checked_at) FROM assets WHERE checked_at IS NOT NULL), \
     (SELECT max(next_attempt_at) FROM assets WHERE next_attempt_at IS NOT NULL), \
     (SELECT CAST(coalesce(sum(CASE state WHEN 'pending' THEN 1 WHEN 'failed' THEN 1000000 \
       WHEN 'gone' THEN 1000000000 ELSE 1000000000000 END), 0) AS BIGINT) \
       FROM assets WHERE state <> 'mirrored'), \
     (SELECT max(pruned_at) FROM asset_versions WHERE pruned_at IS NOT NULL), \
     (SELECT finished_at FROM polls ORDER BY poll_id DESC LIMIT 1), \
     (SELECT response_sha256 FROM polls ORDER BY poll_id DESC LIMIT 1), \
     (SELECT max(version) FROM _heygen_sync_migrations) \
     FROM (SELECT 1 AS one) AS o LEFT JOIN accounts AS a ON 1 = 1 ORDER BY a.account";

/// The hash of the asset joined as `alias`, where its file is kept: one whose file was lost keeps its
/// hash, so that it is known again.
pub fn kept_now(alias: &str) -> String {
    format!("CASE WHEN {alias}.file IS NOT NULL THEN {alias}.sha256 END")
}

/// Every column of `polls`, in the table's order.
pub const POLL: &str = "p.poll_id, p.account, p.trigger, p.api_version, p.source, \
     p.started_at, p.observed_at, p.finished_at, p.outcome, p.avatars_listed, \
     p.talking_photos_listed, p.added, p.changed, p.removed, p.restored, p.learned, p.missing, \
     p.duplicates, p.rejected, p.held, p.held_reason, p.policy, p.http_status, p.request_id, \
     p.response_bytes, p.response_sha256, p.warning, p.superseded, p.error, \
     p.host, p.tool_version, p.digest";

/// The last two good polls until a time: (account, time).
pub fn good_polls() -> String {
    format!(
        "SELECT {POLL}, (SELECT min(f.observed_at) FROM polls AS f \
             WHERE f.account = p.account AND f.outcome <> 'failed'), \
         (SELECT count(*) FROM polls AS n WHERE n.account = p.account AND n.outcome <> 'failed' \
             AND n.observed_at <= p.observed_at) \
         FROM polls AS p WHERE p.account = $1 AND p.outcome <> 'failed' AND p.observed_at <= $2 \
         ORDER BY p.observed_at DESC LIMIT 2"
    )
}

/// A statement under construction: its arguments, by number.
pub struct Sql<'a> {
    pub engine: Engine,
    pub args: Vec<Arg<'a>>,
}

impl<'a> Sql<'a> {
    pub fn new(engine: Engine) -> Self {
        Self { engine, args: vec![] }
    }

    /// Adds an argument; gives its place in the text.
    pub fn bind(&mut self, arg: impl Into<Arg<'a>>) -> String {
        self.args.push(arg.into());
        format!("${}", self.args.len())
    }

    /// `expression IN (…)` for texts.
    pub fn any_of(&mut self, expression: &str, values: &'a [String]) -> String {
        let places: Vec<String> = values.iter().map(|value| self.bind(value.as_str())).collect();
        format!("{expression} IN ({})", places.join(", "))
    }

    /// The first 200 characters, as the index by name has them.
    pub fn head(&self, expression: &str) -> String {
        match self.engine {
            Engine::Sqlite => format!("substr({expression}, 1, 200)"),
            Engine::Postgres => format!("left({expression}, 200)"),
        }
    }

    /// Whether a text holds another, letter for letter but for the case of A to Z. Both engines
    /// fold these alone: SQLite's `lower` knows no others, nor does PostgreSQL's under "C".
    pub fn holds(&self, expression: &str, place: &str) -> String {
        match self.engine {
            Engine::Sqlite => format!("instr(lower({expression}), {place}) > 0"),
            Engine::Postgres => format!("strpos(lower({expression}), {place}) > 0"),
        }
    }

    /// Whether a JSON array of texts has one of these.
    pub fn has_tag(&mut self, tags: &str, values: &'a [String]) -> String {
        match self.engine {
            Engine::Sqlite => {
                let one = self.any_of("t.value", values);
                format!("EXISTS (SELECT 1 FROM json_each({tags}) AS t WHERE {one})")
            }
            Engine::Postgres => {
                let each: Vec<String> = values
                    .iter()
                    .map(|value| format!("jsonb_exists({tags}, {})", self.bind(value.as_str())))
                    .collect();
                format!("({})", each.join(" OR "))
            }
        }
    }

    /// Rows of the texts of a JSON array, as `t.value`.
    pub fn each_tag(&self, tags: &str) -> String {
        match self.engine {
            Engine::Sqlite => format!("json_each({tags}) AS t"),
            Engine::Postgres => format!("jsonb_array_elements_text({tags}) AS t(value)"),
        }
    }

    /// Whether the field `name` (one of ours) stands in `extra` after all.
    pub fn in_extra(&self, extra: &str, name: &str) -> String {
        match self.engine {
            Engine::Sqlite => {
                format!("coalesce(json_type({extra}, '$.\"{name}\"') IS NOT NULL, FALSE)")
            }
            Engine::Postgres => format!("coalesce(jsonb_exists({extra}, '{name}'), FALSE)"),
        }
    }

    /// The day of a time, as text.
    pub fn day(&self, time: &str) -> String {
        match self.engine {
            Engine::Sqlite => format!("substr({time}, 1, 10)"),
            Engine::Postgres => format!("to_char({time} AT TIME ZONE 'UTC', 'YYYY-MM-DD')"),
        }
    }

    /// A null that both engines take for a time.
    pub fn no_time(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite => "CAST(NULL AS TEXT)",
            Engine::Postgres => "CAST(NULL AS TIMESTAMPTZ)",
        }
    }
}

/// The items of one kind and account, as they are or were: what stands behind FROM, the condition,
/// and the expressions for what is not a plain column.
pub struct Items {
    pub from: String,
    /// Every item that was ever seen by then.
    pub condition: String,
    /// Those of them that are not removed; their `parts` make up all.
    pub present: String,
    pub parts: Vec<String>,
    pub id: String,
    pub name: String,
    pub first_seen: String,
    pub changed: String,
    pub missing: String,
    pub removed: String,
    /// The picture's hash, where the picture of that time is kept.
    pub picture: String,
    /// Whether the picture of a past time is kept.
    pub pictured: String,
    /// The same for statements that ask it of most items.
    pub pictured_of_most: String,
    /// Same for the video.
    pub video: String,
    pub kind: Kind,
    pub past: bool,
}

impl Items {
    /// `at` is a moment of the past.
    pub fn new<'a>(
        sql: &mut Sql<'a>,
        kind: Kind,
        account: impl Into<Arg<'a>>,
        at: Option<Timestamp>,
    ) -> Self {
        let account = sql.bind(account);
        let (table, id) = (kind.list(), kind.id_field());
        let condition = format!("i.account = {account}");
        let base = Self {
            from: format!("{table} AS i"),
            // The bare column, so that the index of items not removed serves.
            present: format!("{condition} AND i.removed_at IS NULL"),
            parts: vec![condition.clone()],
            condition,
            id: format!("i.{id}"),
            name: format!("i.{}", kind.name_field()),
            first_seen: "i.first_seen_at".into(),
            changed: "i.changed_at".into(),
            missing: "i.missing_since".into(),
            removed: "i.removed_at".into(),
            picture: kept_now("a"),
            pictured: "a.file IS NOT NULL".into(),
            pictured_of_most: "a.file IS NOT NULL".into(),
            video: kept_now("w"),
            kind,
            past: at.is_some(),
        };
        match at {
            None => base,
            Some(at) => base.at(sql, at),
        }
    }

    fn at(self, sql: &mut Sql<'_>, at: Timestamp) -> Self {
        let (table, id) = (self.kind.list(), self.kind.id_field());
        let versions = history(self.kind);
        let at = sql.bind(at);
        // Most of the time no file is lost, which is asked once and not for every row.
        let contents = |url: &str| {
            format!(
                "asset_versions AS s WHERE {url}s.fetched_at <= {at} AND s.pruned_at IS NULL \
                 AND (NOT EXISTS (SELECT 1 FROM assets WHERE state <> 'mirrored' \
                     AND file IS NULL AND sha256 IS NOT NULL) \
                   OR NOT EXISTS (SELECT 1 FROM assets AS l WHERE l.url = s.url \
                     AND l.sha256 = s.sha256 AND l.file IS NULL))"
            )
        };
        let kept = |url: &str| {
            let contents = contents(&format!("s.url = {url} AND "));
            format!("(SELECT s.sha256 FROM {contents} ORDER BY s.fetched_at DESC LIMIT 1)")
        };
        let pictured = contents("s.url = i.preview_image_url AND ");
        let pictured = format!("EXISTS (SELECT 1 FROM {pictured})");
        let own = &self.condition;
        let present =
            format!("{own} AND i.valid_from <= {at} AND (i.valid_to IS NULL OR i.valid_to > {at})");
        // Few are removed: apart from the others, these are read without a look at what came later.
        let removed = format!(
            "{own} AND i.closed_by = 'removed' AND i.valid_to <= {at} \
             AND NOT coalesce((SELECT n.valid_from <= {at} FROM {versions} AS n \
                 WHERE n.account = i.account AND n.{id} = i.{id} \
                 AND n.version = i.version + 1), FALSE)"
        );
        Self {
            // A first version says itself when the item was first seen: nothing is looked up for it.
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
            missing: sql.no_time().into(),
            removed: format!("CASE WHEN i.valid_to <= {at} THEN i.valid_to END"),
            picture: kept("i.preview_image_url"),
            // PostgreSQL reads all contents once and hashes them; SQLite would build an index.
            pictured_of_most: match sql.engine {
                Engine::Postgres => {
                    format!("i.preview_image_url IN (SELECT s.url FROM {})", contents(""))
                }
                Engine::Sqlite => pictured.clone(),
            },
            pictured,
            video: match self.kind {
                Kind::Avatar => kept("i.preview_video_url"),
                Kind::TalkingPhoto => "CAST(NULL AS TEXT)".into(),
            },
            ..self
        }
    }

    /// A column that only avatars have, or a null of its type.
    pub fn own(&self, column: &str, null: &str) -> String {
        match self.kind.columns().iter().any(|known| known.name == column) {
            true => format!("i.{column}"),
            false => format!("CAST(NULL AS {null})"),
        }
    }

    /// The columns by which a version is told apart.
    pub fn version(&self) -> &'static str {
        "i.version"
    }
}
