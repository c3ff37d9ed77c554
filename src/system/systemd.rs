//! Notifications to systemd over its notify socket; without a socket they do nothing.

use std::time::Duration;

use sd_notify::NotifyState;

/// Reports that the daemon is up: the database is open and the address is bound.
pub fn ready() {
    send(&[NotifyState::Ready]);
}

/// Reports what the daemon is waiting for or doing, in one line.
pub fn status(text: &str) {
    send(&[NotifyState::Status(text)]);
}

/// Reports that the daemon works.
pub fn watchdog() {
    send(&[NotifyState::Watchdog]);
}

/// Reports that the configuration is being reloaded; [`ready`] ends this.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(_) => send(&[NotifyState::Reloading]),
    }
}

/// Reports that the daemon is stopping, which may take up to `most`.
pub fn stopping(most: Duration) {
    let micros = u32::try_from(most.as_micros()).unwrap_or(u32::MAX);
    send(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(micros)]);
}

/// Returns how often [`watchdog`] must be called: at half of systemd's timeout.
pub fn watchdog_every() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|most| most / 2).filter(|every| !every.is_zero())
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(fault) = sd_notify::notify(states) {
        tracing::debug!("cannot notify systemd: {fault}");
    }
}
