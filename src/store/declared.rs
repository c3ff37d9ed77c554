//! The SQL statements of the store, except those that are built for one use: bulk writes, copies of whole
//! databases, the pages of the gallery.

use sqlx::{SqlSafeStr, SqlStr};

use super::{
    ahead, archived, audit, conn::Engine, export, figures, held, ids, known, outbox, past, publish,
    queue, registry::Declared, server, statements, status,
};

/// Returns all statements for an engine, with their names.
pub fn all(engine: Engine) -> Vec<(String, SqlStr)> {
    let files: [&[Declared]; 15] = [
        ahead::STATEMENTS,
        archived::STATEMENTS,
        audit::section::STATEMENTS,
        audit::sql::STATEMENTS,
        export::STATEMENTS,
        figures::STATEMENTS,
        held::STATEMENTS,
        ids::STATEMENTS,
        known::STATEMENTS,
        outbox::STATEMENTS,
        past::STATEMENTS,
        publish::STATEMENTS,
        queue::sql::STATEMENTS,
        statements::STATEMENTS,
        status::STATEMENTS,
    ];
    let server = if engine.is_server() { server::STATEMENTS } else { &[] };
    let shared = files.into_iter().flatten().chain(server).flat_map(|declared| declared(engine));
    let own = [("tables", engine.tables()), ("size", engine.size())].into_iter();
    shared.chain(own.map(|(name, sql)| (name.to_owned(), sql.into_sql_str()))).collect()
}
