//! One edit outside the program: an update, a delete, an insert or a swap, of any row of any table
//! that verifying covers. What would refuse edits (foreign keys, checks) is disabled.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqliteConnection};

use super::story::Home;

/// A table, its key, and the columns that contain the polls of a row.
struct Table {
    name: &'static str,
    key: &'static [&'static str],
    polls: &'static [&'static str],
}

const TABLES: [Table; 8] = [
    Table { name: "accounts", key: &["account"], polls: &["last_poll_id"] },
    Table { name: "polls", key: &["poll_id"], polls: &["poll_id"] },
    Table { name: "avatars", key: &["account", "avatar_id"], polls: &[] },
    Table { name: "talking_photos", key: &["account", "talking_photo_id"], polls: &[] },
    Table {
        name: "avatar_history",
        key: &["account", "avatar_id", "version"],
        polls: &["opened_poll", "closed_poll"],
    },
    Table {
        name: "talking_photo_history",
        key: &["account", "talking_photo_id", "version"],
        polls: &["opened_poll", "closed_poll"],
    },
    Table {
        name: "field_changes",
        key: &["poll_id", "account", "kind", "item_id", "version", "field"],
        polls: &["poll_id"],
    },
    Table {
        name: "schema_changes",
        key: &["poll_id", "account", "kind", "field"],
        polls: &["poll_id"],
    },
];

/// A change that was made.
#[derive(Debug)]
#[expect(dead_code, reason = "the statements are for the message of a failure")]
pub struct Edit {
    /// The table.
    pub table: &'static str,
    /// The statements.
    pub sql: Vec<String>,
    /// The polls of which one must be named in a finding; empty if any may be.
    pub polls: Vec<i64>,
}

/// An attacker with the right to write, and a copy of all tables.
pub enum Vandal {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

macro_rules! on {
    ($self:expr, $connection:ident => $body:expr) => {
        match $self {
            Vandal::Sqlite($connection) => $body,
            Vandal::Postgres($connection) => $body,
        }
    };
}

impl Vandal {
    /// Connects and copies all tables.
    pub async fn new(home: &Home) -> Self {
        let mut new = match home {
            Home::Sqlite(_) => {
                let url = format!("sqlite://{}", home.url());
                Self::Sqlite(SqliteConnection::connect(&url).await.unwrap())
            }
            Home::Postgres(_) => Self::Postgres(PgConnection::connect(&home.url()).await.unwrap()),
        };
        match &mut new {
            Self::Sqlite(_) => {
                new.run("PRAGMA synchronous = OFF").await.unwrap();
                new.run("PRAGMA foreign_keys = OFF").await.unwrap();
                new.run("PRAGMA ignore_check_constraints = ON").await.unwrap();
            }
            Self::Postgres(_) => {
                new.run("SET synchronous_commit = off").await.unwrap();
                let constraints = "SELECT 'ALTER TABLE ' || conrelid::regclass || \
                     ' DROP CONSTRAINT ' || quote_ident(conname) FROM pg_constraint \
                     WHERE contype IN ('f', 'c') AND connamespace = 'public'::regnamespace \
                     ORDER BY contype DESC";
                for drop in new.texts(constraints).await {
                    new.run(&drop).await.unwrap();
                }
                new.run("CREATE SCHEMA copy").await.unwrap();
            }
        }
        for table in TABLES {
            let create = match new {
                Self::Sqlite(_) => "CREATE TEMP TABLE",
                Self::Postgres(_) => "CREATE TABLE",
            };
            let copy = new.copy(table.name);
            new.run(&format!("{create} {copy} AS SELECT * FROM {}", table.name)).await.unwrap();
        }
        new
    }

    fn copy(&self, table: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("copy_{table}"),
            Self::Postgres(_) => format!("copy.{table}"),
        }
    }

