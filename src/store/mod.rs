//! The only room that knows SQL.
//!
//! - [`location`]: what `database` may say
//! - [`conn`]: one connection, two engines
//! - [`bulk`]: many rows in few statements
//! - [`open`]: opening, migrating, refusing what is not ours
//! - [`lock`]: one poll at a time (rule 12)
//! - [`table`]: the one description of the tables and views
//! - [`record`]: rows as structs
//! - [`row`]: the row of a poll
//! - `packed`: many rows of SQLite in one
//! - [`standing`]: tables → what the diff compares with
//! - [`mod@write`]: a diff → tables, in one transaction (rule 1)
//! - [`archived`]: what an archive keeps of `polls`
//! - [`audit`]: tables → what `verify` judges, read [`exact`]ly
//! - [`past`]: how the API has answered an account
//! - [`queue`]: the mirror's queue
//! - [`query`]: what the commands ask
//! - [`known`]: which accounts and items there are
//! - [`reissue`]: candidates for items that go on under another id
//! - [`outbox`]: notices that wait to be delivered
//! - [`ahead`]: what the daemon plans by
//! - [`figures`]: what the metrics tell
//! - [`copy`]: a whole database → an empty one
//! - [`browse`]: what the gallery asks
//! - [`export`]: the catalogue as it was at any time, read at one point in time
//!
//! It does not know HTTP, the rules of history or how anything is printed.

pub mod ahead;
pub mod archived;
pub mod audit;
pub mod browse;
pub mod bulk;
pub mod conn;
pub mod copy;
pub mod exact;
pub mod export;
pub mod fault;
pub mod figures;
pub mod known;
pub mod location;
pub mod lock;
pub mod open;
pub mod outbox;
mod packed;
pub mod past;
pub mod query;
pub mod queue;
pub mod record;
pub mod reissue;
pub mod row;
pub mod standing;
pub mod statements;
pub mod table;
pub mod write;

pub use location::Location;
pub use lock::Session;
pub use open::Store;
