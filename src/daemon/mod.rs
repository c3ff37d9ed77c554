//! The daemon: does the work when it is due, until it is told to stop.
//!
//! - `service`: waits for what is due, for the work and for the database, and hears signals meanwhile
//! - [`schedule`]: when the slots are (pure)
//! - [`plan`]: what is due next (pure)
//! - [`timer`]: says when it is time to look
//! - [`signals`]: what it is told
//! - [`health`]: whether it is getting on
//! - [`systemd`]: what it tells the service manager
//! - [`http`]: `/metrics`, `/livez`, `/readyz`
//!
//! One loop waits, or waits for the one piece of work that is under way: two can never overlap. What
//! the work is (polls, notices, the mirror) comes in as a callback, the same function that a one-shot
//! `sync` runs; nothing here knows how a list is polled.

pub mod health;
pub mod http;
pub mod plan;
pub mod schedule;
mod service;
pub mod signals;
pub mod timer;

pub use self::service::Setup;
use self::{
    plan::Work,
    service::{Busy, Service},
};
use crate::{config::Config, error::Result, store::ahead::Ahead};

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With all work done or cleanly left.
    Well,
    /// At once, by a second signal.
    AtOnce,
}

/// Runs until a signal ends it. `look` asks what lies ahead, `work` does what is due, `reload` reads
/// the configuration.
///
/// # Errors
/// What keeps it from starting: configuration, address, database. Later only
/// [`crate::error::Kind::Gone`], from `look`.
pub async fn run(
    setup: Setup,
    look: impl AsyncFn(&Config) -> Result<Ahead>,
    work: impl AsyncFn(&Config, Work),
    reload: impl Fn() -> Result<Config>,
) -> Result<Ended> {
    let Some(mut service) = Service::start(setup, &look, &reload).await? else {
        return Ok(Ended::Well);
    };
    loop {
        let Some(due) = service.idle(&look).await? else { return Ok(Ended::Well) };
        // What is due ahead of a slot may have been done by somebody else meanwhile.
        if due != Work::Poll {
            if !service.look(&look).await? {
                return Ok(Ended::Well);
            }
            if !service.is_due(due) {
                continue;
            }
        }
        let config = service.config();
        match service.busy(Box::pin(work(&config, due))).await {
            Busy::AtOnce => {
                tracing::warn!(
                    "told to stop once more: what was under way is left at once and wrote nothing; \
                     what was committed before stands"
                );
                return Ok(Ended::AtOnce);
            }
            Busy::Abandoned => {
                tracing::warn!(
                    "what was under way is abandoned and wrote nothing; what was committed before stands"
                );
                return Ok(Ended::Well);
            }
            Busy::Done => {}
        }
        if !service.done(due) || !service.look(&look).await? {
            return Ok(Ended::Well);
        }
    }
}
