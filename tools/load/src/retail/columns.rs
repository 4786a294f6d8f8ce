//! Which column of the file means what.

use std::path::Path;

use csv::ByteRecord;

use super::error::ImportError;
use super::fields::text;

/// The most columns that an error lists.
const FOUND_SHOWN_MAX: usize = 12;

/// The position of each field in a row.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) invoice: usize,
    pub(super) sku: usize,
    pub(super) description: usize,
    pub(super) quantity: usize,
    pub(super) date: usize,
    pub(super) price: usize,
    pub(super) customer: usize,
    pub(super) country: usize,
}

/// A field's names in the copies in circulation: for people, and in the form of [`normalised`].
const NAMES: [(&str, &[&str]); 8] = [
    ("Invoice or InvoiceNo", &["invoice", "invoiceno"]),
    ("StockCode", &["stockcode"]),
    ("Description", &["description"]),
    ("Quantity", &["quantity"]),
    ("InvoiceDate", &["invoicedate"]),
    ("Price or UnitPrice", &["price", "unitprice"]),
    ("Customer ID or CustomerID", &["customerid"]),
    ("Country", &["country"]),
];

impl Columns {
    /// Finds every field in the `header` of the file at `path`; other columns are ignored.
    pub(super) fn find(path: &Path, header: &ByteRecord) -> Result<Self, ImportError> {
        let names: Vec<String> = header.iter().map(|name| normalised(&text(name))).collect();
        let mut positions = [0; NAMES.len()];
        let mut missing = Vec::new();
        for (position, (label, accepted)) in positions.iter_mut().zip(NAMES) {
            let mut matches = (0..names.len()).filter(|&i| accepted.contains(&names[i].as_str()));
            match (matches.next(), matches.next()) {
                (Some(only), None) => *position = only,
                (None, _) => missing.push(label),
                (Some(_), Some(_)) => {
                    return Err(ImportError::AmbiguousColumn { path: path.into(), column: label });
                }
            }
        }
        if !missing.is_empty() {
            let found = header.iter().take(FOUND_SHOWN_MAX).map(|name| format!("{:?}", text(name))).collect();
            return Err(ImportError::MissingColumns { path: path.into(), missing, found });
        }
        let [invoice, sku, description, quantity, date, price, customer, country] = positions;
        Ok(Self { invoice, sku, description, quantity, date, price, customer, country })
    }
}

/// A column's name without case, white space, `_` and `-`.
fn normalised(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}
