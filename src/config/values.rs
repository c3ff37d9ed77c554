//! What each key takes: texts, durations, sizes, URLs and accounts, and their bounds.
//!
//! Each message goes on where "`key` …" left off, says what the key takes, and never repeats the
//! value, which may be a secret. File, line and key are said by who calls.

use std::{fmt, path::PathBuf, time::Duration};

use bytesize::ByteSize;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};
use url::{Host, Url};

use super::{Account, ApiVersion, LogFormat, Version, daemon, notify::Form};

/// No time that is waited for may be longer: sums of a few stay far from any overflow.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// More attempts than this are a mistake: each of them reads megabytes.
const MOST_RETRIES: u64 = 100;
/// The longest name of an account, in bytes.
const LONGEST_NAME: usize = 128;

/// The fault in plain words, to be put right after the key's name: ` must be …`, or
/// `[2] must have …` for the second entry of a list.
pub fn plain(error: &toml::de::Error) -> String {
    let message = error.message();
    if let Some(names) = message.strip_prefix("unknown field `") {
        let known = names.split_once("expected ").map_or("", |(_, names)| names);
        let known = known.trim_start_matches("one of ").replace('`', "");
        format!(" is no known key (known: {known}): correct it or take it out")
    } else if let Some(name) = message.strip_prefix("missing field ") {
        format!(" must have {}: add it", name.trim_matches('`'))
    } else if message.starts_with("invalid type:") || message.starts_with("invalid value:") {
        let (_, expected) = message.rsplit_once(", expected ").unwrap_or(("", "another value"));
        format!(" must be {}", kind(expected))
    } else if message.starts_with("duplicate key") {
        " this key stands twice in its section: take one out".into()
    } else if message.starts_with('[') {
        message.into()
    } else {
        format!(" {}", message.trim_end().replace('\n', ", "))
    }
}

/// The `[2]` at the start of what [`plain`] says of a list's entry.
pub fn entry(what: &str) -> Option<&str> {
    what.starts_with('[').then(|| what.split_inclusive(']').next()).flatten()
}

/// What a derived reader expects, in plain words.
fn kind(expected: &str) -> &str {
    match expected {
        "a string" | "path string" => "text in quotes",
        "a boolean" => "true or false",
        struct_name if struct_name.starts_with("struct ") => "a section of keys",
        other => other,
    }
}

/// A value of any scalar kind, so that a wrong kind is told like a wrong value.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Integer(i64),
    Float(f64),
    Text(String),
    Other(serde::de::IgnoredAny),
}

/// Reads a value with `read`, which answers `None` to what the key does not take; `takes` says what
/// it does.
fn scalar<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    takes: &str,
    read: impl FnOnce(Scalar) -> Option<T>,
) -> Result<T, D::Error> {
    let value = Scalar::deserialize(deserializer)?;
    read(value).ok_or_else(|| D::Error::custom(format!("must be {takes}")))
}

/// A SQLite file's name or a database's URL; which of them is for the store to say.
pub fn database<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    scalar(deserializer, "a file's name or a database's URL, in quotes", |value| match value {
        Scalar::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    })
}

/// A number of bytes above 0.
pub fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let takes = "a size above 0, such as \"256 MiB\", \"1 MB\" or a number of bytes";
    scalar(deserializer, takes, |value| {
        let bytes = match value {
            Scalar::Integer(bytes) => u64::try_from(bytes).ok()?,
            Scalar::Text(text) => text.trim().parse::<ByteSize>().ok()?.as_u64(),
            _ => return None,
        };
        (bytes > 0).then_some(bytes)
    })
}

/// A whole number from `least` to `most`.
fn whole<'de, D: Deserializer<'de>>(
    deserializer: D,
    least: u64,
    most: u64,
) -> Result<u64, D::Error> {
    let takes = match most {
        u64::MAX => format!("a whole number, {least} or more"),
        most => format!("a whole number from {least} to {most}"),
    };
    scalar(deserializer, &takes, |value| match value {
        Scalar::Integer(number) => {
            u64::try_from(number).ok().filter(|number| (least..=most).contains(number))
        }
        _ => None,
    })
}

/// How often to try again.
pub fn retries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    whole(deserializer, 0, MOST_RETRIES).map(|number| number as u32)
}

/// A number of polls; unset is said by leaving the key out.
pub fn after_polls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    whole(deserializer, 1, u32::MAX.into()).map(|number| Some(number as u32))
}

/// A number of items.
pub fn min_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    whole(deserializer, 0, u64::MAX)
}

/// A share, 0 to 1; not a number is none.
pub fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    scalar(deserializer, "a number from 0 to 1", |value| {
        let share = match value {
            Scalar::Integer(number) => number as f64,
            Scalar::Float(number) => number,
            _ => return None,
        };
        (0.0..=1.0).contains(&share).then_some(share)
    })
}

