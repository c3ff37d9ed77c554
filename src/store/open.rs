//! Opens databases: creates and migrates them, and refuses those of other programs.

use std::{borrow::Cow, cmp::Ordering, time::Duration};

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

use super::{
    conn::{Conn, Engine, Fault},
    dialect::MIGRATIONS,
    fault::{how_to_fill, storage_error},
    file::{
        create_private, is_nothing, opening_lock, refuse_hard_links, refuse_other_things,
        warn_of_network,
    },
    file_image::FileStamp,
    location::Location,
    server, statements,
};
use crate::{
    error::{Error, Kind, Result},
    system,
};

/// The table of applied migrations. Its own name keeps it distinct from that of another application.
pub const MIGRATIONS_TABLE: &str = "_heygen_sync_migrations";

/// The timeout for connecting to a server and reading which tables it has.
const OPENING: Duration = Duration::from_secs(30);

/// An open database.
#[derive(Debug)]
pub struct Store {
    pub(super) location: Location,
    pub(super) conn: Conn,
    /// The state of the file when it was copied into memory, if that copy is read.
    pub(super) copied: Option<FileStamp>,
    /// Whether a poll's transaction is open; on PostgreSQL it is the poll's lock.
    pub(super) in_transaction: bool,
}

/// Why nothing can be read.
#[derive(Debug)]
pub enum Unreadable {
    /// There is no catalogue at the location yet.
    NoCatalogue,
    /// The catalogue was written by another version of the program; with a message for people.
    OfAnotherVersion(Error),
    /// The database is locked, unreachable or too slow; with a message for people.
    Trouble(Error),
}

impl From<Error> for Unreadable {
    fn from(error: Error) -> Self {
        Self::Trouble(error)
    }
}

/// What is stored at a location.
enum Found {
    Nothing,
    Foreign(Vec<String>),
    Catalogue { version: i64 },
}

impl Store {
    /// Opens the database for polling: creates it if there is none, and migrates an older one.
    pub async fn open_to_write(location: &Location) -> Result<Self> {
        Self::open_for_writing(location, true).await
    }

    /// Opens an existing database for polling: it is migrated, never created.
    ///
    /// # Errors
    /// [`crate::error::Kind::Gone`] if there is no catalogue.
    pub async fn open_existing(location: &Location) -> Result<Self> {
        if location.file().is_some_and(is_nothing) {
            return Err(gone(location));
        }
        Self::open_for_writing(location, false).await
    }

    /// Opens an existing database for reading.
    ///
    /// # Errors
    /// [`crate::error::Kind::Gone`] if there is no catalogue.
    pub async fn open_existing_to_read(location: &Location) -> Result<Self> {
        Self::open_if_there(location).await?.ok_or_else(|| gone(location))
    }

    async fn open_for_writing(location: &Location, create: bool) -> Result<Self> {
        if let Some(path) = location.file() {
            refuse_other_things(path)?;
            refuse_hard_links(path)?;
            warn_of_network(path);
        }
        let _alone = opening_lock(location).await?;
        if let Some(path) = location.file().filter(|_| create) {
            create_private(path)
                .map_err(|fault| storage_error(location, "create", &Fault::Io(fault)))?;
        }
        let (mut store, found) = Self::connect(location, true).await?;
        match found {
            Found::Foreign(tables) => Err(store.foreign(&tables)),
            Found::Catalogue { version } if version > latest() => Err(newer(location, version)),
            Found::Catalogue { version } if version == latest() => Ok(store),
            Found::Nothing if !create => Err(gone(location)),
            Found::Nothing | Found::Catalogue { .. } => {
                store.migrate().await?;
                Ok(store)
            }
        }
    }

    /// Opens for reading: never creates, never migrates, never writes.
    pub async fn open_to_read(location: &Location) -> Result<Self> {
        match Self::open_if_there(location).await? {
            Some(store) => Ok(store),
            None => Err(Error::storage(format!(
                "there is no catalogue in {location} yet; {}",
                how_to_fill(location, system::is_root())
            ))),
        }
    }

