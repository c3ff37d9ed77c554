//! What every table, view and column means: read out of the comments of the PostgreSQL migrations,
//! the one place where it is said. The tables of SQLite have the same names in the same order.
//!
//! A test holds it against both databases. It does not know how a dictionary is printed.

use super::{conn::Engine, open::migrator};

/// A table or view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// Whether it is a view.
    pub view: bool,
    /// What a row is.
    pub comment: String,
    /// Its columns, in its order.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub holds: Holds,
    /// What it means.
    pub comment: String,
}

/// What a column holds, on both databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
    /// A moment, to the millisecond.
    Time,
    /// A JSON value.
    Json,
}

/// All tables and views, in the order of the migrations.
pub fn relations() -> Vec<Relation> {
    let migrator = migrator(Engine::Postgres);
    let texts: Vec<&str> = migrator.iter().map(|step| step.sql.as_str()).collect();
    read(&texts.join("\n"))
}

/// What columns called `name` hold, wherever they stand; text where no table has such a column.
pub fn holds(relations: &[Relation], name: &str) -> Holds {
    let mut columns = relations.iter().flat_map(|relation| &relation.columns);
    columns.find(|column| column.name == name).map_or(Holds::Text, |column| column.holds)
}

fn read(sql: &str) -> Vec<Relation> {
    let types = declared(sql);
    let mut relations: Vec<Relation> = vec![];
    for statement in sql.split("\nCOMMENT ON ").skip(1) {
        let Some((what, name, comment)) = comment(statement) else { continue };
        match what {
            "TABLE" | "VIEW" => relations.push(Relation {
                name: name.to_owned(),
                view: what == "VIEW",
                comment,
                columns: vec![],
            }),
            "COLUMN" => {
                let Some((relation, column)) = name.split_once('.') else { continue };
                let holds = of_type(&types, column);
                let column = Column { name: column.to_owned(), holds, comment };
                let owner = relations.iter_mut().find(|one| one.name == relation);
                if let Some(owner) = owner {
                    owner.columns.push(column);
                }
            }
            _ => {}
        }
    }
    relations
}

/// `TABLE name IS 'text';` as its three parts.
fn comment(statement: &str) -> Option<(&str, &str, String)> {
    let (what, rest) = statement.split_once(' ')?;
    let (name, rest) = rest.split_once(" IS")?;
    let text = rest.trim_start().strip_prefix('\'')?;
    let text = text.split_once("';").map_or(text, |(text, _)| text);
    Some((what, name, text.replace("''", "'")))
}

/// The columns that tables declare, with their types.
fn declared(sql: &str) -> Vec<(&str, &str)> {
    let columns = sql.lines().filter_map(|line| {
        let mut words = line.strip_prefix("    ")?.split([' ', ',']);
        Some((words.next()?, words.next()?))
    });
    let types = ["TEXT", "BIGINT", "BOOLEAN", "TIMESTAMPTZ", "JSONB"];
    columns.filter(|(_, holds)| types.contains(holds)).collect()
}

/// A view's own columns are times, by the rule for their names, or text.
fn of_type(types: &[(&str, &str)], column: &str) -> Holds {
    match types.iter().find(|(name, _)| *name == column).map(|(_, holds)| *holds) {
        Some("BIGINT") => Holds::Integer,
        Some("BOOLEAN") => Holds::Boolean,
        Some("TIMESTAMPTZ") => Holds::Time,
        Some("JSONB") => Holds::Json,
        None if column.ends_with("_at") || column.ends_with("_since") => Holds::Time,
        _ => Holds::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_read_with_its_quotes_and_line_breaks() {
        let sql = "CREATE TABLE t (\n    a BIGINT NOT NULL,\n    b TEXT\n);\n\
                   COMMENT ON TABLE t IS\n    'the owner''s; all';\nCOMMENT ON COLUMN t.a IS 'n';\n\
                   COMMENT ON COLUMN t.b IS 'x';\nCREATE VIEW v AS SELECT a AS c_at FROM t;\n\
                   COMMENT ON VIEW v IS 'v';\nCOMMENT ON COLUMN v.c_at IS 'when';";
        let column = |name: &str, holds, comment: &str| Column {
            name: name.into(),
            holds,
            comment: comment.into(),
        };
        let t = Relation {
            name: "t".into(),
            view: false,
            comment: "the owner's; all".into(),
            columns: vec![column("a", Holds::Integer, "n"), column("b", Holds::Text, "x")],
        };
        let v = Relation {
            name: "v".into(),
            view: true,
            comment: "v".into(),
            columns: vec![column("c_at", Holds::Time, "when")],
        };
        assert_eq!(read(sql), [t, v]);
    }
}
