//! The cost of the store's statements on an engine: which index is used, and how much is read.

use std::collections::BTreeSet;

use heygen_sync::{
    catalog::kind::Kind,
    store::{conn, declared, outbox, past, statements},
};
use sqlx::{Row, SqlSafeStr, SqlStr, SqliteConnection};

use crate::schema::engine::{self, Engine};

/// The first words of statements that read or write rows; all others control a transaction.
const VERBS: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

/// Statements that the gallery builds: pages of the change feed.
const BUILT: [&str; 2] = [
    "SELECT field FROM field_changes WHERE poll_id = $1",
    "SELECT poll_id FROM polls WHERE observed_at >= $1 AND observed_at < $2",
];

const SECONDARY: &str = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
const SECONDARY_POSTGRES: &str = "SELECT indexname::text FROM pg_indexes \
     WHERE schemaname = current_schema() AND indexdef NOT LIKE '%\\_pkey %' AND indexdef NOT LIKE '%\\_key %'";

/// The first page of a list by name, as the gallery reads it.
fn by_name(engine: conn::Engine, kind: Kind) -> (String, SqlStr) {
    let (table, id, head) = (kind.table, kind.id, engine.head(kind.label));
    let sql = format!(
        "SELECT {id} FROM {table} WHERE account = $1 AND removed_at IS NULL \
         ORDER BY {head} NULLS LAST, {id} LIMIT 60"
    );
    (table.to_owned(), sqlx::AssertSqlSafe(sql).into_sql_str())
}

/// Of a small table PostgreSQL rather reads the primary key than the index of groups.
const LOOKS_OF_GROUPS: &str = "INSERT INTO accounts (account) VALUES ('a'); \
     INSERT INTO avatars (account, avatar_id, group_id, version, valid_from, first_seen_at, changed_at) \
     SELECT 'a', n, n, 1, now(), now(), now() FROM generate_series(1, 5000) AS n; \
     INSERT INTO talking_photos (account, talking_photo_id, group_id, version, valid_from, \
         first_seen_at, changed_at) \
     SELECT 'a', n, n, 1, now(), now(), now() FROM generate_series(1, 5000) AS n; \
     ANALYZE avatars; ANALYZE talking_photos";

#[tokio::test]
async fn each_secondary_index_is_used_by_a_statement() {
    for (mut engine, secondary) in
        engine::both().await.into_iter().zip([SECONDARY, SECONDARY_POSTGRES])
    {
        let of = match &engine {
            Engine::Sqlite(..) => conn::Engine::Sqlite,
            Engine::Postgres(..) => conn::Engine::Postgres,
        };
        if let Engine::Postgres(..) = engine {
            engine.run(LOOKS_OF_GROUPS).await;
        }
        let built = BUILT.map(|sql| ("built".to_owned(), sql.into_sql_str()));
        let stamp = ("stamp".to_owned(), STAMP.into_sql_str());
        let lists = Kind::ALL.map(|kind| by_name(of, kind));
        let mut plans = String::new();
        let declared = declared::all(of).into_iter();
        for (_, sql) in declared.chain(built).chain([stamp]).chain(lists) {
            if VERBS.iter().any(|verb| sql.as_str().starts_with(verb)) {
                plans += &plan(&mut engine, sql.as_str()).await;
            }
        }
        let all: BTreeSet<String> =
            engine.texts(secondary).await.into_iter().map(crate::text::line).collect();
        let unused: Vec<&String> = all.iter().filter(|name| !plans.contains(*name)).collect();
        assert!(all.len() > 10 && unused.is_empty(), "{of:?}: {unused:?}");
    }
}

#[tokio::test]
async fn lists_by_name_and_looks_of_a_group_are_read_by_an_index() {
    let mut engine = engine::sqlite().await;
    for (table, sql) in Kind::ALL.map(|kind| by_name(conn::Engine::Sqlite, kind)) {
        let plan = plan(&mut engine, sql.as_str()).await;
        assert!(
            plan.contains(&format!("{table}_by_name")) && !plan.contains("TEMP B-TREE"),
            "{plan}"
        );
    }
    let looks = declared::all(conn::Engine::Sqlite).into_iter();
    let looks = looks.filter(|(name, _)| name.contains("candidates") && name.contains("Group"));
    let mut by_group = 0;
    for (_, sql) in looks {
        let plan = plan(&mut engine, sql.as_str()).await;
        by_group += usize::from(plan.contains("_by_group (account=? AND <expr>=?)"));
    }
    assert_eq!(by_group, 2);
}

