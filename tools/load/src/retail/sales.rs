//! The sales of a file, gathered row by row.

use std::collections::HashMap;
use std::sync::Arc;

use bowline_kernel::Sku;

use super::fields::{Price, Row};
use crate::plan::SkippedRows;

/// The most characters of a product's name.
const NAME_CHARS_MAX: usize = 200;
/// The most characters of a country.
const COUNTRY_CHARS_MAX: usize = 64;

/// What a file of invoices holds, independent of how much of it is replayed.
#[derive(Debug, Default)]
pub struct Sales {
    rows: u64,
    skipped: SkippedRows,
    items: Vec<Item>,
    invoices: Vec<Invoice>,
    item_by_sku: HashMap<Arc<str>, usize>,
    invoice_by_number: HashMap<Arc<str>, usize>,
    line_by_invoice_and_item: HashMap<(usize, usize), usize>,
    countries: HashMap<String, Arc<str>>,
}

/// Everything that the file says about one SKU.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) sku: Arc<str>,
    /// False when the text does not have the form of a SKU.
    pub(super) well_formed: bool,
    /// The first description of a row that is a sale, empty when there is none.
    pub(super) name: String,
    pub(super) sold: bool,
    pub(super) positive_prices: Vec<Price>,
}

/// The sales of one invoice.
#[derive(Debug)]
pub(super) struct Invoice {
    pub(super) number: Arc<str>,
    pub(super) customer: Option<Arc<str>>,
    pub(super) country: Arc<str>,
    pub(super) lines: Vec<Line>,
}

/// All rows of one SKU in one invoice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// The position of the item.
    pub(super) item: usize,
    pub(super) quantity: u64,
}

impl Sales {
    /// The number of rows, the header not counted.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The rows that are not sales.
    pub const fn skipped(&self) -> SkippedRows {
        self.skipped
    }

    /// The number of invoices that hold a sale.
    pub fn invoice_count(&self) -> usize {
        self.invoices.len()
    }

    /// True when no row is a sale.
    pub fn is_empty(&self) -> bool {
        self.invoices.is_empty()
    }

    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    pub(super) fn invoices(&self) -> &[Invoice] {
        &self.invoices
    }

    /// Takes one row in, as a sale or as a row that is counted as none.
    pub(super) fn add(&mut self, row: &Row<'_>) {
        self.rows += 1;
        let item = self.item(&row.sku);
        // A list price is what the retailer asks for the SKU, in whatever row it says so.
        if row.price.is_positive() {
            self.items[item].positive_prices.push(row.price);
        }
        if row.invoice.starts_with('C') {
            self.skipped.cancellations += 1;
        } else if row.quantity <= 0 {
            self.skipped.quantity_not_positive += 1;
        } else if !row.price.is_positive() {
            self.skipped.price_not_positive += 1;
        } else {
            self.add_sale(row, item);
        }
    }

    fn add_sale(&mut self, row: &Row<'_>, item: usize) {
        let entry = &mut self.items[item];
        entry.sold = true;
        if entry.name.is_empty() {
            entry.name = plain(&row.description, NAME_CHARS_MAX);
        }
        let index = self.invoice(&row.invoice);
        let country = self.country(&row.country);
        let invoice = &mut self.invoices[index];
        if invoice.customer.is_none() {
            invoice.customer = row.customer.as_deref().map(Arc::from);
        }
        if invoice.country.is_empty() {
            invoice.country = country;
        }
        let line = *self.line_by_invoice_and_item.entry((index, item)).or_insert_with(|| {
            invoice.lines.push(Line { item, quantity: 0 });
            invoice.lines.len() - 1
        });
        let quantity = &mut invoice.lines[line].quantity;
        // Saturates far beyond what an order may ask for.
        *quantity = quantity.saturating_add(row.quantity.unsigned_abs());
    }

    fn item(&mut self, sku: &str) -> usize {
        if let Some(&index) = self.item_by_sku.get(sku) {
            return index;
        }
        let sku: Arc<str> = sku.into();
        let index = self.items.len();
        self.items.push(Item {
            sku: Arc::clone(&sku),
            well_formed: sku.parse::<Sku>().is_ok(),
            name: String::new(),
            sold: false,
            positive_prices: Vec::new(),
        });
        self.item_by_sku.insert(sku, index);
        index
    }

    fn invoice(&mut self, number: &str) -> usize {
        if let Some(&index) = self.invoice_by_number.get(number) {
            return index;
        }
        let number: Arc<str> = number.into();
        let index = self.invoices.len();
        self.invoices.push(Invoice {
            number: Arc::clone(&number),
            customer: None,
            country: "".into(),
            lines: Vec::new(),
        });
        self.invoice_by_number.insert(number, index);
        index
    }

    fn country(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.countries.get(name) {
            return Arc::clone(known);
        }
        let country: Arc<str> = plain(name, COUNTRY_CHARS_MAX).into();
        self.countries.insert(name.to_owned(), Arc::clone(&country));
        country
    }
}

/// `text` cut to `chars_max` characters, with spaces for control characters.
fn plain(text: &str, chars_max: usize) -> String {
    let text: String = text.chars().take(chars_max).map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.trim().to_owned()
}
