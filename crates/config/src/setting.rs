use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

/// A type that an option may have.
pub trait Setting: Sized {
    /// Reads the text as given. The error says what is expected, as in "expected {error}".
    fn parse(text: &str) -> Result<Self, String>;

    /// What of the given text may be shown in a message; types that carry secrets override it.
    fn redact(text: &str) -> String {
        format!("\"{text}\"")
    }
}

/// What was given for an option: the value, or the fault to be named later.
///
/// Its `FromStr` never fails, so clap accepts any text and [`Faults`](crate::Faults) can name all faults together.
#[derive(Clone)]
pub struct Given<T> {
    shown: String,
    outcome: Result<T, String>,
}

/// A number of bytes such as `1MiB`, `64KiB` or `4096`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub usize);

/// A share between 0 and 1, both included.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Ratio(f64);

/// By how much something grows: a number above 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Growth(f64);

/// Comma-separated values, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> Given<T> {
    /// The value, or what was expected instead.
    pub fn value(&self) -> Result<&T, &str> {
        self.outcome.as_ref().map_err(String::as_str)
    }

    pub(crate) fn into_parts(self) -> (String, Result<T, String>) {
        (self.shown, self.outcome)
    }
}

impl<T: Setting> FromStr for Given<T> {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self { shown: T::redact(text), outcome: T::parse(text) })
    }
}

impl<T> fmt::Debug for Given<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Ratio {
    /// The share as a number from 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Growth {
    /// The factor.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

macro_rules! integer_settings {
    ($($integer:ty),+) => {$(
        impl Setting for $integer {
            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!("a whole number from {} to {}", Self::MIN, Self::MAX))
            }
        }
    )+};
}

integer_settings!(u16, u32, u64, usize);

impl Setting for String {
    fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() { Err("text that is not empty".into()) } else { Ok(text.to_owned()) }
    }
}

impl Setting for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text).map_err(|_| "a time with its unit, such as 250ms, 20s or 5m".into())
    }
}

impl Setting for SocketAddr {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "an address and port, such as 127.0.0.1:8080 or [::]:8080".into())
    }
}

impl Setting for PathBuf {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("a path".into()) } else { Ok(text.into()) }
    }
}

impl Setting for Url {
    fn parse(text: &str) -> Result<Self, String> {
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
            _ => Err("an http:// or https:// address".into()),
        }
    }

    /// An address may hold a user and a password.
    fn redact(text: &str) -> String {
        crate::secret::redact_url(text)
    }
}

impl Setting for ByteSize {
    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit: usize = match &text[digits.len()..] {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => 0,
        };
        let size = digits.trim().parse::<usize>().ok().and_then(|count| count.checked_mul(unit));
        match size {
            Some(size) if unit > 0 => Ok(Self(size)),
            _ => Err("a size in bytes, such as 65536, 64KiB or 1MiB".into()),
        }
    }
}

impl Setting for Ratio {
    fn parse(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self(share)),
            _ => Err("a share from 0 to 1, such as 0.5".into()),
        }
    }
}

impl Setting for Growth {
    fn parse(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            Ok(factor) if factor > 1.0 && factor <= 100.0 => Ok(Self(factor)),
            _ => Err("a factor above 1, up to 100, such as 2 or 1.5".into()),
        }
    }
}

impl<T: Setting> Setting for List<T> {
    fn parse(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(|part| T::parse(part.trim()))
            .collect::<Result<Vec<_>, _>>()
            .map(List)
            .map_err(|expected| format!("values separated by commas, each {expected}"))
    }

    fn redact(text: &str) -> String {
        text.split(',').map(|part| T::redact(part.trim())).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(ByteSize::parse("1MiB"), Ok(ByteSize(1 << 20)));
        assert_eq!(ByteSize::parse("64 KiB"), Ok(ByteSize(64 << 10)));
        assert_eq!(ByteSize::parse("17"), Ok(ByteSize(17)));
        for wrong in ["", "MiB", "1MB", "-1", "99999999999999999999", "99999999999GiB"] {
            assert!(ByteSize::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_lie_between_zero_and_one() {
        assert!(Ratio::parse("0.5").is_ok_and(|share| share.get() > 0.4));
        for wrong in ["-0.1", "1.1", "NaN", "half"] {
            assert!(Ratio::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_grows_grows_by_more_than_one() {
        assert!(Growth::parse("1.5").is_ok_and(|factor| factor.get() > 1.4));
        for wrong in ["1", "0.5", "-2", "NaN", "inf", "101", "double"] {
            assert!(Growth::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lists_are_trimmed_and_checked() {
        assert_eq!(List::parse("a:1, b:2"), Ok(List(vec!["a:1".to_owned(), "b:2".to_owned()])));
        assert!(List::<String>::parse("a,,b").is_err());
        assert!(List::<u16>::parse("1,x").is_err_and(|expected| expected.contains("whole number")));
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(Duration::parse("250ms"), Ok(Duration::from_millis(250)));
        assert!(Duration::parse("250").is_err());
    }
}
