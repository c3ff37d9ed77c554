//! Notices: reports what polls find, once to each configured receiver.
//!
//! [`drafts`] creates a poll's notices for each receiver: a pure function that the poll calls
//! within its transaction, so that a notice exists exactly if its poll does. [`report_stale`] reports
//! that there has been no good poll for long. [`deliver()`] empties the outbox after a round: for
//! each receiver in order, at least once, and for a limited time. [`Pings`] inform a monitor that a
//! run began and how it ended. Knows neither SQL nor how a list is polled.

mod command;
mod deliver;
mod email;
mod ending;
mod fields;
mod message;
mod news;
mod ping;
mod sample;
mod sender;
mod stale;
mod webhook;
mod words;

pub use self::{
    deliver::{Delivered, LONGEST_RUN, deliver},
    message::{MOST_BYTES, drafts},
    ping::Pings,
    sample::send_sample,
    stale::report_stale,
};
