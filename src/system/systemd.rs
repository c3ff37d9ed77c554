//! What is told to systemd over its notify socket; nothing where there is none.

use std::time::Duration;

use sd_notify::NotifyState;

/// It is up: the database is open and the address is listened at.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// What it is waiting for or doing, in a line.
pub fn status(text: &str) {
    tell(&[NotifyState::Status(text)]);
}

/// It works.
pub fn watchdog() {
    tell(&[NotifyState::Watchdog]);
}

/// It reads its configuration anew; [`ready`] ends this.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// It ends, and may take this long.
pub fn stopping(most: Duration) {
    let micros = u32::try_from(most.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(micros)]);
}

/// How often it must say that it works: half of what systemd waits for.
pub fn watchdog_every() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|most| most / 2).filter(|every| !every.is_zero())
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(fault) = sd_notify::notify(states) {
        tracing::debug!("cannot tell systemd: {fault}");
    }
}
