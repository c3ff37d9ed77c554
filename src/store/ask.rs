//! One SELECT that somebody else wrote: read-only, bounded in rows, without signed links.
//!
//! The engine keeps it read-only (see [`super::bounded`]). The links are out of its reach: it runs
//! below common table expressions that have the names of the tables and views with links, and null
//! in their place. Only a qualified name or a function that runs SQL could get around them, so text
//! with such a word is refused, wherever the word stands.

use serde_json::{Map, Value as Json};
use sqlx::AssertSqlSafe;

use super::{
    conn::{Conn, Engine, Fault},
    open::Store,
    table::{self, Table},
};
use crate::{
    catalog::kind::Kind,
    error::{Error, Kind as ErrorKind, Result},
};

/// Beginnings of words that reach behind the tables, on either engine.
const REFUSED_BEGINNINGS: [&str; 7] = ["pg_", "sqlite_", "pragma_", "lo_", "dblink", "u&", "_pg_"];
/// Parts of such words.
const REFUSED_PARTS: [&str; 2] = ["_to_xml", "information_schema"];
/// Such words.
const REFUSED_WORDS: [&str; 7] = [
    "ts_stat",
    "ts_rewrite",
    "set_config",
    "current_setting",
    "load_extension",
    "randomblob",
    "zeroblob",
];

impl Store {
    /// The first `limit` rows of a query, each as an object by column.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for a query that is refused or that the database does not take.
    pub async fn select(&mut self, sql: &str, limit: usize) -> Result<Vec<Map<String, Json>>> {
        let sql = sql.trim().trim_end_matches(';').trim_end();
        let schemas = schemas(&mut self.conn).await;
        let schemas = schemas.map_err(|fault| self.trouble("read", &fault))?;
        refuse(sql, &schemas)?;
        let text = wrapped(self.conn.engine(), sql, limit);
        let rows = self.conn.rows(AssertSqlSafe(text), &[]).await;
        let rows = rows.and_then(|rows| rows.iter().map(super::conn::Row::object).collect());
        rows.map_err(|fault| not_taken(&fault))
    }
}

/// What the database says of the query; the text of a fault names no value of a row.
fn not_taken(fault: &Fault) -> Error {
    let said = match fault.as_database_error() {
        Some(fault) => fault.message().to_owned(),
        None => fault.to_string(),
    };
    let ended = ["interrupted", "statement timeout"].iter().any(|word| said.contains(word));
    Error::new(
        ErrorKind::Usage,
        match ended {
            true => "the query took too long: restrict it or add a LIMIT".to_owned(),
            false => format!("the database does not take the query: {said}"),
        },
    )
}

/// The schemas by whose names a table can be qualified.
async fn schemas(conn: &mut Conn) -> Result<Vec<String>, Fault> {
    match conn.engine() {
        Engine::Sqlite => Ok(vec!["main".into(), "temp".into()]),
        Engine::Postgres => {
            let rows = conn.rows("SELECT nspname::text FROM pg_namespace", &[]).await?;
            rows.iter().map(|row| row.some_text(0)).collect()
        }
    }
}

fn wrapped(engine: Engine, sql: &str, limit: usize) -> String {
    let hidden: Vec<String> = table::all().filter_map(|table| shadow(engine, table)).collect();
    let hidden = hidden.join(", ");
    let rows = match engine {
        Engine::Sqlite => "*",
        Engine::Postgres => "row_to_json(answer)",
    };
    // On lines of its own, so that a comment at its end ends nothing else.
    format!("WITH {hidden} SELECT {rows} FROM (\n{sql}\n) AS answer LIMIT {limit}")
}

