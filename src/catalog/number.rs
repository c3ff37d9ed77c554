//! The canonical text of JSON numbers: every notation of the same value has the same text.

use std::{borrow::Cow, fmt};

/// Returns the canonical text of a number, with the fewest digits, if its value survives a round
/// trip through a signed 64-bit integer or a double. Otherwise returns its text as `Err`.
pub fn canonical(raw: &str) -> Result<Cow<'_, str>, String> {
    if raw != "-0" && raw.parse::<i64>().is_ok() {
        return Ok(Cow::Borrowed(raw));
    }
    let Some(exact) = Decimal::parse(raw) else {
        return Err(raw.to_ascii_lowercase());
    };
    if let Some(int) = exact.to_i64() {
        return Ok(int.to_string().into());
    }
    match raw.parse::<f64>() {
        Ok(double)
            if double.is_finite()
                && Decimal::parse(&format!("{double:e}")).as_ref() == Some(&exact) =>
        {
            Ok(shortest(double).into())
        }
        _ => Err(exact.to_string()),
    }
}

/// Returns the shortest text that is parsed as the same double.
fn shortest(number: f64) -> String {
    serde_json::Number::from_f64(number).map(|number| number.to_string()).unwrap_or_default()
}

/// An exact decimal number: ±digits × 10^exponent, where neither the first nor the last digit is zero.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    /// Without leading or trailing zeros; empty for zero.
    digits: String,
    /// The power of ten of the last digit.
    exponent: i64,
}

impl Decimal {
    /// Parses a number; `None` if its exponent has over 15 digits.
    fn parse(raw: &str) -> Option<Self> {
        let (negative, rest) = match raw.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, raw),
        };
        let (mantissa, power) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self { negative: false, digits: String::new(), exponent: 0 });
        }
        let trailing = significant.len() - digits.len();
        let exponent = bounded_power(power)? - i64::try_from(fraction.len()).ok()?
            + i64::try_from(trailing).ok()?;
        Some(Self { negative, digits: digits.to_owned(), exponent })
    }

    fn to_i64(&self) -> Option<i64> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let zeros = usize::try_from(self.exponent).ok().filter(|zeros| *zeros <= 18)?;
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}{}", self.digits, "0".repeat(zeros)).parse().ok()
    }
}

/// Writes plain notation if that adds few zeros (2^70 is not changed), else `d.ddde±n` (`1e400`).
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FEW: i64 = 24;
        let Self { negative, digits, exponent } = self;
        if *negative {
            f.write_str("-")?;
        }
        let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        let point = length.saturating_add(*exponent);
        if (0..=FEW).contains(exponent) {
            write!(f, "{digits}{}", "0".repeat(usize::try_from(*exponent).unwrap_or(0)))
        } else if *exponent < 0 && point > 0 {
            let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
            write!(f, "{whole}.{fraction}")
        } else if *exponent < 0 && point > -FEW {
            write!(f, "0.{}{digits}", "0".repeat(usize::try_from(-point).unwrap_or(0)))
        } else {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            write!(f, "{first}{dot}{rest}e{}", point - 1)
        }
    }
}

fn bounded_power(power: &str) -> Option<i64> {
    let (sign, digits) = match power.as_bytes().first()? {
        b'-' => (-1, &power[1..]),
        b'+' => (1, &power[1..]),
        _ => (1, power),
    };
    let digits = digits.trim_start_matches('0');
    match digits.len() {
        0 => Some(0),
        1..=15 => digits.parse::<i64>().ok().map(|power| sign * power),
        _ => None,
    }
}