    async fn run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        on!(self, connection => connection.execute(sql).await.map(drop))
    }

    /// Returns the first column of a query, without NULLs.
    async fn texts(&mut self, sql: &str) -> Vec<String> {
        macro_rules! texts {
            ($connection:expr) => {{
                let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all($connection).await;
                let rows = rows.unwrap_or_else(|fault| panic!("{fault}: {sql}"));
                rows.iter().filter_map(|row| row.get::<Option<String>, _>(0)).collect()
            }};
        }
        on!(self, connection => texts!(connection))
    }

    async fn columns(&mut self, table: &str) -> Vec<String> {
        let sql = match self {
            Self::Sqlite(_) => format!("SELECT name FROM pragma_table_info('{table}')"),
            Self::Postgres(_) => format!(
                "SELECT column_name::text FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name = '{table}' ORDER BY ordinal_position"
            ),
        };
        let all = self.texts(&sql).await;
        let unsealed = ["missing_since", "fingerprint"];
        all.into_iter().filter(|column| !unsealed.contains(&column.as_str())).collect()
    }

    /// Returns a condition that one random row of the table meets.
    async fn some_row(&mut self, table: &Table, random: &mut fastrand::Rng) -> Option<String> {
        let key: Vec<String> = table
            .key
            .iter()
            .map(|c| format!("'{c} = ''' || replace(CAST({c} AS TEXT), '''', '''''') || ''''"))
            .collect();
        let key = key.join(" || ' AND ' || ");
        let all = self.texts(&format!("SELECT {key} FROM {} ORDER BY 1", table.name)).await;
        (!all.is_empty()).then(|| all[random.usize(0..all.len())].clone())
    }

    /// Edits until an edit has changed something.
    pub async fn edit(&mut self, random: &mut fastrand::Rng) -> Edit {
        loop {
            let table = &TABLES[random.usize(0..TABLES.len())];
            if let Some(edit) = self.try_edit(table, random).await {
                return edit;
            }
            self.restore(table.name).await;
        }
    }

    async fn try_edit(&mut self, table: &Table, random: &mut fastrand::Rng) -> Option<Edit> {
        let (one, other) =
            (self.some_row(table, random).await?, self.some_row(table, random).await?);
        let columns = self.columns(table.name).await;
        let column = columns[random.usize(0..columns.len())].clone();
        let name = table.name;
        let from_other = format!("(SELECT {column} FROM {} WHERE {other})", self.copy(name));
        let from_one = format!("(SELECT {column} FROM {} WHERE {one})", self.copy(name));
        let sql = match random.u8(0..8) {
            0 => vec![format!("DELETE FROM {name} WHERE {one}")],
            1 => self.insertion(table, &columns, &one, random),
            2 => vec![
                format!("UPDATE {name} SET {column} = {from_other} WHERE {one}"),
                format!("UPDATE {name} SET {column} = {from_one} WHERE {other}"),
            ],
            3 => vec![format!("UPDATE {name} SET {column} = {from_other} WHERE {one}")],
            4 => vec![format!("UPDATE {name} SET {column} = NULL WHERE {one}")],
            _ => {
                let value = self.other_value(&column, random);
                vec![format!("UPDATE {name} SET {column} = {value} WHERE {one}")]
            }
        };
        for statement in &sql {
            self.run(statement).await.ok()?;
        }
        if !self.differs(name).await {
            return None;
        }
        let polls = self.polls_of(table).await;
        Some(Edit { table: name, sql, polls })
    }

    /// Returns statements that copy a row with one column of its key altered.
    fn insertion(
        &self,
        table: &Table,
        columns: &[String],
        one: &str,
        random: &mut fastrand::Rng,
    ) -> Vec<String> {
        let altered = table.key[random.usize(0..table.key.len())];
        let values: Vec<String> = columns
            .iter()
            .map(|column| match column == altered {
                true => self.other_value(column, random),
                false => column.clone(),
            })
            .collect();
        let (columns, values) = (columns.join(", "), values.join(", "));
        let name = table.name;
        vec![format!("INSERT INTO {name} ({columns}) SELECT {values} FROM {name} WHERE {one}")]
    }

    /// Returns another value for a column, chosen by the column's name; often nearly the same value.
    fn other_value(&self, column: &str, random: &mut fastrand::Rng) -> String {
        let sqlite = matches!(self, Self::Sqlite(_));
        let time = column.starts_with("valid_")
            || column.ends_with("_at")
            || column.ends_with("_after") && column != "avatars_after";
        let number = [
            "poll_id",
            "polls",
            "version",
            "_poll",
            "_listed",
            "added",
            "changed",
            "removed",
            "restored",
            "learned",
            "missing",
            "duplicates",
            "rejected",
            "held",
            "http_status",
            "response_bytes",
            "last_poll_id",
        ];
        let some: &[&str] = if time && sqlite {
            &["replace({}, 'T', ' ')", "substr({}, 1, 22) || '9Z'", "{} || ' '", "'x'"]
        } else if time {
            &["{} + interval '1 microsecond'", "{} - interval '1 second'", "'infinity'"]
        } else if ["tags", "extra", "policy"].contains(&column) && sqlite {
            &["{} || ' '", "'{\"zoom\":1}'", "'[]'", "replace({}, ',', ', ')", "x'ff'"]
        } else if ["tags", "extra", "policy"].contains(&column) {
            &["'{\"zoom\": 1}'", "'[]'", "{} || '[\"x\"]'", "'[\"b\",\"a\"]'", "'null'"]
        } else if column == "premium" && sqlite {
            &["1 - {}", "2", "0"]
        } else if column == "premium" {
            &["NOT {}", "false", "true"]
        } else if number.iter().any(|end| column == *end || column.ends_with("_poll"))
            || column.ends_with("_listed")
        {
            &["{} + 1", "{} - 1", "coalesce({}, 0) + 1000", "1"]
        } else if sqlite {
            &["{} || 'x'", "''", "upper({})", "CAST(x'ff' AS TEXT)", "'other'"]
        } else {
            &["{} || 'x'", "''", "upper({})", "'other'"]
        };
        some[random.usize(0..some.len())].replace("{}", column)
    }

    /// Returns the polls of the edited rows, before and after.
    async fn polls_of(&mut self, table: &Table) -> Vec<i64> {
        let (name, copy) = (table.name, self.copy(table.name));
        let columns = self.columns(name).await.join(", ");
        let mut polls = vec![];
        for column in table.polls {
            for (from, but) in [(name, copy.as_str()), (copy.as_str(), name)] {
                let sql = format!(
                    "SELECT CAST({column} AS TEXT) FROM \
                     (SELECT {columns} FROM {from} EXCEPT SELECT {columns} FROM {but}) AS d"
                );
                polls.extend(self.texts(&sql).await.iter().filter_map(|p| p.parse::<i64>().ok()));
            }
        }
        polls
    }

    async fn differs(&mut self, table: &str) -> bool {
        let copy = self.copy(table);
        let columns = self.columns(table).await.join(", ");
        let count = |from: &str, but: &str| {
            format!(
                "(SELECT count(*) FROM (SELECT {columns} FROM {from} EXCEPT \
                 SELECT {columns} FROM {but}) AS d)"
            )
        };
        let sql = format!(
            "SELECT CAST({} + {} + abs((SELECT count(*) FROM {table}) - (SELECT count(*) FROM {copy})) AS TEXT)",
            count(table, &copy),
            count(&copy, table),
        );
        self.texts(&sql).await != ["0"]
    }

    /// Restores a table from its copy.
    pub async fn restore(&mut self, table: &str) {
        let copy = self.copy(table);
        self.run(&format!("DELETE FROM {table}")).await.unwrap();
        self.run(&format!("INSERT INTO {table} SELECT * FROM {copy}")).await.unwrap();
    }
}
