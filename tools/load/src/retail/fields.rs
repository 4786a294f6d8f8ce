//! The fields of one row, read exactly: no floating point, and no guess where the text is not plain.

use std::borrow::Cow;

use chrono::{NaiveDate, NaiveDateTime};
use csv::ByteRecord;

use super::columns::Columns;

/// The longest invoice number in characters; leaves room for what guests and repetitions add to it.
const INVOICE_CHARS_MAX: usize = 40;
/// The most characters of a value that an error repeats.
const SHOWN_CHARS_MAX: usize = 60;
/// Digits before the decimal point: an order's total of 1,000 lines of 100,000 units fits into 64 bits.
const PRICE_WHOLE_DIGITS_MAX: usize = 8;
/// Digits after the decimal point.
const PRICE_DECIMALS_MAX: usize = 18;

/// A row as it stands in the file. White space around a value is not part of it.
#[derive(Debug)]
pub(super) struct Row<'r> {
    pub(super) invoice: Cow<'r, str>,
    pub(super) sku: Cow<'r, str>,
    pub(super) description: Cow<'r, str>,
    pub(super) quantity: i64,
    pub(super) price: Price,
    pub(super) customer: Option<Cow<'r, str>>,
    pub(super) country: Cow<'r, str>,
}

impl<'r> Row<'r> {
    /// Reads a row; an error is the reason for people.
    pub(super) fn parse(
        columns: &Columns,
        record: &'r ByteRecord,
        date_form: &mut DateForm,
    ) -> Result<Self, String> {
        // A quote that is not closed swallows lines silently; no copy of the data has a line break in a value.
        if record.iter().any(|field| field.contains(&b'\n') || field.contains(&b'\r')) {
            return Err("a value goes beyond the end of the line; is a quote not closed?".to_owned());
        }
        let invoice = text(&record[columns.invoice]);
        if !is_invoice(&invoice) {
            return Err(bad("InvoiceNo", &invoice, "1 to 40 characters"));
        }
        let sku = text(&record[columns.sku]);
        if sku.is_empty() {
            return Err(bad("StockCode", &sku, "a stock code"));
        }
        let quantity = text(&record[columns.quantity]);
        let price = text(&record[columns.price]);
        let date = text(&record[columns.date]);
        if !date_form.accepts(&date) {
            return Err(bad("InvoiceDate", &date, "a date and time such as 2010-12-01 08:26:00"));
        }
        Ok(Self {
            quantity: parse_quantity(&quantity)
                .ok_or_else(|| bad("Quantity", &quantity, "a whole number"))?,
            price: Price::parse(&price).ok_or_else(|| {
                bad("UnitPrice", &price, "a decimal number such as 2.55, below 100,000,000")
            })?,
            customer: parse_customer(text(&record[columns.customer])),
            description: text(&record[columns.description]),
            country: text(&record[columns.country]),
            invoice,
            sku,
        })
    }
}

fn bad(column: &str, value: &str, expected: &str) -> String {
    let shown: String = value.chars().take(SHOWN_CHARS_MAX).collect();
    let dots = if shown.len() < value.len() { "…" } else { "" };
    format!("{column} is {shown:?}{dots}, expected {expected}")
}

fn is_invoice(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= INVOICE_CHARS_MAX && !text.chars().any(char::is_control)
}

/// `bytes` as text without white space at its ends; bytes that are not UTF-8 are Latin-1, as in older copies.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text.trim()),
        Err(_) => {
            Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect::<String>().trim().to_owned())
        }
    }
}

/// A whole number, also when a spreadsheet made `6.0` of it.
fn parse_quantity(text: &str) -> Option<i64> {
    without_zero_decimals(text).parse().ok()
}

/// The customer's id; a copy that went through a data frame has `17850.0` for 17850.
fn parse_customer(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    if text.is_empty() || ["nan", "na", "null", "none"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return None;
    }
    let whole = without_zero_decimals(&text);
    if whole.len() < text.len() && whole.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Cow::Owned(whole.to_owned()));
    }
    Some(text)
}

fn without_zero_decimals(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, zeros))
            if !whole.is_empty() && !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') =>
        {
            whole
        }
        _ => text,
    }
}

/// A price, exact to 18 decimals; may be zero or negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Price(i128);

impl Price {
    /// What a penny is in the unit of this type.
    const PENNY: i128 = 10_i128.pow(16);

    /// Reads `-12.50`, `.001`, `3` or `1,234.5`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let whole = ungrouped(whole)?;
        let (whole_len, decimals_len) = (whole.len(), decimals.len());
        if whole_len + decimals_len == 0
            || whole_len > PRICE_WHOLE_DIGITS_MAX
            || decimals_len > PRICE_DECIMALS_MAX
        {
            return None;
        }
        let mut value: i128 = 0;
        for digit in whole.bytes().chain(decimals.bytes()) {
            if !digit.is_ascii_digit() {
                return None;
            }
            value = value * 10 + i128::from(digit - b'0');
        }
        for _ in decimals_len..PRICE_DECIMALS_MAX {
            value *= 10;
        }
        Some(Self(if negative { -value } else { value }))
    }

    /// True for a price above zero.
    pub(super) const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// The price in pence, half a penny to the even neighbour.
    pub(super) fn pence_half_even(self) -> i64 {
        let (pence, rest) = (self.0.div_euclid(Self::PENNY), self.0.rem_euclid(Self::PENNY));
        let up = match (rest * 2).cmp(&Self::PENNY) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => pence.rem_euclid(2),
            std::cmp::Ordering::Greater => 1,
        };
        i64::try_from(pence + up).expect("a price has at most 8 digits before the point")
    }
}

