//! SQL that several writers need on one server, beyond transactions. A file has one writer at a time, and
//! needs none of it.

/// The statements of a server, by what they are for.
#[derive(Debug)]
pub struct ServerSql {
    /// The schema in which new tables are created; NULL if there is none.
    pub schema: &'static str,
    /// The same, with the search path in force and the database's encoding.
    pub schema_and_path: &'static str,
    /// Takes the lock of a migration, so that other migrations of the same database wait.
    pub migration_lock: &'static str,
    /// Takes the poll's lock if it is free: (key).
    pub try_lock: &'static str,
    /// Who holds a lock: (high half of the key, low half).
    pub holder: &'static str,
    /// Makes the server end the open transaction if it stalls this long, not sooner: (milliseconds as
    /// text).
    pub idle_deadline: &'static str,
    /// Locks `polls`: writers of other accounts wait, so that poll numbers follow the order of commits.
    pub lock_polls: &'static str,
    /// The time of the server, in milliseconds.
    pub time: &'static str,
    /// Locks the rows of a batch of assets, or fails at once: (URLs as JSON).
    pub hold_assets: &'static str,
    /// Extends leases: (URLs as JSON, until).
    pub renew_leases: &'static str,
    /// Takes the shared lock of mirrors that record files, until the transaction ends (so that it works
    /// behind a pooler in transaction mode). Mirrors do not exclude each other; a process that removes
    /// files excludes all of them.
    pub lock_files_shared: &'static str,
    /// The same without waiting; returns whether the lock was free.
    pub try_lock_files_shared: &'static str,
    /// The same for a process that removes files: the exclusive lock.
    pub lock_files: &'static str,
}

impl ServerSql {
    /// Every statement, by name.
    pub fn all(&self) -> Vec<(&'static str, &'static str)> {
        // Names all fields, so that the compiler reports a missing one.
        let Self {
            schema,
            schema_and_path,
            migration_lock,
            try_lock,
            holder,
            idle_deadline,
            lock_polls,
            time,
            hold_assets,
            renew_leases,
            lock_files_shared,
            try_lock_files_shared,
            lock_files,
        } = self;
        vec![
            ("schema", schema),
            ("schema_and_path", schema_and_path),
            ("migration_lock", migration_lock),
            ("try_lock", try_lock),
            ("holder", holder),
            ("idle_deadline", idle_deadline),
            ("lock_polls", lock_polls),
            ("time", time),
            ("hold_assets", hold_assets),
            ("renew_leases", renew_leases),
            ("lock_files_shared", lock_files_shared),
            ("try_lock_files_shared", try_lock_files_shared),
            ("lock_files", lock_files),
        ]
    }
}
