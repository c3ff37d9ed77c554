//! A source for dbt: tables and views with their meanings, tests of their columns, and the freshness
//! of the catalogue.

use super::yaml::{Node, document};
use crate::{
    catalog::column::Column,
    store::{
        row::GOOD,
        table::{self, Table},
    },
    words::sentence,
};

/// Hours without a good poll after which dbt warns, and after which it fails: with one poll a day,
/// after a late one and after a missed one.
const STALE: [u32; 2] = [26, 50];

/// Returns the source file; its tables are in `schema` unless a variable of the project overrides it.
pub(super) fn source(schema: &str) -> String {
    let schema = schema.replace('\'', "''");
    let source = vec![
        ("name", "heygen".into()),
        ("description", "HeyGen's catalogue with its history, kept by heygen-sync.".into()),
        ("schema", format!("{{{{ var('heygen_schema', '{schema}') }}}}").into()),
        ("tables", Node::List(table::all().map(of).collect())),
    ];
    document(vec![("version", Node::Number(2)), ("sources", Node::List(vec![Node::Map(source)]))])
}

fn of(table: &Table) -> Node {
    let mut pairs =
        vec![("name", table.name.into()), ("description", (sentence(&table.meaning) + ".").into())];
    if table.name == "polls" {
        pairs.push(("config", freshness()));
    }
    if let key @ [_, _, ..] = table.order.as_slice() {
        let joined = key.join(" || ' | ' || ");
        pairs.push(("data_tests", Node::List(vec![test("unique", "column_name", joined.into())])));
    }
    pairs.push(("columns", Node::List(table.columns.iter().map(|it| column(table, it)).collect())));
    Node::Map(pairs)
}

fn column(table: &Table, column: &Column) -> Node {
    let mut tests: Vec<Node> = vec![];
    if table.requires(column) {
        tests.push("not_null".into());
    }
    if table.order == [column.name] {
        tests.push("unique".into());
    }
    let words = table.words(column);
    if !words.is_empty() {
        let words = words.into_iter().map(Node::from).collect();
        tests.push(test("accepted_values", "values", Node::List(words)));
    }
    if let Some((to, field)) = table.refers(column) {
        let to = format!("source('heygen', '{to}')").into();
        let arguments = Node::Map(vec![("to", to), ("field", field.into())]);
        tests.push(Node::Map(vec![("relationships", Node::Map(vec![("arguments", arguments)]))]));
    }
    let mut pairs = vec![
        ("name", column.name.into()),
        ("description", (sentence(column.meaning) + ".").into()),
    ];
    if !tests.is_empty() {
        pairs.push(("data_tests", Node::List(tests)));
    }
    Node::Map(pairs)
}

/// Returns a test with one argument.
fn test(name: &'static str, argument: &'static str, value: Node) -> Node {
    let arguments = Node::Map(vec![(argument, value)]);
    Node::Map(vec![(name, Node::Map(vec![("arguments", arguments)]))])
}

fn freshness() -> Node {
    let after = |hours| Node::Map(vec![("count", Node::Number(hours)), ("period", "hour".into())]);
    let [warn, error] = STALE.map(after);
    Node::Map(vec![
        ("loaded_at_field", "observed_at".into()),
        (
            "freshness",
            Node::Map(vec![("warn_after", warn), ("error_after", error), ("filter", GOOD.into())]),
        ),
    ])
}
