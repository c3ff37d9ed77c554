//! The two schemas are equal: same files, tables, columns, keys, indexes and views.
//!
//! The meaning of the rows is tested by `views`.

pub mod engine;
mod views;

use std::collections::BTreeSet;

use engine::{Engine, MIGRATIONS, both, folder, postgres};

use heygen_sync::{
    catalog::column::Holds,
    store::table::{TABLES, holds},
};

use crate::text::Texts;

/// Table or view, column, type, whether NOT NULL, position in the primary key (0: not in it).
const SQLITE_COLUMNS: &str = "
    SELECT it.name, col.name, col.type, CAST(col.\"notnull\" OR col.pk > 0 AS TEXT),
        CAST(col.pk AS TEXT)
    FROM sqlite_master AS it, pragma_table_info(it.name) AS col
    WHERE it.type = 'WHICH' AND it.name <> 'MIGRATIONS'
    ORDER BY it.name, col.cid";

const POSTGRES_COLUMNS: &str = "
    SELECT it.relname::text, col.attname::text, format_type(col.atttypid, col.atttypmod),
        col.attnotnull::int::text,
        coalesce(array_position(pk.conkey, col.attnum), 0)::text
    FROM pg_class AS it
    JOIN pg_attribute AS col ON col.attrelid = it.oid AND col.attnum > 0
    LEFT JOIN pg_constraint AS pk ON pk.conrelid = it.oid AND pk.contype = 'p'
    WHERE it.relnamespace = 'public'::regnamespace AND it.relname <> 'MIGRATIONS'
        AND it.relkind = CASE 'WHICH' WHEN 'table' THEN 'r' ELSE 'v' END
    ORDER BY it.relname COLLATE \"C\", col.attnum";

/// Table, column, referenced table and column, action on an update of the key.
const SQLITE_REFERENCES: &str = "
    SELECT it.name, fk.\"from\", fk.\"table\", fk.\"to\", fk.on_update
    FROM sqlite_master AS it, pragma_foreign_key_list(it.name) AS fk
    WHERE it.type = 'table'";

const POSTGRES_REFERENCES: &str = "
    SELECT fk.conrelid::regclass::text, own.attname::text, fk.confrelid::regclass::text,
        theirs.attname::text, CASE fk.confupdtype WHEN 'c' THEN 'CASCADE' ELSE 'NO ACTION' END
    FROM pg_constraint AS fk
    CROSS JOIN unnest(fk.conkey, fk.confkey) AS pair (own, theirs)
    JOIN pg_attribute AS own ON own.attrelid = fk.conrelid AND own.attnum = pair.own
    JOIN pg_attribute AS theirs ON theirs.attrelid = fk.confrelid AND theirs.attnum = pair.theirs
    WHERE fk.contype = 'f'";

/// Index, table, whether unique.
const SQLITE_INDEXES: &str = "
    SELECT ix.name, ix.tbl_name, CAST(ix.sql LIKE 'CREATE UNIQUE%' AS TEXT)
    FROM sqlite_master AS ix WHERE ix.type = 'index' AND ix.sql IS NOT NULL";

const POSTGRES_INDEXES: &str = "
    SELECT name.relname::text, ix.indrelid::regclass::text, ix.indisunique::int::text
    FROM pg_index AS ix
    JOIN pg_class AS name ON name.oid = ix.indexrelid
    WHERE name.relnamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_constraint AS key WHERE key.conindid = ix.indexrelid)";

/// Tables, views and columns without a comment, and text columns that are not compared by bytes.
const POSTGRES_OMISSIONS: &str = "
    SELECT it.relname::text, ''
    FROM pg_class AS it
    WHERE it.relnamespace = 'public'::regnamespace AND it.relkind IN ('r', 'v')
        AND it.relname <> 'MIGRATIONS' AND obj_description(it.oid, 'pg_class') IS NULL
    UNION ALL
    SELECT it.relname::text, col.attname::text
    FROM pg_class AS it
    JOIN pg_attribute AS col ON col.attrelid = it.oid AND col.attnum > 0
    WHERE it.relnamespace = 'public'::regnamespace AND it.relkind IN ('r', 'v')
        AND it.relname <> 'MIGRATIONS'
        AND (col_description(it.oid, col.attnum) IS NULL
            OR col.atttypid = 'text'::regtype AND col.attcollation <> '\"C\"'::regcollation)";

async fn columns(engine: &mut Engine, which: &str) -> Vec<Texts> {
    let sql = match engine {
        Engine::Sqlite(..) => SQLITE_COLUMNS,
        Engine::Postgres(..) => POSTGRES_COLUMNS,
    };
    engine.texts(&sql.replace("WHICH", which).replace("MIGRATIONS", MIGRATIONS)).await
}

