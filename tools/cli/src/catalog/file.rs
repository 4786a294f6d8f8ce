//! Products and stock as a file of comma-separated values.

use std::collections::HashMap;
use std::fmt;
use std::io;

use anyhow::Context as _;
use bowline_inventory_domain::Product;
use bowline_kernel::{Currency, Money, Sku};
use csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};

/// The columns, and whether a file must have them.
const COLUMNS: [(&str, bool); 6] = [
    ("sku", true),
    ("name", true),
    ("price", true),
    ("currency", true),
    ("stock", false),
    ("image_uri", false),
];
/// Faults that are named one by one; of others only the number is told.
const NAMED_MAX: usize = 20;

/// A product, and how many units of it are added.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) product: Product,
    pub(super) stock: i64,
}

/// All that is wrong with a file.
#[derive(Debug, Default, PartialEq, Eq, thiserror::Error)]
pub(super) struct Faults(Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut named = self.0.iter().take(NAMED_MAX);
        named.try_for_each(|fault| write!(f, "\n  {fault}"))?;
        match self.0.len().saturating_sub(NAMED_MAX) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// Reads a file to its end. The error holds [`Faults`] if it can be read but is not right.
pub(super) fn read(file: impl io::Read) -> anyhow::Result<Vec<Row>> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(file);
    let columns = Columns::of(reader.headers()?)?;
    let (mut rows, mut faults, mut lines) = (Vec::new(), Faults::default(), HashMap::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) if error.is_io_error() => return Err(error).context("the file breaks off"),
            Err(error) => {
                faults.0.push(of_form(&error));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let mut told = Vec::new();
        if let Some(row) = columns.row(&record, &mut told) {
            if let Some(first) = lines.insert(row.product.sku().clone(), line) {
                told.push(format!("sku must not be named twice, is the one of line {first}"));
            }
            rows.push(row);
        }
        faults.0.extend(told.into_iter().map(|fault| format!("line {line}: {fault}")));
    }
    if rows.is_empty() && faults.0.is_empty() {
        faults.0.push("line 2: expected a product".to_owned());
    }
    if faults.0.is_empty() { Ok(rows) } else { Err(faults.into()) }
}

/// Where the columns stand in each line.
struct Columns([Option<usize>; COLUMNS.len()]);

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, Faults> {
        let names = COLUMNS.map(|(name, _)| name);
        let mut faults = Faults::default();
        let unknown = header.iter().filter(|name| !names.contains(name));
        let expected = names.join(", ");
        faults
            .0
            .extend(unknown.map(|name| format!("line 1: {name:?} is no column, expected are {expected}")));
        let places = names.map(|name| header.iter().position(|found| found == name));
        for ((name, is_needed), place) in COLUMNS.iter().zip(places) {
            if *is_needed && place.is_none() {
                faults.0.push(format!("line 1: the column {name} is missing"));
            } else if header.iter().filter(|found| found == name).count() > 1 {
                faults.0.push(format!("line 1: the column {name} is there twice"));
            }
        }
        if faults.0.is_empty() { Ok(Self(places)) } else { Err(faults) }
    }

    /// The product of one line, unless something is wrong with it.
    fn row(&self, record: &StringRecord, faults: &mut Vec<String>) -> Option<Row> {
        let [sku, name, price, currency, stock, image_uri] =
            self.0.map(|place| place.and_then(|place| record.get(place)).unwrap_or_default());
        let mut take = |field: &str, text: &str, expected: String| {
            faults.push(format!("{field} must be {expected}, was {text:?}"));
        };
        let parsed: Result<Sku, _> = sku.parse();
        if let Err(error) = &parsed {
            take("sku", sku, error.expected.to_owned());
        }
        let known = Currency::from_code(currency);
        if known.is_none() {
            take("currency", currency, "an ISO 4217 code such as GBP".to_owned());
        }
        let digits = known.map_or(2, |currency| usize::from(currency.exponent().unwrap_or(0)));
        let minor = minor(price, digits);
        if minor.is_none() {
            let expected =
                format!("an amount above zero with at most {digits} digits behind the point, such as 12");
            take("price", price, expected);
        }
        let units = if stock.is_empty() { Some(0) } else { stock.parse().ok().filter(|units| *units >= 0) };
        if units.is_none() {
            take("stock", stock, "a whole number of units to add, 0 or more".to_owned());
        }
        // What is malformed is replaced for the check, so that the faults of the other fields are named as well.
        let stand_in = || "x".parse().expect("a letter is a SKU");
        let amount = Money::new(minor.unwrap_or(1), known.unwrap_or(Currency::GBP));
        let product = Product::new(parsed.clone().unwrap_or_else(|_| stand_in()), name, amount, image_uri);
        match product {
            Ok(product) if parsed.is_ok() && known.is_some() && minor.is_some() => {
                units.map(|stock| Row { product, stock })
            }
            Ok(_) => None,
            Err(wrong) => {
                faults.extend(wrong.iter().map(ToString::to_string));
                None
            }
        }
    }
}

