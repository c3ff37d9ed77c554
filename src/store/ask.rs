//! Runs a SELECT from outside: read-only, with a limit on its rows, and without signed links.
//!
//! The engine keeps it read-only (see [`super::bounded`]). It cannot read the links: common table
//! expressions shadow the tables and views with links, with NULL for the links. The query is parsed first,
//! and refused unless it is known not to bypass them: it may only select from our tables by their plain
//! names and call functions that read nothing else. What runs is the parsed query, rendered as SQL again.

use std::{collections::BTreeSet, ops::ControlFlow, thread};

use serde_json::{Map, Value as Json};
use sqlparser::{
    ast::{Cte, Expr, Ident, ObjectName, Query, SetExpr, Statement, TableFactor, Visit, Visitor},
    parser::{Parser, ParserError},
    tokenizer::{Token, TokenWithSpan, Tokenizer},
};
use sqlx::AssertSqlSafe;

use super::{
    conn::{Engine, Fault, Row},
    open::Store,
    table::{self, Table},
};
use crate::{
    catalog::kind::Kind,
    error::{Error, Result},
};

/// Functions that read nothing but their arguments, on either engine: a text for each group.
const FUNCTIONS: [&str; 5] = [
    // Aggregate and window functions.
    "array_agg avg bool_and bool_or count cume_dist dense_rank every first_value group_concat \
     json_agg json_group_array json_group_object json_object_agg jsonb_agg jsonb_object_agg lag \
     last_value lead max min nth_value ntile percent_rank percentile_cont percentile_disc rank \
     row_number string_agg sum total",
    // Text and values.
    "ascii char_length character_length chr coalesce concat concat_ws encode glob greatest hex \
     ifnull iif initcap instr least left length like lower ltrim nullif octet_length quote replace \
     reverse right rtrim split_part starts_with strpos substr substring translate trim typeof \
     unicode upper",
    // Numbers.
    "abs ceil ceiling floor mod power round sign sqrt",
    // Times.
    "age current_date current_timestamp date date_part date_trunc datetime julianday now strftime \
     time to_char to_timestamp unixepoch",
    // JSON and arrays.
    "array_length array_to_string json_array_length json_each json_extract json_tree json_type \
     json_valid jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_each \
     jsonb_each_text jsonb_object_keys jsonb_typeof unnest",
];

/// The maximum number of tokens of a query: each term of a chain such as `1+1+1` is a level of the parsed
/// query, which takes space on the stack.
const MOST_TOKENS: usize = 2_000;

/// The stack size for a query of this many levels, in bytes; a level takes some kilobytes in a debug build.
const STACK: usize = 64 << 20;

/// The maximum size of a value that a query may produce on SQLite, in bytes.
const LONGEST_VALUE: i32 = 1 << 20;

impl Store {
    /// Returns the first `limit` rows of a query, each as an object by column.
    ///
    /// # Errors
    /// [`crate::error::Kind::Usage`] for a query that is refused or that the database rejects.
    pub async fn select(&mut self, sql: &str, limit: usize) -> Result<Vec<Map<String, Json>>> {
        let text = to_run(self.conn.engine(), sql, limit)?;
        let limited = self.conn.limit_values(LONGEST_VALUE).await;
        limited.map_err(|fault| self.storage_error("read", &fault))?;
        let rows = self.conn.all(AssertSqlSafe(text), &[], Row::object).await;
        rows.map_err(|fault| rejected(&fault))
    }
}

/// Returns why the database rejects the query, without the value if one cannot be converted.
fn rejected(fault: &Fault) -> Error {
    let (code, message) = match fault.as_database_error() {
        Some(fault) => (fault.code().unwrap_or_default(), fault.message().to_owned()),
        None => ("".into(), fault.to_string()),
    };
    Error::usage(match () {
        () if ["interrupted", "statement timeout"].iter().any(|word| message.contains(word)) => {
            "the query took too long: restrict it or add a LIMIT".to_owned()
        }
        // SQLSTATE class 22: data exceptions.
        () if code.len() == 5 && code.starts_with("22") => {
            format!("the database rejects the query: a value cannot be converted ({code})")
        }
        () => format!("the database rejects the query: {message}"),
    })
}

/// Returns the SQL to run for a query, which is parsed, checked and rendered on a stack of its own.
fn to_run(engine: Engine, sql: &str, limit: usize) -> Result<String> {
    let parse = || parse_allowed(engine, sql).map(|query| wrapped(engine, &query, limit));
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, parse);
        let ended = thread.map_err(Error::unforeseen)?.join();
        ended.map_err(|_| Error::usage("the query cannot be read"))?
    })
}

