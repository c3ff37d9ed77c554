//! One item: its versions, the changes between them, its pictures, items with similar names.

use super::{
    picture::ItemPreview,
    reading::Reading,
    scope::{ItemsSql, Scope},
    sql::Sql,
};
use crate::{
    catalog::kind::Kind,
    error::Result,
    store::{
        conn::{Fault, Row},
        query::{Version, version},
        record::{RowType, record},
        snapshot::OwnColumns,
        statements,
    },
    time::Timestamp,
};

/// The maximum number of versions that are shown; older ones are left out.
pub const VERSIONS: i64 = 300;
/// The maximum number of contents of its URLs that are read.
const CONTENTS: i64 = 2_000;

/// An item and its history.
#[derive(Clone, Debug)]
pub struct ItemWithVersions {
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was first missing.
    pub missing_since: Option<Timestamp>,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
    /// The last known names of the items whose ids the newest version contains, by its columns; empty
    /// if an item has no name. Unknown items are left out.
    pub names: Vec<(&'static str, String)>,
    /// Its versions, newest first.
    pub versions: Vec<Version>,
}

record! {
    /// A content that was fetched from a URL, or the state of a URL from which none was fetched.
    #[derive(Clone, Debug)]
    pub struct StoredContent {
        url: String = "the canonical URL",
        fetched_at: Option<Timestamp> = "when this content was first fetched from the URL",
        sha256: Option<String> = "its hash",
        bytes: Option<i64> = "its size in bytes",
        content_type: Option<String> = "its type",
        stored: bool = "whether its file is stored: neither pruned nor lost",
        state: String = "the state of the URL: pending, mirrored, failed, gone or skipped",
        live_until: Option<Timestamp> = "until when its link works",
    }
}

/// Another item.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Its version.
    pub version: i64,
    /// Its picture.
    pub image: ItemPreview,
}

impl Neighbour {
    pub(super) fn read(row: &Row) -> Result<Self, Fault> {
        Ok(Self {
            id: row.some_text("id")?,
            name: row.text("name")?,
            version: row.some_int("version")?,
            image: ItemPreview::read(row, "picture", "live")?,
        })
    }
}

