//! The sections `[daemon]`, `[metrics]` and `[log]`: when the daemon polls, and how it is monitored.
//!
//! The daemon interprets a schedule; here it is only rejected if it cannot be parsed.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use serde::{Deserialize, Deserializer, Serialize};

use strum::{IntoStaticStr, VariantArray};

use super::values::{self, named};
use crate::error::{Error, Result};

/// The section `[daemon]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Daemon {
    /// A cron expression of 5 or 6 fields, or `@hourly` and the like.
    #[serde(deserialize_with = "schedule")]
    pub schedule: String,
    /// The time zone of the schedule.
    #[serde(deserialize_with = "timezone")]
    pub timezone: String,
    /// The longest random delay of a poll after its slot.
    #[serde(deserialize_with = "values::wait", serialize_with = "values::write_time")]
    pub jitter: Duration,
    /// The address and port that serve metrics and health.
    pub listen: String,
    /// How long work in progress may take after a request to stop.
    #[serde(deserialize_with = "values::wait", serialize_with = "values::write_time")]
    pub stop_time: Duration,
}

/// The section `[metrics]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// The file that a one-shot run writes its metrics to; `None` for none.
    pub textfile: Option<PathBuf>,
}

/// The section `[log]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The format of the log.
    pub format: LogFormat,
}

/// The format of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum LogFormat {
    /// Text, for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl LogFormat {
    /// Returns the name in `config.toml`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

named!(LogFormat);

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
    /// Returns the address and port to listen on.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] if it is not an address.
    pub fn address(&self) -> Result<SocketAddr> {
        values::address(&self.listen, "daemon.listen", 8088)
    }

    /// Parses the schedule.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] if it is not a cron expression.
    pub fn cron(&self) -> Result<Cron> {
        cron(&self.schedule)
            .ok_or_else(|| Error::config(format!("daemon.schedule must be {}", CRON)))
    }

    /// Parses the time zone.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] for an unknown name.
    pub fn zone(&self) -> Result<Tz> {
        self.timezone
            .parse()
            .map_err(|_| Error::config(format!("daemon.timezone must be {}", ZONE)))
    }
}

/// Parses a cron expression as crontab does: seconds may be left out; if a day of the month and a day
/// of the week are given, one of them suffices.
pub fn cron(text: &str) -> Option<Cron> {
    let parser = CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .dom_and_dow(false)
        .build();
    parser.parse(text.trim()).ok()
}

/// The accepted values of a schedule.
const CRON: &str = "a cron expression of 5 or 6 fields that matches some time, such as \
     \"17 * * * *\", \"0 17 6,18 * * MON-FRI\" or \"@hourly\"";

/// Reads a cron expression that has a next time.
fn schedule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    values::text(deserializer, CRON, |text| {
        let start = chrono::DateTime::UNIX_EPOCH;
        cron(&text)?.find_next_occurrence(&start, false).ok().map(|_| text)
    })
}

/// The accepted values of a time zone.
const ZONE: &str = "the name of a time zone, such as \"UTC\" or \"Europe/Berlin\"";

/// Reads the name of a time zone.
fn timezone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    values::text(deserializer, ZONE, |text| text.parse::<Tz>().ok().map(|_| text))
}