/// A time to wait, written as `"3m"` or as a number of seconds.
pub mod duration {
    use serde::Serializer;

    use super::*;

    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*value))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let takes = "a duration above 0 and up to a day, such as \"180s\", \"3m\" or a number of \
                     seconds";
        scalar(deserializer, takes, |value| {
            let time = match value {
                Scalar::Integer(seconds) => Duration::from_secs(u64::try_from(seconds).ok()?),
                Scalar::Float(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
                Scalar::Text(text) => humantime::parse_duration(text.trim()).ok()?,
                Scalar::Other(_) => return None,
            };
            (Duration::ZERO < time && time <= LONGEST).then_some(time)
        })
    }
}

/// A time to wait, none too.
pub mod wait {
    use serde::Serializer;

    use super::*;

    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*value))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let takes = "a duration up to a day, such as \"30s\", \"0s\" or a number of seconds";
        scalar(deserializer, takes, |value| {
            let time = match value {
                Scalar::Integer(seconds) => Duration::from_secs(u64::try_from(seconds).ok()?),
                Scalar::Text(text) => humantime::parse_duration(text.trim()).ok()?,
                _ => return None,
            };
            (time <= LONGEST).then_some(time)
        })
    }
}

/// What a schedule may say.
pub const CRON: &str = "a cron expression of 5 or 6 fields that can come true, such as \
     \"17 * * * *\", \"0 17 6,18 * * MON-FRI\" or \"@hourly\"";

/// A cron expression that has a next time.
pub fn schedule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    scalar(deserializer, CRON, |value| match value {
        Scalar::Text(text) => {
            let start = chrono::DateTime::UNIX_EPOCH;
            let cron = daemon::cron(&text)?;
            cron.find_next_occurrence(&start, false).ok().map(|_| text)
        }
        _ => None,
    })
}

/// What a time zone is called.
pub const ZONE: &str = "the name of a time zone, such as \"UTC\" or \"Europe/Berlin\"";

/// The name of a time zone.
pub fn timezone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    scalar(deserializer, ZONE, |value| match value {
        Scalar::Text(text) => text.parse::<chrono_tz::Tz>().ok().map(|_| text),
        _ => None,
    })
}

/// How the log is written.
pub mod log_format {
    use serde::Serializer;

    use super::*;

    pub fn serialize<S: Serializer>(value: &LogFormat, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.as_str())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LogFormat, D::Error> {
        scalar(deserializer, "\"text\" or \"json\"", |value| match value {
            Scalar::Text(text) => LogFormat::ALL.into_iter().find(|one| one.as_str() == text),
            _ => None,
        })
    }
}

/// A version of the API by its text, or `auto`.
pub mod version {
    use serde::Serializer;

    use super::*;

    pub fn serialize<S: Serializer>(value: &Version, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.as_str())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
        let mut known = ApiVersion::all().map(Version::Fixed).collect::<Vec<_>>();
        known.push(Version::Auto);
        let names: Vec<_> = known.iter().map(|one| format!("\"{}\"", one.as_str())).collect();
        scalar(deserializer, &names.join(" or "), |value| match value {
            Scalar::Text(text) => known.into_iter().find(|one| one.as_str() == text),
            _ => None,
        })
    }
}

/// A time between two looks, up to ten years.
pub mod interval {
    use serde::Serializer;

    use super::*;

    const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*value))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let takes = "a duration above 0 and up to ten years, such as \"7d\" or a number of seconds";
        scalar(deserializer, takes, |value| {
            let time = match value {
                Scalar::Integer(seconds) => Duration::from_secs(u64::try_from(seconds).ok()?),
                Scalar::Text(text) => humantime::parse_duration(text.trim()).ok()?,
                _ => return None,
            };
            (Duration::ZERO < time && time <= LONGEST).then_some(time)
        })
    }
}

/// Downloads side by side.
pub fn concurrency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    whole(deserializer, 1, 256).map(|number| number as usize)
}

/// Requests in a second.
pub fn per_second<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    whole(deserializer, 1, 100_000).map(|number| number as u32)
}

/// Where files are kept.
pub fn store<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let takes = "a folder's name, or s3://bucket/prefix";
    scalar(deserializer, takes, |value| match value {
        Scalar::Text(text) => is_store(&text).then_some(text),
        _ => None,
    })
}

/// Whether files may be kept there. `s3:/bucket` is no folder but a mistake.
pub fn is_store(text: &str) -> bool {
    match text.strip_prefix("s3://") {
        Some(place) => !place.split('/').next().unwrap_or_default().is_empty(),
        None => {
            let (first, rest) = text.split_once('/').unwrap_or((text, ""));
            let is_nearly_s3 =
                first.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("s3:"));
            !text.is_empty() && !first.ends_with(':') && !is_nearly_s3 && !rest.contains("://")
        }
    }
}

