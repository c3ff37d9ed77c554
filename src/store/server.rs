//! SQL for the concurrent writers of a server, beyond transactions: PostgreSQL only. A file has one writer at
//! a time, and needs none of it.

use std::time::Duration;

use super::{
    conn::{Conn, Fault},
    registry::register,
};

register! {
    /// The schema in which new tables are created; NULL if there is none.
    pub const SCHEMA = "SELECT current_schema()::text";

    /// The same, with the search path in force and the database's encoding.
    pub const SCHEMA_AND_PATH = "SELECT current_schema()::text, \
         current_setting('search_path'), current_setting('server_encoding')";

    /// Takes the poll's lock if it is free: (key).
    pub const TRY_LOCK = "SELECT pg_try_advisory_xact_lock($1)";

    /// Who holds a lock: (high half of the key, low half).
    pub const HOLDER = "SELECT a.application_name, host(a.client_addr), a.xact_start \
         FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND l.classid::bigint = $1 AND l.objid::bigint = $2";

    /// Makes the server end the open transaction if it stalls this long, not sooner: (milliseconds as
    /// text).
    const IDLE_DEADLINE = "SELECT set_config('idle_in_transaction_session_timeout', $1, true), \
         set_config('statement_timeout', $1, true)";

    /// Locks `polls`: writers of other accounts wait, so that poll numbers follow the order of commits.
    pub const LOCK_POLLS = "LOCK TABLE polls IN SHARE ROW EXCLUSIVE MODE";

    /// The time of the server, in milliseconds.
    pub const TIME = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";

    /// Locks the rows of a batch of assets, or fails at once: (URLs as JSON).
    pub const HOLD_ASSETS = "SELECT url FROM assets \
         WHERE url IN (SELECT jsonb_array_elements_text($1::jsonb)) FOR UPDATE NOWAIT";

    /// Extends leases: (URLs as JSON, until).
    pub const RENEW_LEASES = "UPDATE assets SET next_attempt_at = $2 WHERE url IN \
         (SELECT url FROM assets WHERE url IN (SELECT jsonb_array_elements_text($1::jsonb)) \
          FOR UPDATE SKIP LOCKED)";

    /// Takes the shared lock of mirrors that record files, until the transaction ends (so that it works
    /// behind a pooler in transaction mode). Mirrors do not exclude each other; a process that removes
    /// files excludes all of them.
    pub const LOCK_FILES_SHARED = "SELECT pg_advisory_xact_lock_shared(\
         hashtextextended('heygen-sync files ' || current_schema(), 0))::text";

    /// The same without waiting; returns whether the lock was free.
    pub const TRY_LOCK_FILES_SHARED = "SELECT pg_try_advisory_xact_lock_shared(\
         hashtextextended('heygen-sync files ' || current_schema(), 0))";

    /// The same for a process that removes files: the exclusive lock.
    pub const LOCK_FILES = "SELECT pg_advisory_xact_lock(\
         hashtextextended('heygen-sync files ' || current_schema(), 0))::text";
}

impl Conn {
    /// Makes a server end the open transaction, for which others may wait, if it is idle or runs a
    /// statement for longer than `deadline`, and not earlier. No effect on SQLite.
    pub async fn expect_progress(&mut self, deadline: Duration) -> Result<(), Fault> {
        if !self.engine().is_server() {
            return Ok(());
        }
        let deadline = deadline.as_millis().to_string();
        self.execute(IDLE_DEADLINE, &[deadline.into()]).await.map(drop)
    }
}