/// The digits of `1,234,567` when each comma is followed by three of them.
fn ungrouped(whole: &str) -> Option<Cow<'_, str>> {
    if !whole.contains(',') {
        return Some(Cow::Borrowed(whole));
    }
    let mut groups = whole.split(',');
    let first = groups.next().is_some_and(|group| (1..=3).contains(&group.len()));
    (first && groups.all(|group| group.len() == 3)).then(|| Cow::Owned(whole.replace(',', "")))
}

/// Forms of date and time that copies of the data use. Where a date reads both ways, the month comes first.
const DATE_TIME_FORMS: [&str; 16] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y-%m-%d %H:%M",
    "%m/%d/%y %H:%M",
    "%d/%m/%y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
];
/// Forms of a date without a time.
const DATE_FORMS: [&str; 3] = ["%Y-%m-%d", "%m/%d/%Y", "%d/%m/%Y"];

/// Checks that a text is a date, beginning with the form that the last one had.
#[derive(Debug, Default)]
pub(super) struct DateForm(usize);

impl DateForm {
    /// True when `text` is a date in one of the forms. Nothing depends on which date it is.
    pub(super) fn accepts(&mut self, text: &str) -> bool {
        if is_date_time(text, self.0) {
            return true;
        }
        if let Some(form) = (0..DATE_TIME_FORMS.len()).find(|&form| is_date_time(text, form)) {
            self.0 = form;
            return true;
        }
        DATE_FORMS.iter().any(|form| NaiveDate::parse_from_str(text, form).is_ok())
    }
}

fn is_date_time(text: &str, form: usize) -> bool {
    NaiveDateTime::parse_from_str(text, DATE_TIME_FORMS[form]).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pence(text: &str) -> Option<i64> {
        Price::parse(text).map(Price::pence_half_even)
    }

    #[test]
    fn prices_round_half_to_even() {
        let expected =
            [("2.55", 255), ("0.005", 0), ("0.015", 2), ("0.025", 2), ("0.0250000001", 3), (".5", 50)];
        for (text, minor) in expected {
            assert_eq!(pence(text), Some(minor), "{text}");
        }
        assert_eq!(pence("1,234.5"), Some(123_450));
        assert_eq!(pence("2.5499999999999998"), Some(255));
        assert_eq!(pence("-11062.06"), Some(-1_106_206));
    }

    #[test]
    fn text_that_is_no_price_is_refused() {
        let malformed = [
            "",
            ".",
            "-",
            "1e3",
            "£2",
            "1,23",
            "12,3456",
            ",123",
            "1.2.3",
            "--1",
            "100000000",
            "1.0000000000000000000",
        ];
        for text in malformed {
            assert_eq!(Price::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn quantities_are_whole_numbers() {
        assert_eq!(parse_quantity("-80995"), Some(-80_995));
        assert_eq!(parse_quantity("6.0"), Some(6));
        for malformed in ["", "6.5", "6.", ".0", "six", "1e3", "99999999999999999999"] {
            assert_eq!(parse_quantity(malformed), None, "{malformed:?}");
        }
    }

    #[test]
    fn customers_lose_the_decimals_of_a_data_frame() {
        let customer = |text| parse_customer(Cow::Borrowed(text)).map(Cow::into_owned);
        assert_eq!(customer("17850.0").as_deref(), Some("17850"));
        assert_eq!(customer("17850").as_deref(), Some("17850"));
        assert_eq!(customer("acme.0").as_deref(), Some("acme.0"));
        assert_eq!(customer(""), None);
        assert_eq!(customer("NaN"), None);
    }

    #[test]
    fn dates_of_every_copy_are_understood() {
        let mut form = DateForm::default();
        let dates = [
            "2010-12-01T08:26:00",
            "2010-12-01 08:26:00",
            "2010-12-01 08:26",
            "12/1/2010 8:26",
            "13/12/2010 08:26",
            "12/1/10 8:26",
            "01-12-2010 08:26",
            "12/1/2010 8:26 AM",
            "2010-12-01",
        ];
        for date in dates {
            assert!(form.accepts(date), "{date}");
        }
        for malformed in ["", "yesterday", "2010-13-01 08:26:00", "13/13/2010 08:26", "40513.35"] {
            assert!(!form.accepts(malformed), "{malformed:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_latin1() {
        assert_eq!(text(b" CAF\xc9 \xa3 "), "CAFÉ £");
        assert_eq!(text("CAFÉ".as_bytes()), "CAFÉ");
    }

    proptest! {
        #[test]
        fn whole_pence_stay_as_they_are(minor in 0_i64..9_999_999_999) {
            prop_assert_eq!(pence(&format!("{}.{:02}", minor / 100, minor % 100)), Some(minor));
        }
    }
}
