//! The mirror: saves every preview before its link expires.
//!
//! - `settings`: the settings of a run
//! - [`plan`]: the meaning of an answer (pure)
//! - [`fetch`]: one download
//! - [`request`]: the requests, for the gallery too
//! - [`whole`]: one download into memory, for the gallery
//! - [`guard`]: the hosts and addresses that are allowed
//! - [`pace`]: the rate of requests
//! - [`sniff`]: the type of a body
//! - [`spool`]: a body while it is received
//! - [`blob`]: the store
//! - `s3`: the client of a bucket
//! - [`workspace`]: how files are written into a folder
//! - [`audit`]: checks the stored files, and finds those that are no longer needed
//!
//! [`run()`] works through the queue: leases entries of the table `assets`, downloads them
//! concurrently, and writes results in batches, each row only after its file is durable. It does
//! not know how a list is polled: a callback requests a fresh one. The clock is an argument.

pub mod audit;
pub mod blob;
pub mod fetch;
pub mod guard;
pub mod pace;
pub mod plan;
pub mod request;
mod run;
mod s3;
mod settings;
pub mod sniff;
pub mod spool;
mod summary;
pub mod whole;
pub mod workspace;

pub use self::{
    blob::Blobs,
    run::{LONGEST_STEP, run},
    settings::MirrorSettings,
    summary::{MirrorProgress, Summary},
};
