//! The sections `[daemon]`, `[metrics]` and `[log]`: when it polls by itself, and how it is watched.
//!
//! What a schedule means is said by the daemon; here it is only refused when it cannot be read.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::values;
use crate::error::{Error, Result};

/// The section `[daemon]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Daemon {
    /// A cron expression of 5 or 6 fields, or `@hourly` and the like.
    #[serde(deserialize_with = "schedule")]
    pub schedule: String,
    /// The zone whose clock the schedule means.
    #[serde(deserialize_with = "timezone")]
    pub timezone: String,
    /// The longest that a poll is put off after its slot, by chance.
    #[serde(deserialize_with = "values::wait", serialize_with = "values::write_time")]
    pub jitter: Duration,
    /// Where metrics and health are told.
    pub listen: String,
    /// How long what is under way may take after it was told to stop.
    #[serde(deserialize_with = "values::wait", serialize_with = "values::write_time")]
    pub stop_time: Duration,
}

/// The section `[metrics]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// The file that a `sync` leaves its metrics in; `None` leaves none.
    pub textfile: Option<PathBuf>,
}

/// The section `[log]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How the log is written.
    pub format: LogFormat,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Text, Self::Json];

    /// As it is written in `config.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl Serialize for LogFormat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for LogFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        values::one_of(deserializer, Self::ALL, Self::as_str)
    }
}

impl Default for Daemon {
    fn default() -> Self {
        Self {
            schedule: "@hourly".into(),
            timezone: "UTC".into(),
            jitter: Duration::from_secs(60),
            listen: "127.0.0.1:8088".into(),
            stop_time: Duration::from_secs(30),
        }
    }
}

impl Daemon {
    /// Where to listen.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] for what is no address.
    pub fn address(&self) -> Result<SocketAddr> {
        self.listen.parse().map_err(|_| {
            Error::config(
                "daemon.listen must be an address and a port, such as \"127.0.0.1:8088\" or \
                 \"[::1]:8088\"",
            )
        })
    }

    /// The schedule, read.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] for what is no cron expression.
    pub fn cron(&self) -> Result<Cron> {
        cron(&self.schedule)
            .ok_or_else(|| Error::config(format!("daemon.schedule must be {}", CRON)))
    }

    /// The time zone, read.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] for an unknown name.
    pub fn zone(&self) -> Result<Tz> {
        self.timezone
            .parse()
            .map_err(|_| Error::config(format!("daemon.timezone must be {}", ZONE)))
    }
}

/// Reads a cron expression as crontab does: seconds may be left out, and a day of the month or of
/// the week suffices where both are given.
pub fn cron(text: &str) -> Option<Cron> {
    let parser = CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .dom_and_dow(false)
        .build();
    parser.parse(text.trim()).ok()
}

/// What a schedule may say.
const CRON: &str = "a cron expression of 5 or 6 fields that can come true, such as \
     \"17 * * * *\", \"0 17 6,18 * * MON-FRI\" or \"@hourly\"";

/// A cron expression that has a next time.
fn schedule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    values::scalar(deserializer, CRON, |value| match value {
        values::Scalar::Text(text) => {
            let start = chrono::DateTime::UNIX_EPOCH;
            let cron = cron(&text)?;
            cron.find_next_occurrence(&start, false).ok().map(|_| text)
        }
        _ => None,
    })
}

/// What a time zone is called.
const ZONE: &str = "the name of a time zone, such as \"UTC\" or \"Europe/Berlin\"";

/// The name of a time zone.
fn timezone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    values::scalar(deserializer, ZONE, |value| match value {
        values::Scalar::Text(text) => text.parse::<Tz>().ok().map(|_| text),
        _ => None,
    })
}
