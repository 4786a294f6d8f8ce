//! Money as the provider writes it: `{"value": "12.34", "iso": "GBP"}`, exact, with no float on the way.

use iso_currency::Currency;
use serde::{Deserialize, Serialize};

/// The most digits that an amount may have, minor units included.
const DIGITS_MAX: usize = 15;

/// An amount of money of one currency, zero or more, below 10^15 minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub struct Amount {
    minor: u64,
    currency: Currency,
}

/// Why a text is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountFault {
    /// The code is not that of a currency with minor units.
    #[error("iso: {0:?} is no ISO 4217 code of a currency in circulation")]
    UnknownCurrency(String),
    /// The value is not a plain decimal of that currency.
    #[error(
        "value: expected a decimal like \"12\" or \"12.3\" with at most {places} decimals and {DIGITS_MAX} digits, got {value:?}"
    )]
    Malformed {
        /// What was sent.
        value: String,
        /// How many decimals the currency has.
        places: usize,
    },
}

/// The form on the wire and in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) iso: String,
}

impl Amount {
    /// Reads a decimal without sign, exponent, superfluous leading zeros or more decimals than the currency has.
    pub fn parse(value: &str, iso: &str) -> Result<Self, AmountFault> {
        let unknown = || AmountFault::UnknownCurrency(iso.to_owned());
        let currency = Currency::from_code(iso).ok_or_else(unknown)?;
        let places = usize::from(currency.exponent().ok_or_else(unknown)?);
        let minor = parse_minor(value, places)
            .ok_or_else(|| AmountFault::Malformed { value: value.to_owned(), places })?;
        Ok(Self { minor, currency })
    }

    /// The number of minor units, for example pence.
    pub fn minor(self) -> u64 {
        self.minor
    }

    /// The ISO 4217 code.
    pub fn iso(self) -> &'static str {
        self.currency.code()
    }

    /// The decimal, always with all decimals of its currency.
    pub fn value(self) -> String {
        let places = places(self.currency);
        if places == 0 {
            return self.minor.to_string();
        }
        let unit = 10_u64.pow(u32::try_from(places).expect("a currency has few decimals"));
        format!("{}.{:0places$}", self.minor / unit, self.minor % unit)
    }

    /// Another number of minor units of the same currency.
    pub(crate) fn with_minor(self, minor: u64) -> Self {
        Self { minor, ..self }
    }

    pub(crate) fn same_currency(self, other: Self) -> bool {
        self.currency == other.currency
    }
}

impl TryFrom<Text> for Amount {
    type Error = AmountFault;

    fn try_from(text: Text) -> Result<Self, AmountFault> {
        Self::parse(&text.value, &text.iso)
    }
}

impl From<Amount> for Text {
    fn from(amount: Amount) -> Self {
        Self { value: amount.value(), iso: amount.iso().to_owned() }
    }
}

fn places(currency: Currency) -> usize {
    usize::from(currency.exponent().unwrap_or(0))
}

fn parse_minor(value: &str, places: usize) -> Option<u64> {
    let (whole, decimals) = match value.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (value, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = whole == "0" || !(whole.is_empty() || whole.starts_with('0'));
    let fits = decimals.len() <= places && whole.len() + places <= DIGITS_MAX;
    if !(plain && fits && digits(whole) && digits(decimals)) {
        return None;
    }
    format!("{whole}{decimals:0<places$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_decimals_of_the_currency() {
        for (value, iso, minor, written) in [
            ("12.34", "GBP", 1_234, "12.34"),
            ("12.3", "GBP", 1_230, "12.30"),
            ("12", "GBP", 1_200, "12.00"),
            ("0.05", "EUR", 5, "0.05"),
            ("0", "GBP", 0, "0.00"),
            ("500", "JPY", 500, "500"),
            ("1.234", "KWD", 1_234, "1.234"),
            ("9999999999999.99", "GBP", 999_999_999_999_999, "9999999999999.99"),
        ] {
            let amount = Amount::parse(value, iso).unwrap();
            assert_eq!((amount.minor(), amount.iso()), (minor, iso));
            assert_eq!(amount.value(), written);
            assert_eq!(Amount::parse(written, iso).unwrap(), amount);
        }
    }

    #[test]
    fn refuses_what_is_no_plain_decimal() {
        for value in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "01",
            "1e3",
            "1,5",
            "1.234",
            " 1",
            "1.2.3",
            "99999999999999.99",
            "١",
        ] {
            assert!(Amount::parse(value, "GBP").is_err(), "{value:?} must be refused");
        }
        assert!(Amount::parse("1.0", "JPY").is_err(), "a yen has no decimals");
    }

    #[test]
    fn refuses_what_is_no_currency_with_minor_units() {
        for iso in ["", "gbp", "GB", "ZZZ", "XAU"] {
            assert_eq!(Amount::parse("1", iso), Err(AmountFault::UnknownCurrency(iso.to_owned())));
        }
    }

    #[test]
    fn json_is_an_object_of_two_texts() {
        let amount = Amount::parse("12.3", "GBP").unwrap();
        let json = serde_json::to_string(&amount).unwrap();
        assert_eq!(json, r#"{"value":"12.30","iso":"GBP"}"#);
        assert_eq!(serde_json::from_str::<Amount>(&json).unwrap(), amount);
    }
}
