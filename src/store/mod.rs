//! The only module that contains SQL.
//!
//! - [`location`]: the values that the setting `database` may have
//! - [`conn`]: one connection to either engine; the file that dispatches between [`sqlite`] and
//!   [`postgres`], whose SQL differs by a [`dialect`]
//! - [`value`]: arguments and faults of both engines; [`fault`] turns faults into messages
//! - [`bulk`]: many rows in few statements
//! - [`open`]: opens and migrates a database, and refuses those of other programs
//! - `file`: the file of a SQLite database, before SQLite opens it
//! - `file_image`: copies of files that SQLite cannot read in place
//! - [`host`]: the name of this process in lists of connections
//! - [`lock`]: one poll at a time (rule 12)
//! - [`table`]: the one description of the tables and views
//! - `read`: reading with errors that name the location
//! - [`record`]: rows as structs
//! - [`declared`]: every statement, for a test; `registry` is the macro that declares them
//! - [`row`]: the row of a poll
//! - [`snapshot`]: reads from the tables what the diff compares with
//! - [`report`]: the report of a poll
//! - [`change`]: a row of the change feed, and the filter of these rows
//! - [`mod@write`]: writes a diff to the tables, in one transaction (rule 1)
//! - `links`: links → `assets`
//! - [`archived`]: what an archive stores of `polls`
//! - [`audit`]: reads from the tables what `verify` checks, [`exact`]ly as stored
//! - [`past`]: how the API has answered an account
//! - [`queue`]: the mirror's queue
//! - [`query`]: queries of the commands
//! - [`statements`]: statements that several files share; [`server`]: those for several writers on a server
//! - `held`: the removals that a poll held; [`accept`]: the command that lets them through
//! - [`ask`]: queries of agents, judged before they are run
//! - [`status`]: the status of catalogues and previews
//! - [`known`]: the accounts and items in the database
//! - [`search`]: the text that items are searched by
//! - [`lookup`]: items by words and values
//! - [`outbox`]: notices that wait to be delivered
//! - [`ahead`]: what the daemon plans its work by
//! - [`figures`]: the values of the metrics
//! - [`copy`]: copies a whole database into an empty one
//! - [`mod@publish`]: copies a whole database into one file for readers
//! - [`browse`]: queries of the gallery
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
pub mod change;
pub mod conn;
pub mod copy;
pub mod declared;
pub mod dialect;
pub mod exact;
pub mod export;
pub mod fault;
pub mod figures;
mod file;
mod file_image;
mod held;
pub mod host;
pub mod ids;
pub mod json_text;
pub mod known;
mod links;
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
mod read;
pub mod record;
mod registry;
pub mod report;
pub mod row;
pub mod search;
pub mod server;
pub mod snapshot;
pub mod sqlite;
pub mod statements;
pub mod status;
pub mod table;
pub mod value;
pub mod write;

pub use location::Location;
pub use lock::Session;
pub use open::Store;
