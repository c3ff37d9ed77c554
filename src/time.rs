//! The only representation of time: UTC, in whole milliseconds.
//!
//! History is compared and ordered as text in SQLite and as `TIMESTAMPTZ` in PostgreSQL; a
//! [`Timestamp`] means the same in both and prints with a fixed width, so the order of the text is
//! the order of time. Nothing here reads the clock on its own: a [`Clock`] is passed in by `main` (or
//! by a test).

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeZone,
    Utc,
};

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A day.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The difference between two clocks that counts as normal.
pub const SLACK: Duration = Duration::from_secs(60);

/// The first and the last millisecond that fit the fixed width of four year digits.
const RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

impl Timestamp {
    /// The values that [`Self::parse_relative`] accepts, for people.
    pub const FORMS: &str = "a date or time in UTC (2026-11-23, 2026-11-23T05:57:09Z), how long ago \
                             (7d, 90m), or now, today, yesterday, last week, last month";

    /// Converts milliseconds since the Unix epoch, clamped to the years 0000 to 9999.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(*RANGE.start(), *RANGE.end()))
    }

    /// Converts seconds since the Unix epoch; `None` outside the years 2000 to 9999, where an expiry
    /// counts as unknown.
    pub fn expiry_from_seconds(seconds: i64) -> Option<Self> {
        (946_684_800..=253_402_300_799).contains(&seconds).then(|| Self(seconds * 1000))
    }

    /// Returns the milliseconds since the Unix epoch.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Returns this time plus `duration`.
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// Returns this time minus `duration`.
    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(millis))
    }

    /// Returns the time from `earlier` until this; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or_default())
    }

    /// Whether this can be the time of something that happened by `now`; if not, it was taken from a
    /// clock that was ahead.
    pub fn can_be_past(self, now: Self) -> bool {
        self <= now.plus(SLACK)
    }

    /// Converts to chrono's type, for databases and calendars.
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }

    /// Parses a time as people write it: RFC 3339 (`2026-11-23T05:57:09.123Z`, any offset; seconds
    /// may be left out), the same without an offset (then UTC), or a date alone (its first moment, UTC).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(Self::from(time.with_timezone(&Utc)));
        }
        for form in ["%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M%#z"] {
            if let Ok(time) = DateTime::parse_from_str(text, form) {
                return Some(Self::from(time.with_timezone(&Utc)));
            }
        }
        for form in
            ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        {
            if let Ok(time) = NaiveDateTime::parse_from_str(text, form) {
                return Some(Self::from(Utc.from_utc_datetime(&time)));
            }
        }
        Some(Self::start_of(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?))
    }

    /// Parses what [`Self::parse`] does, or a time relative to `now`: `now`, how long ago (`7d`,
    /// `-7d`, `7 days ago`), or the first moment of a span of the calendar in UTC (`today`,
    /// `yesterday`, `this week`, `last month` …; weeks begin on Monday).
    pub fn parse_relative(text: &str, now: Self) -> Option<Self> {
        let text = text.trim();
        if let Some(time) = Self::parse(text).or_else(|| Self::parse_span(text, now)) {
            return Some(time);
        }
        let ago = text.strip_prefix('-').unwrap_or(text);
        let ago = ago.strip_suffix("ago").unwrap_or(ago);
        humantime::parse_duration(ago.trim()).ok().map(|ago| now.minus(ago))
    }

    /// Returns the first moment of a span of the calendar that contains `now` or precedes it.
    fn parse_span(text: &str, now: Self) -> Option<Self> {
        let today = now.to_chrono().date_naive();
        let monday =
            today.checked_sub_days(Days::new(today.weekday().num_days_from_monday().into()));
        let (month, year) = (today.with_day(1), today.with_ordinal(1));
        let day = match text.to_ascii_lowercase().as_str() {
            "now" => return Some(now),
            "today" => Some(today),
            "yesterday" => today.pred_opt(),
            "this week" => monday,
            "last week" => monday.and_then(|day| day.checked_sub_days(Days::new(7))),
            "this month" => month,
            "last month" => month.and_then(|day| day.checked_sub_months(Months::new(1))),
            "this year" => year,
            "last year" => year.and_then(|day| day.checked_sub_months(Months::new(12))),
            _ => None,
        };
        day.map(Self::start_of)
    }

    /// Parses a date in one of the forms of HTTP.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        httpdate::parse_http_date(text).ok().map(|time| Self::from(DateTime::<Utc>::from(time)))
    }

    fn start_of(day: NaiveDate) -> Self {
        Self::from(Utc.from_utc_datetime(&day.and_time(NaiveTime::MIN)))
    }
}