/// A table under its own name with null for signed links; `None` for one without links.
fn shadow(engine: Engine, table: &Table) -> Option<String> {
    let previews: Vec<_> = Kind::ALL.into_iter().flat_map(|kind| kind.previews).collect();
    let is_link = |name: &str| previews.iter().find(|preview| preview.link.name == name);
    let column = |name: &str| match is_link(name) {
        // An unsigned link is the URL itself.
        Some(preview) => {
            format!("CASE WHEN {name} = {} THEN {name} END AS {name}", preview.field)
        }
        None if name == "signed_url" => "CAST(NULL AS TEXT) AS signed_url".to_owned(),
        None => name.to_owned(),
    };
    let names = || table.columns.iter().map(|column| column.name);
    names().find(|name| *name == "signed_url" || is_link(name).is_some())?;
    let columns = names().map(column).collect::<Vec<_>>().join(", ");
    let own = match engine {
        Engine::Sqlite => format!("main.{}", table.name),
        Engine::Postgres => table.name.to_owned(),
    };
    Some(format!("{} AS (SELECT {columns} FROM {own})", table.name))
}

/// Refuses what is no SELECT, and every text with a word that gets around the hidden links.
fn refuse(sql: &str, schemas: &[String]) -> Result<()> {
    let lower = sql.to_lowercase();
    if !["select", "with", "values"].iter().any(|verb| lower.starts_with(verb)) {
        return Err(Error::usage("only one SELECT is run (it may begin with WITH)"));
    }
    if lower.contains('\0') || lower.contains("u&\"") || lower.contains("u&'") {
        return Err(Error::usage("the query has characters that are not taken"));
    }
    for (at, word) in words(&lower) {
        let begins = REFUSED_BEGINNINGS.iter().any(|beginning| word.starts_with(beginning));
        let has = REFUSED_PARTS.iter().any(|part| word.contains(part));
        let is = REFUSED_WORDS.contains(&word);
        let qualifies = schemas.iter().any(|schema| schema.to_lowercase() == word)
            && is_before_dot(&lower[at + word.len()..]);
        if begins || has || is || qualifies {
            return Err(Error::usage(format!(
                "the query has the word {word}, which is not taken: use the tables and views of \
                 the tool schema by their plain names"
            )));
        }
    }
    Ok(())
}

fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let start = rest + text[rest..].find(is_word)?;
        let end = text[start..].find(|c| !is_word(c)).map_or(text.len(), |end| start + end);
        rest = end;
        Some((start, &text[start..end]))
    })
}

/// Whether a dot follows, after blanks, comments and the end of a quoted name.
fn is_before_dot(text: &str) -> bool {
    let mut rest = text;
    loop {
        let blank: &[_] = &['"', '`', ']', ' ', '\t', '\n', '\r', '\u{0C}', '\u{0B}'];
        rest = rest.trim_start_matches(blank);
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            // Nested comments end later: what is inside them is read as text that may follow.
            rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
        } else if let Some(nested) = rest.strip_prefix("*/") {
            rest = nested;
        } else {
            return rest.starts_with('.');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gets_around_the_hidden_links_is_refused() {
        let schemas = ["main".to_owned(), "Public".to_owned()];
        for sql in [
            "DELETE FROM polls",
            "SELECT 1; DROP TABLE polls".trim_start_matches("SELECT 1; "),
            "SELECT * FROM main.assets",
            "SELECT * FROM \"MAIN\" /* x /* y */ */ -- z\n . assets",
            "SELECT * FROM [main].[assets]",
            "SELECT * FROM public.assets",
            "SELECT * FROM pg_stats",
            "SELECT query_to_xml('select 1', true, true, '')",
            "SELECT table_to_xml('assets', true, true, '')",
            "SELECT * FROM U&\"\\0070ublic\".assets",
        ] {
            assert!(refuse(sql, &schemas).is_err(), "{sql}");
        }
        for sql in
            ["SELECT * FROM polls WHERE account = 'main'", "WITH a AS (SELECT 1) SELECT * FROM a"]
        {
            assert_eq!(refuse(sql, &schemas), Ok(()), "{sql}");
        }
    }
}
