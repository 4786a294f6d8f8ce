//! What a replay is going to do, and what must come of it.

use std::sync::Arc;

use bowline_kernel::Currency;

/// Everything that a replay needs, computed from a file of invoices alone.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The currency of every price and total.
    pub currency: Currency,
    /// The catalogue, in order of SKU.
    pub products: Vec<Product>,
    /// The units to enter before the replay, in order of SKU; only SKUs that a replayed order asks for.
    pub stock: Vec<InitialStock>,
    /// The orders, in the sequence in which they are placed.
    pub orders: Vec<PlannedOrder>,
    /// The number of rows in the file, its header not counted.
    pub rows_read: u64,
    /// The rows that are not sales.
    pub skipped: SkippedRows,
}

/// A product of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The stock-keeping unit.
    pub sku: Arc<str>,
    /// The name, 1 to 200 characters.
    pub name: String,
    /// The list price of one unit in minor units, at least 1.
    pub price_minor: i64,
}

/// Units of one SKU that are there before the first order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitialStock {
    /// The stock-keeping unit.
    pub sku: Arc<str>,
    /// The number of units, at least 1.
    pub units: i64,
}

/// One order to place. Repetitions of an invoice share what does not differ between them.
#[derive(Debug, Clone)]
pub struct PlannedOrder {
    /// The invoice number, unique in the plan.
    pub invoice: Arc<str>,
    /// The customer, or the guest of this invoice.
    pub customer: Arc<str>,
    /// The customer's country, at most 64 characters; may be empty.
    pub country: Arc<str>,
    /// The lines, no SKU twice.
    pub lines: Arc<[PlannedLine]>,
    /// The payment token; the provider's simulator declines those that start with [`DECLINED_TOKEN_PREFIX`].
    pub payment_token: String,
    /// True when the customer changes their mind right after placing the order.
    pub cancels: bool,
    /// The number of units of all lines; 0 when the order is expected to be rejected.
    pub expected_units: u64,
    /// What the order amounts to at list prices, in minor units; 0 when it is expected to be rejected.
    pub expected_total_minor: i64,
    /// Why orders must refuse this order, when it must.
    pub expected_rejection: Option<ExpectedRejection>,
}

/// One line of an order to place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedLine {
    /// The stock-keeping unit.
    pub sku: Arc<str>,
    /// The number of units; a number beyond 32 bits is the largest of 32 bits, which is refused as well.
    pub quantity: u32,
}

/// Tokens that start with this are declined by the payment simulator.
pub const DECLINED_TOKEN_PREFIX: &str = "tok_decline";

/// Why an order of the file cannot be accepted by PlaceOrder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpectedRejection {
    /// The invoice has more different SKUs than an order may have lines.
    #[error("{lines} lines")]
    TooManyLines {
        /// How many it has.
        lines: usize,
    },
    /// A line asks for more units than an order may.
    #[error("{quantity} units of {sku:?}")]
    QuantityTooLarge {
        /// The line's SKU.
        sku: Arc<str>,
        /// How many units the rows of the invoice add up to.
        quantity: u64,
    },
    /// A SKU of the invoice does not have the form of one.
    #[error("the SKU {sku:?} is malformed")]
    MalformedSku {
        /// The text that should be a SKU.
        sku: Arc<str>,
    },
    /// The customer's id does not have the form of one.
    #[error("the customer id {customer:?} is malformed")]
    MalformedCustomer {
        /// The text that should be a customer id.
        customer: Arc<str>,
    },
}

impl Plan {
    /// The order at `index`, from 0; beyond the last one the orders come again and again, under new invoice numbers.
    pub fn order(&self, index: usize) -> PlannedOrder {
        let count = self.orders.len();
        let order = self.orders[index % count].clone();
        match index / count {
            0 => order,
            // Not the form in which the plan itself repeats a file, so that no number comes twice.
            round => PlannedOrder { invoice: format!("{}-again{round}", order.invoice).into(), ..order },
        }
    }
}

impl ExpectedRejection {
    /// The field of PlaceOrderRequest that the refusal names, without list positions.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::TooManyLines { .. } => "lines",
            Self::QuantityTooLarge { .. } => "lines.quantity",
            Self::MalformedSku { .. } => "lines.sku",
            Self::MalformedCustomer { .. } => "customer_id",
        }
    }
}

/// Rows that are not sales, each counted once under the first reason that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SkippedRows {
    /// The invoice number starts with `C`: the retailer's mark for a cancellation.
    pub cancellations: u64,
    /// The quantity is zero or negative.
    pub quantity_not_positive: u64,
    /// The price is zero or negative.
    pub price_not_positive: u64,
}

impl SkippedRows {
    /// All rows that are not sales.
    pub const fn total(&self) -> u64 {
        self.cancellations + self.quantity_not_positive + self.price_not_positive
    }
}

/// What PlaceOrder accepts at most; must equal the configuration of the orders service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderLimits {
    /// The most lines of an order.
    pub lines_max: usize,
    /// The most units of a line.
    pub quantity_max: u32,
}

impl Default for OrderLimits {
    fn default() -> Self {
        Self { lines_max: 1_000, quantity_max: 100_000 }
    }
}
