use super::*;

const BOTH: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

#[test]
fn what_could_reach_the_links_is_refused() {
    for sql in [
        "DELETE FROM polls",
        "SELECT 1; DROP TABLE polls",
        "SELECT * FROM main.assets",
        "SELECT * FROM 'main'.assets",
        "SELECT * FROM \"MAIN\" /* x /* y */ */ -- z\n . assets",
        "SELECT * FROM public--\r.assets",
        "SELECT * FROM \"my-app\".assets",
        "SELECT * FROM sqlite_schema",
        "SELECT * FROM pg_stats",
        "SELECT * FROM polls, pg_stats",
        "SELECT (SELECT max(most_common_vals) FROM pg_stats)",
        "SELECT * FROM (WITH pg_stats AS (SELECT 1) SELECT 1) AS a, pg_stats",
        "SELECT query_to_xml('select 1', true, true, '')",
        "SELECT * FROM pragma_table_info('assets')",
        "SELECT * FROM dblink('x', 'select 1') AS t (a int)",
        "SELECT pg_catalog.pg_read_file('x')",
        "WITH a AS (DELETE FROM polls RETURNING 1) SELECT * FROM a",
        "TABLE assets",
        "SELECT * INTO copy FROM polls",
    ] {
        for engine in BOTH {
            assert!(parse_allowed(engine, sql).is_err(), "{engine:?}: {sql}");
        }
    }
}

#[test]
fn a_query_of_many_levels_is_read_and_a_longer_one_is_refused() {
    let sum = |terms: usize| format!("SELECT {}", vec!["1"; terms].join(" + "));
    for engine in BOTH {
        assert!(to_run(engine, &sum(MOST_TOKENS / 2), 1).is_ok());
        assert!(to_run(engine, &sum(MOST_TOKENS / 2 + 1), 1).is_err());
    }
}

#[test]
fn what_reads_our_tables_is_run() {
    for sql in [
        "SELECT * FROM polls WHERE account = 'main.py' OR account = 'lo_fi' -- pg_",
        "WITH a AS (SELECT 1 AS n) SELECT a.n, count(*) OVER () FROM a JOIN \"polls\" AS p ON true",
        "SELECT kind, lower(name) FROM changes UNION SELECT 'x', NULL ORDER BY 1 LIMIT 3;",
        "VALUES (1), (2)",
    ] {
        for engine in BOTH {
            assert!(parse_allowed(engine, sql).is_ok(), "{engine:?}: {sql}");
        }
    }
}