impl Reading {
    /// Returns the item `id` with its versions until `scope.at`, if there is one.
    pub async fn item(&mut self, scope: &Scope, id: &str) -> Result<Option<ItemWithVersions>> {
        let kind = scope.kind;
        let mut sql = Sql::new(self.engine());
        let account = sql.bind(scope.account.as_str());
        let item = sql.bind(id);
        let until = match scope.at {
            Some(at) => format!(" AND h.valid_from <= {}", sql.bind(at)),
            None => String::new(),
        };
        let id_column = kind.id;
        let references: Vec<(&'static str, Kind)> = references(kind).collect();
        let names: String = references
            .iter()
            .map(|(column, other)| {
                format!(
                    ", (SELECT coalesce(r.{}, '') FROM {} AS r \
                     WHERE r.account = i.account AND r.{} = h.{column}) AS {column}_name",
                    other.label, other.table, other.id
                )
            })
            .collect();
        let text = format!(
            "SELECT {own}, i.first_seen_at, i.missing_since, i.removed_at{names} \
             FROM {table} AS i JOIN {history} AS h \
             ON h.account = i.account AND h.{id_column} = i.{id_column} \
             WHERE i.account = {account} AND i.{id_column} = {item}{until} \
             ORDER BY h.version DESC LIMIT {VERSIONS}",
            own = statements::version_columns(kind, "h."),
            table = kind.table,
            history = kind.history,
        );
        let own = OwnColumns::of(kind);
        let rows = self.ask(text, &sql.args, |row| {
            let mut names = vec![];
            for (column, _) in &references {
                let name = row.text(format!("{column}_name").as_str())?;
                names.extend(name.map(|name| (*column, name)));
            }
            let first = row.some_time("first_seen_at")?;
            let times = (first, row.time("missing_since")?, row.time("removed_at")?);
            Ok(((times, names), version(row, &own)?))
        });
        let (known, versions): (Vec<_>, Vec<Version>) = rows.await?.into_iter().unzip();
        let Some((times, names)) = known.into_iter().next() else { return Ok(None) };
        let (first_seen_at, missing_since, removed_at) = times;
        let mut item =
            ItemWithVersions { first_seen_at, missing_since, removed_at, names, versions };
        if let Some(at) = scope.at {
            item.cut(at);
        }
        Ok(Some(item))
    }

    /// Returns whether the item `id` has a version until `scope.at`.
    pub async fn has_item(&mut self, scope: &Scope, id: &str) -> Result<bool> {
        let mut sql = Sql::new(self.engine());
        let text = format!("SELECT 1 FROM {} LIMIT 1", versions_until(&mut sql, scope, id));
        Ok(!self.ask(text, &sql.args, |_| Ok(())).await?.is_empty())
    }

    /// Passes every version of the item `id` until `scope.at` to `each`, oldest first.
    pub async fn all_versions<F, Fut>(&mut self, scope: &Scope, id: &str, mut each: F) -> Result<()>
    where
        F: FnMut(Version) -> Fut,
        Fut: Future<Output = Result<(), Fault>>,
    {
        let kind = scope.kind;
        let mut sql = Sql::new(self.engine());
        let from = versions_until(&mut sql, scope, id);
        let columns = statements::version_columns(kind, "h.");
        let text = format!("SELECT {columns} FROM {from} ORDER BY h.version");
        let own = OwnColumns::of(kind);
        let read = |row: &Row| {
            let mut version = version(row, &own)?;
            scope.at.inspect(|at| version.reopen_after(*at));
            Ok(version)
        };
        self.stream(text, &sql.args, read, &mut each).await
    }

    /// Returns the contents ever fetched from these URLs, by URL, oldest first.
    pub async fn contents(&mut self, urls: &[String]) -> Result<Vec<StoredContent>> {
        if urls.is_empty() {
            return Ok(vec![]);
        }
        let mut sql = Sql::new(self.engine());
        let wanted = sql.any_of("a.url", urls);
        let text = format!(
            "SELECT a.url, s.fetched_at, s.sha256, s.bytes, s.content_type, s.pruned_at IS NULL \
               AND (a.file IS NOT NULL OR a.sha256 IS DISTINCT FROM s.sha256) AS stored, \
               a.state, {live} AS live_until \
             FROM assets AS a LEFT JOIN asset_versions AS s ON s.url = a.url \
             WHERE {wanted} ORDER BY a.url, s.fetched_at LIMIT {CONTENTS}",
            live = sql.live_until("a.url", "a"),
        );
        self.ask(text, &sql.args, StoredContent::read).await
    }

    /// Returns up to 6 items other than `but` that are not removed and whose name is `word` or begins
    /// with `word` and a space.
    pub async fn neighbours(
        &mut self,
        scope: &Scope,
        word: &str,
        but: &str,
    ) -> Result<Vec<Neighbour>> {
        let mut sql = Sql::new(self.engine());
        let items = ItemsSql::new(&mut sql, scope);
        let (from, to) = (sql.bind(format!("{word} ")), sql.bind(format!("{word}!")));
        let alone = sql.bind(word.to_owned());
        let but = sql.bind(but);
        let head = sql.engine.head(&items.name);
        let text = format!(
            "SELECT k.id, k.name, k.version, {picture} AS picture, {live} AS live FROM (SELECT {id} AS id, \
             {name} AS name, i.version AS version, {url} AS url FROM {table} WHERE {present} \
             AND {head} >= {alone} AND {head} < {to} AND ({head} >= {from} OR {name} = {alone}) \
             AND {id} <> {but} ORDER BY {head}, {id} LIMIT 6) AS k \
             LEFT JOIN assets AS a ON a.url = k.url",
            picture = items.picture_of_url(),
            live = items.live_of_url(),
            url = items.image_url,
            id = items.id,
            name = items.name,
            table = items.from,
            present = items.present,
        );
        self.ask(text, &sql.args, Neighbour::read).await
    }

    /// Returns the fields that changed with each version: (version, field), newest first.
    pub async fn changed_fields(&mut self, scope: &Scope, id: &str) -> Result<Vec<(i64, String)>> {
        let text = "SELECT version, field FROM field_changes \
             WHERE account = $1 AND kind = $2 AND item_id = $3 ORDER BY version DESC LIMIT 5000";
        let args = [scope.account.as_str().into(), scope.kind.as_str().into(), id.into()];
        self.ask(text.into(), &args, |row| Ok((row.some_int("version")?, row.some_text("field")?)))
            .await
    }
}

/// Returns the SQL of the versions of an item until `scope.at`: the FROM item and the condition.
fn versions_until<'a>(sql: &mut Sql<'a>, scope: &'a Scope, id: &'a str) -> String {
    let (account, item) = (sql.bind(scope.account.as_str()), sql.bind(id));
    let until = scope.at.map(|at| format!(" AND h.valid_from <= {}", sql.bind(at)));
    let (table, key) = (scope.kind.history, scope.kind.id);
    let until = until.unwrap_or_default();
    format!("{table} AS h WHERE h.account = {account} AND h.{key} = {item}{until}")
}

/// Returns the columns of a kind that contain ids of another kind, each with that kind.
fn references(kind: Kind) -> impl Iterator<Item = (&'static str, Kind)> {
    let columns = kind.columns.iter().map(|column| column.name);
    columns.filter_map(|name| Some((name, Kind::referred(name)?)))
}

impl ItemWithVersions {
    /// Removes everything that happened after `at`.
    fn cut(&mut self, at: Timestamp) {
        self.missing_since = None;
        self.removed_at = None;
        if let Some(newest) = self.versions.first_mut() {
            newest.reopen_after(at);
            let is_removed = newest.closed_by.as_deref() == Some("removed");
            self.removed_at = newest.valid_to.filter(|_| is_removed);
        }
    }
}
