//! The only module that knows SQL.
//!
//! - [`location`]: what `database` may say
//! - [`conn`]: one connection, two engines; the file that dispatches between [`sqlite`] and
//!   [`postgres`], whose SQL differs by a [`dialect`]
//! - [`value`]: arguments and faults of both engines
//! - [`bulk`]: many rows in few statements
//! - [`open`]: opening, migrating, refusing what is not ours
//! - `file_image`: a file that SQLite cannot read in place
//! - [`host`]: how this process is called elsewhere
//! - [`lock`]: one poll at a time (rule 12)
//! - [`table`]: the one description of the tables and views
//! - [`record`]: rows as structs
//! - [`declared`]: every statement, for a test; `registry` is how they are declared
//! - [`row`]: the row of a poll
//! - [`snapshot`]: tables → what the diff compares with
//! - [`outcome`]: what a poll writes
//! - [`mod@write`]: a diff → tables, in one transaction (rule 1)
//! - [`archived`]: what an archive keeps of `polls`
//! - [`audit`]: tables → what `verify` judges, read [`exact`]ly
//! - [`past`]: how the API has answered an account
//! - [`queue`]: the mirror's queue
//! - [`query`]: what the commands ask
//! - [`known`]: which accounts and items there are
//! - [`search`]: by what items are found
//! - [`lookup`]: items by words and values
//! - [`outbox`]: notices that wait to be delivered
//! - [`ahead`]: what the daemon plans by
//! - [`figures`]: what the metrics tell
//! - [`copy`]: a whole database → an empty one
//! - [`mod@publish`]: a whole database → one file for readers
//! - [`browse`]: what the gallery asks
//! - [`export`]: the catalogue as it was at any time, read at one point in time
//!
//! It does not know HTTP, the rules of history or how anything is printed.

pub mod accept;
pub mod ahead;
pub mod archived;
pub mod ask;
pub mod audit;
pub mod bounded;
pub mod browse;
pub mod bulk;
pub mod conn;
pub mod copy;
pub mod declared;
pub mod dialect;
pub mod exact;
pub mod export;
pub mod fault;
pub mod figures;
mod file_image;
mod held;
pub mod host;
pub mod ids;
pub mod json_text;
pub mod known;
pub mod location;
pub mod lock;
pub mod lookup;
pub mod open;
pub mod outbox;
pub mod past;
pub mod postgres;
pub mod publish;
pub mod query;
pub mod queue;
pub mod record;
mod registry;
pub mod report;
pub mod row;
pub mod search;
pub mod server;
pub mod snapshot;
pub mod sqlite;
pub mod statements;
pub mod table;
pub mod value;
pub mod write;

pub use location::Location;
pub use lock::Session;
pub use open::Store;