    /// Like [`Self::open_to_read`], but returns `None` if there is no catalogue yet.
    pub async fn open_if_there(location: &Location) -> Result<Option<Self>> {
        match Self::open_readable(location).await {
            Ok(store) => Ok(Some(store)),
            Err(Unreadable::NoCatalogue) => Ok(None),
            Err(Unreadable::OfAnotherVersion(error) | Unreadable::Trouble(error)) => Err(error),
        }
    }

    /// Like [`Self::open_to_read`], but the error distinguishes why nothing can be read.
    pub async fn open_readable(location: &Location) -> Result<Self, Unreadable> {
        if let Some(path) = location.file() {
            if is_nothing(path) {
                return Err(Unreadable::NoCatalogue);
            }
            refuse_other_things(path)?;
        }
        let (store, found) = Self::connect(location, false).await?;
        match found {
            Found::Nothing => Err(Unreadable::NoCatalogue),
            Found::Foreign(tables) => Err(store.foreign(&tables).into()),
            Found::Catalogue { version } => match of_another_version(location, version) {
                Some(error) => Err(Unreadable::OfAnotherVersion(error)),
                None => Ok(store),
            },
        }
    }

    /// The location of the database.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Closes the connection; SQLite then writes its write-ahead log back into the file.
    pub async fn close(self) -> Result<()> {
        let Self { location, conn, .. } = self;
        conn.close().await.map_err(|fault| storage_error(&location, "close", &fault))
    }

    pub(super) fn storage_error(&self, doing: &str, fault: &Fault) -> Error {
        storage_error(&self.location, doing, fault)
    }

    /// Connects and reads what is stored there. Fails if a server accepts the connection and then does not
    /// answer in time.
    async fn connect(location: &Location, write: bool) -> Result<(Self, Found)> {
        let connected = async {
            let opened = Conn::open(location, write).await;
            let (conn, copied) = opened.map_err(|fault| storage_error(location, "open", &fault))?;
            let location = location.clone();
            let mut store = Self { location, conn, copied, in_transaction: false };
            let found = store.found().await?;
            Ok((store, found))
        };
        match location.file() {
            Some(_) => connected.await,
            None => {
                let silent = |_| {
                    Err(Error::storage(format!(
                        "cannot open {location}: it did not answer within {} s; check that the \
                         server is up and can be reached",
                        OPENING.as_secs()
                    )))
                };
                tokio::time::timeout(OPENING, connected).await.unwrap_or_else(silent)
            }
        }
    }

    async fn found(&mut self) -> Result<Found> {
        let engine = self.conn.engine();
        if engine.is_server() {
            self.check_schema().await?;
        }
        let tables = self.all(engine.tables(), &[], |row| row.some_text(0)).await?;
        if tables.is_empty() {
            return Ok(Found::Nothing);
        }
        if !tables.iter().any(|table| table == MIGRATIONS_TABLE) {
            return Ok(Found::Foreign(tables));
        }
        let version = self.one(statements::APPLIED, &[], |row| row.int(0)).await?.flatten();
        Ok(Found::Catalogue { version: version.unwrap_or(0) })
    }

    /// Checks that the encoding is UTF-8 and that the schema in the URL exists and is in force: some
    /// poolers silently drop the URL's options, and the tables would be created elsewhere.
    async fn check_schema(&mut self) -> Result<()> {
        let row = self.one(server::SCHEMA_AND_PATH, &[], |row| {
            Ok((row.text(0)?, row.text(1)?, row.text(2)?))
        });
        let (schema, path, encoding) = row.await?.unwrap_or_default();
        if encoding.as_deref().is_some_and(|encoding| encoding != "UTF8") {
            return Err(Error::storage(format!(
                "the encoding of {} is {}, which cannot hold every name; make a database with \
                 CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
                self.location,
                encoding.unwrap_or_default()
            )));
        }
        let plain = |path: &str| path.replace(['"', ' ', '\\'], "");
        let wanted = self.location.search_path();
        if let Some(wanted) =
            wanted.filter(|wanted| plain(wanted) != plain(&path.unwrap_or_default()))
        {
            return Err(Error::storage(format!(
                "{} does not take options[search_path]={wanted} from the URL (a pooler may drop it); \
                 set it on the server: ALTER ROLE … SET search_path = {wanted}",
                self.location
            )));
        }
        match schema {
            Some(_) => Ok(()),
            None => Err(Error::storage(format!(
                "the schema that search_path names does not exist in {}, or this user may not use \
                 it; create it first: CREATE SCHEMA …",
                self.location
            ))),
        }
    }