/// Parses the query; fails unless it is a single SELECT that reads only our tables.
fn parse_allowed(engine: Engine, sql: &str) -> Result<Statement> {
    let unreadable = |fault| Error::usage(format!("the query cannot be read: {fault}"));
    let tokens = Tokenizer::new(engine.parser(), sql).tokenize_with_location();
    let tokens = tokens.map_err(|fault| unreadable(ParserError::from(fault)))?;
    let is_space = |token: &&TokenWithSpan| matches!(token.token, Token::Whitespace(_));
    let count = tokens.len() - tokens.iter().filter(is_space).count();
    if count > MOST_TOKENS {
        return Err(Error::usage(format!(
            "the query has {count} tokens, more than {MOST_TOKENS}: split it"
        )));
    }
    let mut parser = Parser::new(engine.parser()).with_tokens_with_locations(tokens);
    let mut parsed = parser.parse_statements().map_err(unreadable)?;
    let statement = match (parsed.pop(), parsed.is_empty()) {
        (Some(statement @ Statement::Query(_)), true) => statement,
        _ => return Err(Error::usage("only one SELECT is allowed (it may begin with WITH)")),
    };
    let mut names = TableNames(table::all().map(|table| table.name.to_owned()).collect());
    let visited = statement.visit(&mut names);
    let visited =
        if visited.is_continue() { statement.visit(&mut TableCheck(names.0)) } else { visited };
    match visited {
        ControlFlow::Continue(()) => Ok(statement),
        ControlFlow::Break(what) => Err(Error::usage(format!(
            "the query has {what}, which is not allowed: use the tables and views of the tool \
             schema by their plain names, and common functions"
        ))),
    }
}

/// Returns a name in lower case, as the engines compare names.
fn folded(name: &Ident) -> String {
    name.value.to_lowercase()
}

/// Returns a name in lower case; `None` unless it has a single part.
fn plain(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(folded),
        _ => None,
    }
}

fn is_allowed(function: &str) -> bool {
    FUNCTIONS.iter().any(|group| group.split(' ').any(|name| name == function))
}

/// The tables that a query may name: ours, and its own common table expressions.
struct TableNames(BTreeSet<String>);

impl Visitor for TableNames {
    type Break = String;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        for Cte { alias, .. } in query.with.iter().flat_map(|with| &with.cte_tables) {
            let name = folded(&alias.name);
            // Outside the scope of the definition, such a name would refer to a table of the engine.
            if name.contains("pg_") || name.starts_with("sqlite") || name.starts_with("pragma") {
                return ControlFlow::Break(format!("the name {name}"));
            }
            self.0.insert(name);
        }
        ControlFlow::Continue(())
    }
}

/// Stops at the first part of a query that is not known to read only these tables.
struct TableCheck(BTreeSet<String>);

impl TableCheck {
    fn relation(&self, name: &ObjectName) -> ControlFlow<String> {
        match plain(name).is_some_and(|name| self.0.contains(&name)) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(format!("the table {name}")),
        }
    }

    fn function(name: &ObjectName) -> ControlFlow<String> {
        match plain(name).is_some_and(|name| is_allowed(&name)) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(format!("the function {name}")),
        }
    }

    fn body(body: &SetExpr) -> ControlFlow<String> {
        match body {
            SetExpr::Select(select) if select.into.is_none() => ControlFlow::Continue(()),
            SetExpr::Query(_) | SetExpr::Values(_) => ControlFlow::Continue(()),
            SetExpr::SetOperation { left, right, .. } => {
                Self::body(left)?;
                Self::body(right)
            }
            other => ControlFlow::Break(format!("{other}")),
        }
    }
}

impl Visitor for TableCheck {
    type Break = String;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        Self::body(&query.body)
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<String> {
        match factor {
            TableFactor::Table { name, args: None, .. } => self.relation(name),
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                Self::function(name)
            }
            TableFactor::Derived { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::UNNEST { .. } => ControlFlow::Continue(()),
            other => ControlFlow::Break(format!("{other}")),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
        match expr {
            Expr::Function(function) => Self::function(&function.name),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn wrapped(engine: Engine, query: &Statement, limit: usize) -> String {
    let hidden: Vec<String> = table::all().filter_map(|table| shadow(engine, table)).collect();
    let (hidden, rows) = (hidden.join(", "), engine.as_object("answer"));
    format!("WITH {hidden} SELECT {rows} FROM ({query}) AS answer LIMIT {limit}")
}

/// Returns the expression that shadows a table, with NULL for signed links; `None` if it has no links.
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
    let own = engine.own_table(table.name);
    Some(format!("{} AS (SELECT {columns} FROM {own})", table.name))
}

#[cfg(test)]
mod tests;
