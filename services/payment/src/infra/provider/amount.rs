//! Money as the provider writes it: decimals, exact, with no float on the way.

use bowline_kernel::{Currency, Money};

/// The decimal of an amount, with all decimals of its currency; `None` for a negative amount or a currency without
/// minor units.
pub(super) fn decimal(amount: Money) -> Option<String> {
    let places = usize::from(amount.currency.exponent()?);
    let minor = u64::try_from(amount.minor).ok()?;
    if places == 0 {
        return Some(minor.to_string());
    }
    let unit = 10_u64.checked_pow(u32::try_from(places).ok()?)?;
    Some(format!("{}.{:0places$}", minor / unit, minor % unit))
}

/// The amount of a decimal; `None` unless it is plain digits with at most as many decimals as the currency has.
pub(super) fn money(value: &str, iso: &str) -> Option<Money> {
    let currency = Currency::from_code(iso)?;
    let places = usize::from(currency.exponent()?);
    let (whole, decimals) = match value.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (value, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || decimals.len() > places || !digits(whole) || !digits(decimals) {
        return None;
    }
    let minor = format!("{whole}{decimals:0<places$}").parse().ok()?;
    Some(Money::new(minor, currency))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_in_every_currency() {
        for (minor, currency, written) in [
            (0, Currency::GBP, "0.00"),
            (5, Currency::GBP, "0.05"),
            (1_234, Currency::GBP, "12.34"),
            (500, Currency::JPY, "500"),
            (1_234, Currency::KWD, "1.234"),
            (i64::MAX, Currency::EUR, "92233720368547758.07"),
        ] {
            let amount = Money::new(minor, currency);
            assert_eq!(decimal(amount).as_deref(), Some(written));
            assert_eq!(money(written, currency.code()), Some(amount));
        }
        assert_eq!(money("12.3", "GBP"), Some(Money::new(1_230, Currency::GBP)));
    }

    #[test]
    fn what_is_no_plain_decimal_is_not_read() {
        for value in
            ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "1.234", " 1", "1.2.3", "92233720368547758.08"]
        {
            assert_eq!(money(value, "GBP"), None, "{value:?}");
        }
        assert_eq!(money("1", "gbp"), None);
        assert_eq!(decimal(Money::new(-1, Currency::GBP)), None);
    }
}