/// Names of hosts, `*.suffix` or addresses.
pub fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let takes = "must be a list of hosts: \"files.example\", \"*.example.com\" or an address, \
                 without scheme and port";
    let hosts = Vec::<String>::deserialize(deserializer).map_err(|_| D::Error::custom(takes))?;
    match !hosts.is_empty() && hosts.iter().all(|host| is_host(host)) {
        true => Ok(hosts),
        false => Err(D::Error::custom(takes)),
    }
}

fn is_host(host: &str) -> bool {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    host.parse::<std::net::IpAddr>().is_ok() || (!name.is_empty() && name.chars().all(plain))
}

/// Whether a URL leads to this very machine.
pub fn is_loopback_url(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| is_loopback(&url))
}

/// The API's own address.
#[allow(clippy::expect_used)] // a constant, which every test reads
pub fn default_base_url() -> Url {
    Url::parse("https://api.heygen.com").expect("the constant is a URL")
}

/// An address that the key may be sent to.
pub mod base_url {
    use serde::Serializer;

    use super::*;

    pub fn serialize<S: Serializer>(value: &Url, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
        let takes = "an http(s) URL in quotes, such as \"https://api.heygen.com\"";
        let url = scalar(deserializer, takes, |value| match value {
            Scalar::Text(text) => Url::parse(&text).ok(),
            _ => None,
        })?;
        fault(&url).map_or(Ok(url), |fault| Err(D::Error::custom(fault)))
    }

    fn fault(url: &Url) -> Option<&'static str> {
        if !matches!(url.scheme(), "http" | "https") {
            Some("must begin with https://")
        } else if !url.username().is_empty() || url.password().is_some() {
            Some("must hold no user name and no password: the API key is given apart")
        } else if url.query().is_some() || url.fragment().is_some() {
            Some("must have no query and no fragment: end it after the path")
        } else if url.scheme() == "http" && !is_loopback(url) {
            Some(
                "must begin with https://: over plain http the key is sent to loopback only \
                 (127.0.0.1, [::1], localhost)",
            )
        } else {
            None
        }
    }
}

/// Whom notices and pings are sent to.
pub mod receiver {
    use serde::Serializer;

    use super::*;

    pub fn serialize<S: Serializer>(value: &Option<Url>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(url) => to.collect_str(url),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
        let takes = "a URL in quotes that begins with https://; plain http is taken for this very \
                     machine only";
        scalar(from, takes, |value| match value {
            Scalar::Text(text) => Url::parse(&text).ok().filter(is_guarded).map(Some),
            _ => None,
        })
    }
}

fn is_guarded(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_loopback(url),
        _ => false,
    }
}

/// How notices are written.
pub mod form {
    use serde::Serializer;

    use super::*;

    pub fn serialize<S: Serializer>(value: &Form, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.as_str())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Form, D::Error> {
        scalar(deserializer, "\"webhook\" or \"slack\"", |value| match value {
            Scalar::Text(text) => Form::ALL.into_iter().find(|form| form.as_str() == text),
            _ => None,
        })
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Whether an account may be called so.
pub fn is_account_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// An account as it is written, before it is judged.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawAccount {
    name: String,
    api_key_env: Option<String>,
    api_key_file: Option<PathBuf>,
}

impl RawAccount {
    /// The account, or what is wrong with it.
    fn judge(self) -> Result<Account, &'static str> {
        let Self { name, api_key_env, api_key_file } = self;
        if !is_account_name(&name) {
            return Err("must have a name of 1 to 128 bytes without control characters");
        }
        if api_key_env.is_some() == api_key_file.is_some() {
            return Err("must have api_key_env or api_key_file, and only one of them");
        }
        if api_key_env.as_deref() == Some("")
            || api_key_file.as_ref().is_some_and(|file| file.as_os_str().is_empty())
        {
            return Err("must name a variable in api_key_env or a file in api_key_file");
        }
        Ok(Account { name, api_key_env, api_key_file })
    }
}

/// The accounts, each judged on its own and against those before it.
pub fn accounts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Account>, D::Error> {
    deserializer.deserialize_seq(Accounts)
}

/// Reads accounts one by one, so that a fault can say which of them has it.
struct Accounts;

impl<'de> Visitor<'de> for Accounts {
    type Value = Vec<Account>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list such as [{ name = \"main\", api_key_env = \"MAIN_KEY\" }]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Account>, A::Error> {
        let mut accounts = Vec::<Account>::new();
        while let Some(raw) = list.next_element::<RawAccount>()? {
            let fault = |what| A::Error::custom(format!("[{}] {what}", accounts.len() + 1));
            let account = raw.judge().map_err(fault)?;
            if accounts.iter().any(|other| other.name == account.name) {
                return Err(fault("must have a name that no other account has"));
            }
            accounts.push(account);
        }
        Ok(accounts)
    }
}
