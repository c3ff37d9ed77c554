//! The SQL statements of the store, except those that are built for one use: bulk writes, copies of whole
//! databases, the pages of the gallery.

use sqlx::{SqlSafeStr, SqlStr};

use super::{
    ahead, audit, conn::Engine, export, figures, ids, outbox, publish, queue, registry::Declared,
    server, statements,
};

/// Returns all statements for an engine, with their names.
pub fn all(engine: Engine) -> Vec<(String, SqlStr)> {
    let files: [&[Declared]; 10] = [
        ahead::STATEMENTS,
        audit::section::STATEMENTS,
        audit::sql::STATEMENTS,
        export::STATEMENTS,
        figures::STATEMENTS,
        ids::STATEMENTS,
        outbox::STATEMENTS,
        publish::STATEMENTS,
        queue::sql::STATEMENTS,
        statements::STATEMENTS,
    ];
    let server = if engine.is_server() { server::STATEMENTS } else { &[] };
    let shared = files.into_iter().flatten().chain(server).flat_map(|declared| declared(engine));
    let own = [("tables", engine.tables()), ("size", engine.size())].into_iter();
    shared.chain(own.map(|(name, sql)| (name.to_owned(), sql.into_sql_str()))).collect()
}
