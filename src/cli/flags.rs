//! Values of flags that several commands share.

use crate::{
    error::{Error, Result},
    time::Timestamp,
};

/// A time as a flag takes it: a time, a date, how long ago (`7d`, `90m`), or `now`.
pub(super) fn time_or_ago(text: &str, now: Timestamp) -> Result<Timestamp> {
    if text == "now" {
        return Ok(now);
    }
    if let Some(time) = Timestamp::parse(text) {
        return Ok(time);
    }
    humantime::parse_duration(text).map(|ago| now.minus(ago)).map_err(|_| {
        Error::usage(format!(
            "'{text}' is neither a time (2026-11-23, 2026-11-23T05:57:09Z, now) nor how long ago (7d, 90m)"
        ))
    })
}
