//! Values of flags that several commands have.

use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::{
    catalog::kind::Kind,
    error::{Error, Result},
    time::Timestamp,
};

/// Parses a time that was given to a flag: see [`Timestamp::parse_relative`].
pub(super) fn time_or_ago(text: &str, now: Timestamp) -> Result<Timestamp> {
    Timestamp::parse_relative(text, now)
        .ok_or_else(|| Error::usage(format!("'{text}' is not a time: write {}", Timestamp::FORMS)))
}

/// Parses the value of `--max-age`.
pub(super) fn max_age(text: &str) -> Result<Duration> {
    humantime::parse_duration(text).map_err(|_| {
        Error::usage(format!("--max-age: '{text}' is not a duration; write 26h or 90m"))
    })
}

/// Returns the parser of `--kind`. The words are joined by hyphens here and by underscores in the
/// tables; both are accepted.
pub(super) fn kind_parser() -> impl TypedValueParser<Value = Kind> {
    let words = Kind::ALL.map(|kind| {
        let word = PossibleValue::new(kind.name.replace('_', "-")).alias(kind.name);
        word.help(format!("Only {}", kind.plural))
    });
    PossibleValuesParser::new(words)
        .try_map(|word| Kind::parse(&word.replace('-', "_")).ok_or("there is no such kind"))
}
