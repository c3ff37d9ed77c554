//! The accepted values of each key: texts, durations, sizes, hosts and URLs, and their bounds.
//!
//! Each message continues "`key` …", states what the key accepts, and never repeats the value, which
//! may be a secret. The caller adds file, line and key.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use bytesize::ByteSize;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};
use url::{Host, Url};

use crate::{catalog::catalogue::Catalogue, error::Error, time::DAY};

/// The longest time that can be waited for: sums of a few stay far from any overflow.
const LONGEST_WAIT: Duration = DAY;
/// The most retries; more are a mistake, since each attempt reads megabytes.
const MOST_RETRIES: u64 = 100;

/// Returns the error in plain words, to be put right after the key's name: ` must be …`, or `[2] must
/// have …` for the second entry of a list.
pub fn plain(error: &toml::de::Error) -> String {
    let message = error.message();
    if let Some(names) = message.strip_prefix("unknown field `") {
        let known = names.split_once("expected ").map_or("", |(_, names)| names);
        let known = known.trim_start_matches("one of ").replace('`', "");
        format!(" is not a known key (known: {known}): correct it or remove it")
    } else if let Some(name) = message.strip_prefix("missing field ") {
        format!(" must have {}: add it", name.trim_matches('`'))
    } else if message.starts_with("invalid type:") || message.starts_with("invalid value:") {
        let (_, expected) = message.rsplit_once(", expected ").unwrap_or(("", "another value"));
        format!(" must be {}", kind(expected))
    } else if message.starts_with("duplicate key") {
        " this key occurs twice in its section: remove one".into()
    } else if message.starts_with('[') {
        message.into()
    } else {
        format!(" {}", message.trim_end().replace('\n', ", "))
    }
}

/// Returns the `[2]` at the start of a message of [`plain`] about an entry of a list.
pub fn entry(what: &str) -> Option<&str> {
    what.starts_with('[').then(|| what.split_inclusive(']').next()).flatten()
}

/// Returns in plain words what a derived deserializer expects.
fn kind(expected: &str) -> &str {
    match expected {
        "a string" | "path string" => "text in quotes",
        "a boolean" => "true or false",
        struct_name if struct_name.starts_with("struct ") => "a section of keys",
        other => other,
    }
}

/// A value of any scalar type, so that a wrong type is reported like a wrong value.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    Integer(i64),
    Float(f64),
    Text(String),
    Other(serde::de::IgnoredAny),
}

/// Reads a value with `read`, which returns `None` for what the key does not accept; `expected` states
/// what it does.
pub fn scalar<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expected: &str,
    read: impl FnOnce(Scalar) -> Option<T>,
) -> Result<T, D::Error> {
    let value = Scalar::deserialize(deserializer)?;
    read(value).ok_or_else(|| D::Error::custom(format!("must be {expected}")))
}

/// Reads a text with `read`, as [`scalar`].
pub fn text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expected: &str,
    read: impl FnOnce(String) -> Option<T>,
) -> Result<T, D::Error> {
    scalar(deserializer, expected, |value| match value {
        Scalar::Text(text) => read(text),
        _ => None,
    })
}

/// Reads a SQLite file's name or a database's URL; the store decides which of them it is.
pub fn database<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let expected = "a file's name or a database's URL, in quotes";
    text(deserializer, expected, |text| (!text.is_empty()).then_some(text))
}

/// Reads a number of bytes above 0.
pub fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let expected = "a size above 0, such as \"256 MiB\", \"1 MB\" or a number of bytes";
    scalar(deserializer, expected, |value| {
        let bytes = match value {
            Scalar::Integer(bytes) => u64::try_from(bytes).ok()?,
            Scalar::Text(text) => text.trim().parse::<ByteSize>().ok()?.as_u64(),
            _ => return None,
        };
        (bytes > 0).then_some(bytes)
    })
}

