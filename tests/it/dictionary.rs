//! The dictionary of the tables describes every table, view and column of both databases, and
//! docs/data-dictionary.md is generated from it. `INSTA_UPDATE=always` writes that file again.

use std::fmt::Write;

use heygen_sync::{
    catalog::column::Holds,
    store::table::{self, Table},
};

use crate::{
    home::Home,
    schema::engine::{Engine, MIGRATIONS, both},
};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/data-dictionary.md");

const HEAD: &str = "# Data dictionary

Every table, view and column, the same in SQLite and PostgreSQL. Made by a test from the description of the
tables in `src/store/table`; the test fails when this page is out of date. PostgreSQL shows the same by `\\d+`, [Datasette](analysis.md#datasette) beside each table.

| type | SQLite | PostgreSQL | Parquet |
|---|---|---|---|
| text | `TEXT` | `TEXT`, compared by bytes | string |
| integer | `INTEGER` | `BIGINT` | INT64 |
| boolean | `INTEGER`, 0 or 1 | `BOOLEAN` | BOOLEAN |
| time | `TEXT` in UTC, always as wide as `2026-11-23T05:57:09.123Z` | `TIMESTAMPTZ` | TIMESTAMP(MILLIS, UTC) |
| JSON | `TEXT`, canonical | `JSONB` | string |
";

fn document() -> String {
    let mut out = HEAD.to_owned();
    for (title, tables) in [("Views, to begin with", &table::VIEWS), ("Tables", &table::TABLES)] {
        write!(out, "\n## {title}\n").unwrap();
        tables.iter().for_each(|table| describe(table, &mut out));
    }
    out.push_str("\n## Internal\n");
    describe(&table::SEARCH_NAMES, &mut out);
    out
}

fn describe(table: &Table, out: &mut String) {
    let Table { name, meaning, columns, order: _, internal } = table;
    write!(out, "\n### {name}\n\n{}.\n\n| column | type | |\n|---|---|---|\n", capital(meaning))
        .unwrap();
    for column in columns.iter().chain(*internal) {
        let holds = match column.holds {
            Holds::Text => "text",
            Holds::Integer => "integer",
            Holds::Boolean => "boolean",
            Holds::Time => "time",
            Holds::Json | Holds::Texts => "JSON",
        };
        let comment = column.meaning.replace('|', "\\|");
        writeln!(out, "| `{}` | {holds} | {comment} |", column.name).unwrap();
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().unwrap().to_uppercase().collect::<String>() + chars.as_str()
}

/// Returns every table and view with its columns and types, as the database itself reports them.
async fn of_database(engine: &mut Engine) -> Vec<[String; 3]> {
    let sql = match engine {
        Engine::Sqlite(..) => {
            "SELECT it.name, col.name, '' FROM sqlite_master AS it, pragma_table_info(it.name) AS col
             WHERE it.type IN ('table', 'view') AND it.name NOT LIKE 'sqlite%' ORDER BY it.name, col.cid"
        }
        Engine::Postgres(..) => {
            "SELECT it.relname::text, col.attname::text, format_type(col.atttypid, col.atttypmod)
             FROM pg_class AS it JOIN pg_attribute AS col ON col.attrelid = it.oid AND col.attnum > 0
             WHERE it.relnamespace = 'public'::regnamespace AND it.relkind IN ('r', 'v')
             ORDER BY it.relname COLLATE \"C\", col.attnum"
        }
    };
    let rows = engine.texts(sql).await.into_iter();
    let rows = rows.map(|row| -> [String; 3] {
        let cells: Vec<String> = row.into_iter().map(Option::unwrap_or_default).collect();
        cells.try_into().unwrap()
    });
    rows.filter(|row| row[0] != MIGRATIONS).collect()
}

#[tokio::test]
async fn it_tells_of_every_column_of_both_databases_in_their_order() {
    let mut told: Vec<[String; 3]> = vec![];
    let mut tables: Vec<&Table> = table::all().chain([&*table::SEARCH_NAMES]).collect();
    tables.sort_by_key(|table| table.name);
    for table in tables {
        assert!(!table.meaning.is_empty());
        for column in table.columns.iter().chain(table.internal) {
            assert!(!column.meaning.is_empty(), "{}.{}", table.name, column.name);
            let holds = match column.holds {
                Holds::Text => "text",
                Holds::Integer => "bigint",
                Holds::Boolean => "boolean",
                Holds::Time => "timestamp with time zone",
                Holds::Json | Holds::Texts => "jsonb",
            };
            told.push([table.name, column.name, holds].map(str::to_owned));
        }
    }
    let [mut lite, mut post] = both().await;
    assert_eq!(told, of_database(&mut post).await);
    told.iter_mut().for_each(|row| row[2].clear());
    assert_eq!(told, of_database(&mut lite).await);
}

#[test]
fn the_document_is_what_the_schema_says() {
    let now = document();
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(DOCUMENT, &now).unwrap();
    }
    let document = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
    assert!(
        document == now,
        "docs/data-dictionary.md is out of date; run with INSTA_UPDATE=always"
    );
}

#[tokio::test]
async fn metadata_is_named_after_the_database() {
    let home = Home::sqlite().await;
    let ran = home.run(&["metadata", "--database", "/elsewhere/my catalogue.db"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let tables = &told["databases"]["my catalogue"]["tables"];
    assert_eq!(tables["avatars"]["label_column"], "avatar_name");
    assert_eq!(tables["current_voices"]["label_column"], "voice_name");
    assert_eq!(tables["polls"]["units"]["response_bytes"], "B");
    assert_eq!(
        tables["changes"]["facets"],
        serde_json::json!(["account", "kind", "change", "field"])
    );
    assert_eq!(tables["_heygen_sync_migrations"], serde_json::json!({"hidden": true}));
}

#[tokio::test]
async fn dbt_is_told_what_holds_of_keys_words_and_references() {
    let home = Home::sqlite().await;
    let ran = home.run(&["metadata", "--format", "dbt"]);
    let told = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for holds in [
        "loaded_at_field: \"observed_at\"",
        "- unique: arguments: column_name: \"account || ' | ' || avatar_id\"",
        "data_tests: - \"not_null\" - \"unique\"",
        "accepted_values: arguments: values: - \"succeeded\" - \"held\" - \"failed\"",
        "relationships: arguments: to: \"source('heygen', 'polls')\" field: \"poll_id\"",
    ] {
        assert!(told.contains(holds), "{holds}: {ran:?}");
    }
}