    async fn migrate(&mut self) -> Result<()> {
        let migrator = migrator(self.conn.engine());
        let done = self.conn.migrate(&migrator).await;
        done.map_err(|fault| match fault {
            sqlx::migrate::MigrateError::Execute(fault)
            | sqlx::migrate::MigrateError::ExecuteMigration(fault, _) => {
                self.storage_error("prepare the tables of", &fault)
            }
            other => {
                Error::storage(format!("cannot prepare the tables of {}: {other}", self.location))
            }
        })
    }

    fn foreign(&self, tables: &[String]) -> Error {
        let some: Vec<&str> = tables.iter().take(3).map(String::as_str).collect();
        let more = if tables.len() > 3 { ", …" } else { "" };
        let remedy = match self.location.file() {
            Some(_) => "give another file",
            None => {
                "use a separate schema: CREATE SCHEMA heygen, then add ?options[search_path]=heygen \
                 to the URL"
            }
        };
        Error::storage(format!(
            "{} contains other tables ({}{more}) and is not changed; {remedy}",
            self.location,
            some.join(", ")
        ))
    }
}

fn newer(location: &Location, version: i64) -> Error {
    Error::storage(format!(
        "{location} was written by a newer version of heygen-sync (its tables are of version \
         {version}, this program knows {}); upgrade this program",
        latest()
    ))
}

/// Why a reader cannot read tables of this version; `None` when it can.
pub(super) fn of_another_version(location: &Location, version: i64) -> Option<Error> {
    match version.cmp(&latest()) {
        Ordering::Equal => None,
        Ordering::Greater => Some(newer(location, version)),
        Ordering::Less => Some(Error::storage(format!(
            "{location} was written by an older version; `heygen-sync sync` upgrades it"
        ))),
    }
}

fn latest() -> i64 {
    MIGRATIONS.len() as i64
}

/// The migrations of one engine.
pub fn migrator(engine: Engine) -> Migrator {
    let steps =
        MIGRATIONS.into_iter().zip(engine.migrations()).zip(1..).map(|((name, text), version)| {
            let (name, text) = (Cow::Borrowed(name), text.into_sql_str());
            Migration::new(version, name, MigrationType::Simple, text, false)
        });
    let mut migrator = Migrator::with_migrations(steps.collect());
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    // A session's advisory lock would be lost behind a pooler; see `postgres::Client::migrate`.
    migrator.set_locking(false);
    migrator
}

fn gone(location: &Location) -> Error {
    Error::new(
        Kind::Gone,
        format!(
            "there is no catalogue in {location}, and none is created here: if it was there before, \
             mount its disk or restore it; `heygen-sync sync` without --existing begins a new \
             history"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_takes_the_connection_and_says_nothing_is_given_up() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        let location = Location::parse(&format!("postgres://me:secret@{address}/heygen")).unwrap();
        let taken = tokio::spawn(async move {
            let mut all = vec![];
            while let Ok((stream, _)) = silent.accept().await {
                all.push(stream);
            }
        });
        let written = Store::open_to_write(&location).await.unwrap_err();
        let read = Store::open_to_read(&location).await.unwrap_err();
        for error in [written, read] {
            assert_eq!(error.kind.exit_code(), 74);
            assert_eq!(
                error.message,
                format!(
                    "cannot open postgres://me@{address}/heygen: it did not answer within 30 s; \
                     check that the server is up and can be reached"
                )
            );
        }
        taken.abort();
    }
}