/// Reads a whole number from `least` to `most`.
fn whole_number<'de, D: Deserializer<'de>>(
    deserializer: D,
    least: u64,
    most: u64,
) -> Result<u64, D::Error> {
    let expected = match most {
        u64::MAX => format!("a whole number, {least} or more"),
        most => format!("a whole number from {least} to {most}"),
    };
    scalar(deserializer, &expected, |value| match value {
        Scalar::Integer(number) => {
            u64::try_from(number).ok().filter(|number| (least..=most).contains(number))
        }
        _ => None,
    })
}

/// Reads a number of retries.
pub fn retries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    whole_number(deserializer, 0, MOST_RETRIES).map(|number| number as u32)
}

/// Reads a number of polls; to unset it, leave the key out.
pub fn after_polls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    whole_number(deserializer, 1, u32::MAX.into()).map(|number| Some(number as u32))
}

/// Reads a number of items.
pub fn min_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    whole_number(deserializer, 0, u64::MAX)
}

/// Reads a share, 0 to 1; NaN is rejected.
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

/// Reads a duration, written as `"3m"` or as a number of seconds, if `fits` accepts it.
pub fn time<'de, D: Deserializer<'de>>(
    deserializer: D,
    expected: &str,
    fits: impl FnOnce(Duration) -> bool,
) -> Result<Duration, D::Error> {
    scalar(deserializer, expected, |value| {
        let time = match value {
            Scalar::Integer(seconds) => Duration::from_secs(u64::try_from(seconds).ok()?),
            Scalar::Float(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
            Scalar::Text(text) => humantime::parse_duration(text.trim()).ok()?,
            Scalar::Other(_) => return None,
        };
        fits(time).then_some(time)
    })
}

/// Writes a duration as in `config.toml`.
pub fn write_time<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*value))
}

/// Reads a time that something may take: above 0, up to a day.
pub fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let expected =
        "a duration above 0 and up to a day, such as \"180s\", \"3m\" or a number of seconds";
    time(deserializer, expected, |time| Duration::ZERO < time && time <= LONGEST_WAIT)
}

/// Reads a time to wait: from 0 to a day.
pub fn wait<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let expected = "a duration up to a day, such as \"30s\", \"0s\" or a number of seconds";
    time(deserializer, expected, |time| time <= LONGEST_WAIT)
}

/// Reads a time between two checks: above 0, up to ten years.
pub fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let expected = "a duration above 0 and up to ten years, such as \"7d\" or a number of seconds";
    time(deserializer, expected, |time| Duration::ZERO < time && time <= DAY * 3_660)
}

/// Reads one of `known`, by its name.
pub fn one_of<'de, D: Deserializer<'de>, T: Copy>(
    deserializer: D,
    known: impl IntoIterator<Item = T>,
    name: fn(T) -> &'static str,
) -> Result<T, D::Error> {
    let known: Vec<T> = known.into_iter().collect();
    let names: Vec<_> = known.iter().map(|one| format!("\"{}\"", name(*one))).collect();
    text(deserializer, &names.join(" or "), |text| known.into_iter().find(|one| name(*one) == text))
}

/// Reads and writes a type by the names that its `as_str` returns, of all its variants.
macro_rules! named {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                values::one_of(
                    from,
                    <Self as strum::VariantArray>::VARIANTS.iter().copied(),
                    Self::as_str,
                )
            }
        }
    };
}
pub(super) use named;

/// Reads names of catalogues, each once.
pub fn catalogues<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Catalogue>, D::Error> {
    let names = Catalogue::ALL.map(|catalogue| format!("\"{catalogue}\""));
    let expected = format!("must be a list of one or more of {}, each once", names.join(", "));
    let words =
        Vec::<String>::deserialize(deserializer).map_err(|_| D::Error::custom(&expected))?;
    let all: Option<Vec<Catalogue>> = words.iter().map(|word| Catalogue::parse(word)).collect();
    let different: BTreeSet<&Catalogue> = all.iter().flatten().collect();
    let complete = !words.is_empty() && different.len() == words.len();
    all.filter(|_| complete).ok_or_else(|| D::Error::custom(expected))
}