/// Returns the wait that a `Retry-After` header asks for at `now`, in seconds or as an HTTP date;
/// zero if the date has passed.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Timestamp::parse_http_date(value).map(|then| then.since(now)),
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self::from_millis(time.timestamp_millis())
    }
}

/// Writes `2026-11-23T05:57:09.123Z`, always 24 characters.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_chrono().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).ok_or_else(|| {
            format!("'{text}' is not a time: write 2026-11-23, 2026-11-23T05:57:09Z or the like")
        })
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The source of "now". `main` passes in the system's clock; tests pass in their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// Returns the system's clock.
    pub fn system() -> Self {
        Self::new(|| Timestamp::from(Utc::now()))
    }

    /// Creates a clock whose time is what `now` returns.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns the present time, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_prints_with_a_fixed_width_and_reads_back() {
        for millis in [0, 1, 1_764_000_000_000, *RANGE.start(), *RANGE.end()] {
            let text = Timestamp::from_millis(millis).to_string();
            assert_eq!(text.len(), 24, "{text}");
            assert_eq!(Timestamp::parse(&text), Some(Timestamp::from_millis(millis)));
        }
    }

    #[test]
    fn people_may_write_a_date_alone_or_leave_the_offset_out() {
        let read = |text| Timestamp::parse(text).map(|t| t.to_string());
        assert_eq!(read("2026-11-23").as_deref(), Some("2026-11-23T00:00:00.000Z"));
        assert_eq!(read("2026-11-23 05:57").as_deref(), Some("2026-11-23T05:57:00.000Z"));
        assert_eq!(read("2026-11-23T05:57:09+02:00").as_deref(), Some("2026-11-23T03:57:09.000Z"));
        assert_eq!(read("2026-11-23T05:57Z").as_deref(), Some("2026-11-23T05:57:00.000Z"));
        assert_eq!(read("2026-11-23 05:57+02:00").as_deref(), Some("2026-11-23T03:57:00.000Z"));
        assert_eq!(read("23.11.2026"), None);
    }

    #[test]
    fn an_expiry_outside_the_years_2000_to_9999_is_unknown() {
        assert_eq!(Timestamp::expiry_from_seconds(946_684_799), None);
        assert!(Timestamp::expiry_from_seconds(946_684_800).is_some());
        assert!(Timestamp::expiry_from_seconds(253_402_300_799).is_some());
        assert_eq!(Timestamp::expiry_from_seconds(253_402_300_800), None);
        assert_eq!(Timestamp::expiry_from_seconds(i64::MAX), None);
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        // A Wednesday.
        let now = Timestamp::parse("2026-03-18T12:30:00Z").unwrap();
        for (text, time) in [
            ("now", "2026-03-18T12:30:00Z"),
            ("today", "2026-03-18"),
            ("Yesterday", "2026-03-17"),
            ("this week", "2026-03-16"),
            ("last week", "2026-03-09"),
            ("this month", "2026-03-01"),
            ("last month", "2026-02-01"),
            ("last year", "2025-01-01"),
            ("7d", "2026-03-11T12:30:00Z"),
            ("-7d", "2026-03-11T12:30:00Z"),
            ("7 days ago", "2026-03-11T12:30:00Z"),
            ("2026-01-02", "2026-01-02"),
        ] {
            let read = Timestamp::parse_relative(text, now);
            assert_eq!(read, Timestamp::parse(time), "{text}");
        }
        assert_eq!(Timestamp::parse_relative("soon", now), None);
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let now = Timestamp::from_millis(784_111_777_000);
        let wait = |value| retry_after(value, now);
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:27 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-3"), None);
        assert!(wait(&u64::MAX.to_string()).is_some());
    }
}
