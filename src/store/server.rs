//! What writers need beyond transactions where several of them share a server. A file has one writer
//! at a time, and needs none of it.

/// The statements of a server, by what they are for.
#[derive(Debug)]
pub struct ServerSql {
    /// The schema that new tables would go to; null when there is none.
    pub schema: &'static str,
    /// The same, with the search path in force and the database's encoding.
    pub schema_and_path: &'static str,
    /// Makes others wait who would migrate the same database.
    pub migration_lock: &'static str,
    /// Takes the poll's lock if it is free: (key).
    pub try_lock: &'static str,
    /// Who holds a lock: (high half of the key, low half).
    pub holder: &'static str,
    /// Ends the transaction of a writer that stalls, and nothing sooner: (milliseconds as text).
    pub idle_deadline: &'static str,
    /// Makes poll numbers follow the order of commits: writers of other accounts wait.
    pub lock_polls: &'static str,
    /// The time of the server, in milliseconds.
    pub time: &'static str,
    /// Holds the rows of a batch of assets, or fails at once: (URLs as JSON).
    pub hold_assets: &'static str,
    /// Moves the lease of what is under way: (URLs as JSON, until).
    pub renew_leases: &'static str,
    /// Mirrors that write down what they have do not keep each other out, but who removes files
    /// keeps out all of them, until the transaction ends (so that a pooler in transaction mode
    /// serves).
    pub lock_files_shared: &'static str,
    /// The same for who does not wait: whether it was free.
    pub try_lock_files_shared: &'static str,
    /// The same for who removes files.
    pub lock_files: &'static str,
}

impl ServerSql {
    /// Every statement, by name.
    pub fn all(&self) -> Vec<(&'static str, &'static str)> {
        // All fields, so that the compiler asks for a new one.
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