/// A decimal number above zero as a whole number of minor units, of which a unit has 10 to the power of `digits`.
fn minor(text: &str, digits: usize) -> Option<i64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(rest) || rest.len() > digits || text.ends_with('.')
    {
        return None;
    }
    format!("{whole}{rest:0<digits$}").parse().ok().filter(|minor| *minor > 0)
}

/// A line that is none.
fn of_form(error: &csv::Error) -> String {
    match error.kind() {
        ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("line {line}: has {len} fields, the first line has {expected_len}")
        }
        ErrorKind::Utf8 { pos, err } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("line {line}: field {} is not UTF-8", err.field() + 1)
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(file: &str) -> Vec<String> {
        read(file.as_bytes()).expect_err(file).downcast::<Faults>().expect(file).0
    }

    #[test]
    fn columns_may_have_any_order_and_stock_and_pictures_may_be_missing() {
        let file = "currency, name ,price,sku\nGBP,\"A mug, white\",4.95,MUG\nJPY,A fan,120,FAN 1\n";
        let rows = read(file.as_bytes()).unwrap();
        let product = |sku: &str, name: &str, minor, currency| {
            Product::new(sku.parse().unwrap(), name, Money::new(minor, currency), "").unwrap()
        };
        let expected = [
            product("MUG", "A mug, white", 495, Currency::GBP),
            product("FAN 1", "A fan", 120, Currency::JPY),
        ];
        assert_eq!(rows, expected.map(|product| Row { product, stock: 0 }));
        let rows =
            read("sku,name,price,currency,stock,image_uri\nMUG,Mug,4.9,GBP,7,http://x/y".as_bytes()).unwrap();
        assert_eq!((rows[0].stock, rows[0].product.price().minor), (7, 490));
        assert_eq!(rows[0].product.image_uri(), "http://x/y");
    }

    #[test]
    fn every_fault_is_named_by_line_and_field() {
        let file = "sku,name,price,currency,stock\n\
                    MUG,Mug,4.95,GBP,1\n\
                    ,Cup,4.955,POUND,-1\n\
                    MUG,,0,GBP,many\n\
                    MUG,Mug,1,GBP,1\n\
                    CUP,Cup,1.00\n";
        assert_eq!(
            faults(file),
            [
                "line 3: sku must be 1 to 64 characters without control characters or white space at the ends, was \"\"",
                "line 3: currency must be an ISO 4217 code such as GBP, was \"POUND\"",
                "line 3: price must be an amount above zero with at most 2 digits behind the point, such as 12, was \
                 \"4.955\"",
                "line 3: stock must be a whole number of units to add, 0 or more, was \"-1\"",
                "line 4: price must be an amount above zero with at most 2 digits behind the point, such as 12, was \"0\"",
                "line 4: stock must be a whole number of units to add, 0 or more, was \"many\"",
                "line 4: name must be 1 to 200 characters, not all white space and without control characters",
                "line 5: sku must not be named twice, is the one of line 2",
                "line 6: has 3 fields, the first line has 5",
            ]
        );
    }

    #[test]
    fn the_first_line_names_the_columns() {
        assert_eq!(
            faults("sku,description,price,price\n"),
            [
                "line 1: \"description\" is no column, expected are sku, name, price, currency, stock, image_uri",
                "line 1: the column name is missing",
                "line 1: the column price is there twice",
                "line 1: the column currency is missing",
            ]
        );
        assert_eq!(faults("").len(), 4);
        assert_eq!(faults("sku,name,price,currency\n"), ["line 2: expected a product"]);
    }

    #[test]
    fn many_faults_are_counted() {
        let faults = Faults(vec!["line 2: wrong".to_owned(); 23]).to_string();
        assert_eq!(faults.lines().filter(|line| *line == "  line 2: wrong").count(), 20);
        assert!(faults.ends_with("\n  and 3 more"), "{faults}");
    }

    #[test]
    fn a_price_is_never_rounded() {
        assert_eq!(
            [minor("12.34", 2), minor("12.3", 2), minor("12", 2)],
            [Some(1_234), Some(1_230), Some(1_200)]
        );
        assert_eq!([minor("12", 0), minor("0.001", 3), minor("007", 0)], [Some(12), Some(1), Some(7)]);
        for wrong in
            ["", ".5", "5.", "-1", "+1", "1e3", "1,000", "12.345", "0", "0.00", "99999999999999999999"]
        {
            assert_eq!(minor(wrong, 2), None, "{wrong}");
        }
    }
}