/// Writes what [`catalogues`] reads.
pub fn write_catalogues<S: Serializer>(
    all: &[Catalogue],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(all.iter().map(|catalogue| catalogue.as_str()))
}

/// Reads a number of parallel downloads.
pub fn concurrency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    whole_number(deserializer, 1, 256).map(|number| number as usize)
}

/// Reads a number of requests per second.
pub fn per_second<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    whole_number(deserializer, 1, 100_000).map(|number| number as u32)
}

/// Reads where files are kept.
pub fn store<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let expected = "a folder's name, or s3://bucket/prefix";
    text(deserializer, expected, |text| is_store(&text).then_some(text))
}

/// Whether `text` is a place to keep files. `s3:/bucket` is not a folder but a mistake.
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

/// Reads names of hosts, `*.suffix` or addresses.
pub fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let expected = "must be a list of hosts: \"files.example\", \"*.example.com\" or an address, \
                 without scheme and port";
    let hosts = Vec::<String>::deserialize(deserializer).map_err(|_| D::Error::custom(expected))?;
    match !hosts.is_empty() && hosts.iter().all(|host| is_host(host)) {
        true => Ok(hosts),
        false => Err(D::Error::custom(expected)),
    }
}

fn is_host(host: &str) -> bool {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    host.parse::<std::net::IpAddr>().is_ok() || (!name.is_empty() && name.chars().all(plain))
}

/// Parses an address and a port to listen on; `key` and `port` are for the message.
///
/// # Errors
/// [`crate::error::Kind::Config`] if it is not an address.
pub fn address(listen: &str, key: &str, port: u16) -> crate::error::Result<SocketAddr> {
    listen.parse().map_err(|_| {
        Error::config(format!(
            "{key} must be an address and a port, such as \"127.0.0.1:{port}\" or \"[::1]:{port}\""
        ))
    })
}

/// Whether a URL leads to this machine.
pub fn is_loopback_url(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| is_loopback(&url))
}

/// Returns the default address of the API.
#[allow(clippy::expect_used)] // a constant, which every test reads
pub fn default_base_url() -> Url {
    Url::parse("https://api.heygen.com").expect("the constant is a URL")
}

/// Reads a URL that the key may be sent to.
pub fn base_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let expected = "an http(s) URL in quotes, such as \"https://api.heygen.com\"";
    let url = text(deserializer, expected, |text| Url::parse(&text).ok())?;
    base_url_fault(&url).map_or(Ok(url), |fault| Err(D::Error::custom(fault)))
}

/// Returns why the key may not be sent to a URL, if so.
pub fn base_url_fault(url: &Url) -> Option<&'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        Some("must begin with https://")
    } else if !url.username().is_empty() || url.password().is_some() {
        Some("must not contain a user name or password: the API key is configured separately")
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

/// Reads a URL that notices and pings may be sent to.
pub fn receiver<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    let expected = "a URL in quotes that begins with https://; plain http is accepted for this \
                 machine only";
    text(from, expected, |text| Url::parse(&text).ok().filter(is_guarded).map(Some))
}

/// Parses a URL that notices may be sent to, also that of a mail server: nobody can read them on the
/// way, or they stay on this machine.
pub fn guarded(text: &str) -> Option<Url> {
    let is_encrypted = |url: &Url| match url.scheme() {
        "smtps" => url.host().is_some(),
        "smtp" => url.query() == Some("tls=required") || is_loopback(url),
        _ => is_guarded(url),
    };
    Url::parse(text).ok().filter(is_encrypted)
}

fn is_guarded(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_loopback(url),
        _ => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // The URL parser takes an IPv4 address for a name if the scheme is not one of the web's.
        Some(Host::Domain(name)) => {
            name == "localhost"
                || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}