/// Returns `table.column`, for messages and comparisons.
fn name(row: &Texts) -> String {
    format!("{}.{}", row[0].as_deref().unwrap(), row[1].as_deref().unwrap())
}

/// Returns the types of the column in SQLite and PostgreSQL, by its description.
fn types(table: &str, column: &str) -> (&'static str, &'static str) {
    match holds(table, column) {
        Holds::Text => ("TEXT", "text"),
        Holds::Integer => ("INTEGER", "bigint"),
        Holds::Boolean => ("INTEGER", "boolean"),
        Holds::Time => ("TEXT", "timestamp with time zone"),
        Holds::Json | Holds::Texts => ("TEXT", "jsonb"),
    }
}

#[test]
fn the_migrations_of_both_engines_have_the_same_names() {
    let files = |engine| -> BTreeSet<_> {
        let entries = std::fs::read_dir(folder(engine)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let names = files("sqlite");
    assert_eq!(names, files("postgres"));
    for (number, name) in (1..).zip(&names) {
        assert!(name.starts_with(&format!("{number:04}_")), "{name} should have number {number}");
    }
}

#[tokio::test]
async fn tables_agree_in_columns_order_types_and_primary_keys() {
    let [mut lite, mut post] = both().await;
    let (lite, post) = (columns(&mut lite, "table").await, columns(&mut post, "table").await);
    assert!(lite.len() > 100, "only {} columns", lite.len());
    assert_eq!(
        lite.iter().map(name).collect::<Vec<_>>(),
        post.iter().map(name).collect::<Vec<_>>()
    );
    for (l, p) in lite.iter().zip(&post) {
        let (in_sqlite, in_postgres) = types(l[0].as_deref().unwrap(), l[1].as_deref().unwrap());
        assert_eq!(l[2].as_deref(), Some(in_sqlite), "{}", name(l));
        assert_eq!(p[2].as_deref(), Some(in_postgres), "{}", name(p));
        assert_eq!(l[3..], p[3..], "not null and primary key of {}", name(l));
    }
}

#[tokio::test]
async fn what_the_description_promises_of_the_tables_holds_in_the_database() {
    let mut lite = engine::sqlite().await;
    let (mut required, mut refers) = (BTreeSet::new(), BTreeSet::new());
    for table in TABLES.iter() {
        for column in &table.columns {
            let own = [table.name, column.name];
            required.extend(table.requires(column).then_some(own.map(str::to_owned)));
            let known = table.refers(column);
            refers.extend(known.map(|(to, field)| [own[0], own[1], to, field].map(str::to_owned)));
        }
    }
    let told =
        columns(&mut lite, "table").await.into_iter().filter(|row| row[3].as_deref() == Some("1"));
    let told: BTreeSet<_> = told.map(|row| [0, 1].map(|at| row[at].clone().unwrap())).collect();
    let told: BTreeSet<_> = told.into_iter().filter(|row| row[0] != "search_names").collect();
    assert_eq!(required, told);
    for row in lite.texts(SQLITE_REFERENCES).await {
        let of = |at: usize| row[at].clone().unwrap();
        let is_ours = of(0) != "search_names" && !(of(1) == "account" && of(2) != "accounts");
        assert!(!is_ours || refers.contains(&[of(0), of(1), of(2), of(3)]), "{row:?}");
    }
}

#[tokio::test]
async fn views_agree_in_columns_and_their_types_follow_the_names() {
    let [mut lite, mut post] = both().await;
    let (lite, post) = (columns(&mut lite, "view").await, columns(&mut post, "view").await);
    assert_eq!(
        lite.iter().map(name).collect::<Vec<_>>(),
        post.iter().map(name).collect::<Vec<_>>()
    );
    for p in &post {
        let (_, expected) = types(p[0].as_deref().unwrap(), p[1].as_deref().unwrap());
        assert_eq!(p[2].as_deref(), Some(expected), "{}", name(p));
    }
}

#[tokio::test]
async fn foreign_keys_and_indexes_agree() {
    let [mut lite, mut post] = both().await;
    for (of_sqlite, of_postgres) in
        [(SQLITE_REFERENCES, POSTGRES_REFERENCES), (SQLITE_INDEXES, POSTGRES_INDEXES)]
    {
        let lite: BTreeSet<_> = lite.texts(of_sqlite).await.into_iter().collect();
        let post: BTreeSet<_> = post.texts(of_postgres).await.into_iter().collect();
        assert!(lite.len() > 10);
        assert_eq!(lite, post);
    }
}

#[tokio::test]
async fn postgres_comments_on_everything_and_compares_text_by_its_bytes() {
    let sql = POSTGRES_OMISSIONS.replace("MIGRATIONS", MIGRATIONS);
    assert_eq!(postgres().await.texts(&sql).await, Vec::<Texts>::new());
}
