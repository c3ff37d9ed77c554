//! The daemon: does the work when it is due, until a signal stops it.
//!
//! - `service`: waits for due work, running work and the database, and handles signals meanwhile
//! - [`schedule`]: the times of the slots (pure)
//! - [`plan`]: the work that is due next (pure)
//! - [`timer`]: wakes the loop
//! - [`signals`]: the signals that the daemon handles
//! - [`health`]: whether the daemon makes progress
//! - [`crate::system::systemd`]: notifications to the service manager
//! - [`http`]: `/metrics`, `/livez`, `/readyz`
//!
//! One loop either waits or runs one piece of work, so two pieces never overlap. The work itself
//! (polls, notices, the mirror) is a callback, the same function that a one-shot `sync` runs;
//! nothing here knows how a list is polled.

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

/// How the daemon ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All work was done, or abandoned without effect.
    Well,
    /// Immediately, on a second signal.
    AtOnce,
}

/// Runs until a signal stops it. `look` reads when work will be due, `work` does the due work,
/// `reload` reads the configuration.
///
/// # Errors
/// Any error that prevents the start: configuration, address, database. After the start only
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
        // Work that is due ahead of a slot may have been done by another process meanwhile.
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
                    "second stop signal: the current work is abandoned at once and wrote nothing; \
                     what was committed before is kept"
                );
                return Ok(Ended::AtOnce);
            }
            Busy::Abandoned => {
                tracing::warn!(
                    "the current work is abandoned and wrote nothing; what was committed before is kept"
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