/// The statement of the stamp on the gallery's pages.
const STAMP: &str = "SELECT (SELECT max(checked_at) FROM assets WHERE checked_at IS NOT NULL), \
     (SELECT max(next_attempt_at) FROM assets WHERE next_attempt_at IS NOT NULL), \
     (SELECT max(pruned_at) FROM asset_versions WHERE pruned_at IS NOT NULL)";

/// Returns the engine's plan for a statement, whatever its arguments; on PostgreSQL as if its
/// tables were too large for a sequential scan.
async fn plan(engine: &mut Engine, sql: &str) -> String {
    let explain = match engine {
        Engine::Sqlite(..) => format!("EXPLAIN QUERY PLAN {sql}"),
        Engine::Postgres(..) => {
            engine
                .run(
                    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
                 SET enable_hashjoin = off; SET enable_mergejoin = off",
                )
                .await;
            engine.run(&format!("PREPARE planned AS {sql}")).await;
            let count = engine.texts("SELECT cardinality(parameter_types)::text FROM pg_prepared_statements WHERE name = 'planned'").await;
            let count: usize =
                crate::text::line(count.into_iter().next().unwrap()).parse().unwrap();
            let nulls = vec!["NULL"; count].join(", ");
            let arguments = if count > 0 { format!("({nulls})") } else { String::new() };
            format!("EXPLAIN EXECUTE planned{arguments}")
        }
    };
    let rows = engine.texts(&explain).await;
    let lines: Vec<String> = rows.into_iter().map(crate::text::line).collect();
    if let Engine::Postgres(..) = engine {
        engine.run("DEALLOCATE planned").await;
    }
    lines.join("\n") + "\n"
}

/// Returns the statements of a poll that read earlier polls, with arguments. Its other statements
/// read items and links.
fn asked_of_polls() -> Vec<(SqlStr, &'static [&'static str])> {
    let mut all: Vec<(SqlStr, &'static [&'static str])> = vec![
        (statements::RECENT_GOOD.into_sql_str(), &["a", "avatars", "3"]),
        (statements::SCHEMA_CHANGES.into_sql_str(), &["a", "avatars"]),
        (past::ANY_GOOD.into_sql_str(), &["a", "avatars", "v3"]),
        (past::LAST_ASKED.into_sql_str(), &["a", "avatars"]),
        (past::SUPERSEDED.into_sql_str(), &["a", "avatars", "v2"]),
        (past::NOTICE.into_sql_str(), &["a", "avatars", "v2", "x", ""]),
        (statements::LAST_POLL_ID.into_sql_str(), &[]),
        (statements::DIGEST.into_sql_str(), &["a"]),
        (outbox::FAILING.into_sql_str(), &["a", "avatars"]),
    ];
    let kinds = Kind::ALL.into_iter();
    all.extend(kinds.map(|kind| (statements::listed_before(kind), &["a"][..])));
    all
}

#[tokio::test]
async fn a_poll_reads_as_much_of_ten_thousand_polls_as_of_ten() {
    let steps = [steps_after(10).await, steps_after(10_000).await];
    assert!(steps[0].iter().all(|(_, steps)| *steps > 0), "{:?}", steps[0]);
    assert_eq!(steps[0], steps[1]);
}

/// Returns how many SQLite VM steps each statement takes after this many good polls.
async fn steps_after(polls: u32) -> Vec<(String, u64)> {
    let mut engine = engine::sqlite().await;
    engine
        .run(&format!(
            "INSERT INTO accounts (account, last_poll_id, polls) VALUES ('a', {polls}, {polls}); \
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {polls}) \
             INSERT INTO polls (poll_id, account, catalogue, trigger, api_version, started_at, observed_at, \
                 finished_at, outcome, warning) \
             SELECT i, 'a', 'avatars', 'schedule', 'v2', i, printf('%06d', i), i, 'succeeded', 'it ends' FROM n"
        ))
        .await;
    let Engine::Sqlite(connection, _home) = &mut engine else { panic!() };
    let mut all = vec![];
    for (sql, args) in asked_of_polls() {
        all.push((sql.as_str().to_owned(), steps(connection, sql, args).await));
    }
    all
}

async fn steps(connection: &mut SqliteConnection, sql: SqlStr, args: &[&'static str]) -> u64 {
    let (counter, counted) = std::sync::mpsc::channel();
    let mut handle = connection.lock_handle().await.unwrap();
    handle.set_progress_handler(1, move || counter.send(()).is_ok());
    drop(handle);
    let query = args.iter().fold(sqlx::query(sql), |query, arg| query.bind(*arg));
    let rows = query.fetch_all(&mut *connection).await.unwrap();
    assert!(rows.iter().all(|row| !row.is_empty()));
    connection.lock_handle().await.unwrap().remove_progress_handler();
    counted.try_iter().count() as u64
}
