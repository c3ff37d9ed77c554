//! What polls find, told once to whoever is configured.
//!
//! [`drafts`] says what a poll has to tell each receiver: a pure function that the poll calls within
//! its transaction, so that a notice stands exactly where its poll does. [`tell_stale`] writes that no
//! good poll has come. [`deliver`] empties the outbox after a round: for each receiver in order, at
//! least once, a few tries' worth of time and no more. [`Pings`] tell a monitor that a run began and
//! how it ended. It does not know SQL, nor how a list is polled.

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
    stale::tell_stale,
};
