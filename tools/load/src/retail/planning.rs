//! From the sales of a file to the plan of a replay.

use std::num::NonZeroUsize;
use std::sync::Arc;

use bowline_kernel::{Currency, CustomerId};
use sha2::{Digest, Sha256};

use super::sales::{Invoice, Item, Sales};
use crate::plan::{
    DECLINED_TOKEN_PREFIX, ExpectedRejection, InitialStock, OrderLimits, Plan, PlannedLine, PlannedOrder,
    Product,
};

/// Orders in a hundred whose payment the provider declines.
const DECLINED_PERCENT: u64 = 3;
/// Orders in a hundred that the customer cancels right after placing them.
const CANCELLED_PERCENT: u64 = 1;
/// Initial stock in a hundredth of what the orders ask for.
const STOCK_PERCENT: u64 = 97;

impl Sales {
    /// Plans a replay of `orders` orders: the first of the file when it has more, repetitions under new invoice
    /// numbers when it has fewer, and every invoice once when `None`.
    pub fn plan(&self, orders: Option<NonZeroUsize>, limits: OrderLimits) -> Plan {
        let prices: Vec<i64> = self.items().iter().map(list_price_minor).collect();
        let count = orders.map_or(self.invoice_count(), NonZeroUsize::get);
        let templates: Vec<Template> = self
            .invoices()
            .iter()
            .take(count)
            .map(|invoice| Template::new(invoice, self.items(), &prices, limits))
            .collect();
        let rounds = (1..).flat_map(|round| templates.iter().map(move |template| (round, template)));
        let mut demand = vec![0_u64; self.items().len()];
        let mut planned = Vec::with_capacity(count);
        for (round, template) in rounds.take(count) {
            let order = template.order(round);
            if order.expected_rejection.is_none() {
                template.invoice.lines.iter().for_each(|line| demand[line.item] += line.quantity);
            }
            planned.push(order);
        }
        Plan {
            currency: Currency::GBP,
            products: products(self.items(), &prices),
            stock: stock(self.items(), &demand),
            orders: planned,
            rows_read: self.rows(),
            skipped: self.skipped(),
        }
    }
}

/// What the repetitions of an invoice have in common.
struct Template<'s> {
    invoice: &'s Invoice,
    lines: Arc<[PlannedLine]>,
    units: u64,
    total_minor: i64,
    rejection: Option<ExpectedRejection>,
}

impl<'s> Template<'s> {
    fn new(invoice: &'s Invoice, items: &[Item], prices: &[i64], limits: OrderLimits) -> Self {
        let rejection = rejection(invoice, items, limits);
        let lines = invoice.lines.iter().map(|line| PlannedLine {
            sku: Arc::clone(&items[line.item].sku),
            quantity: u32::try_from(line.quantity).unwrap_or(u32::MAX),
        });
        let (units, total_minor) = match rejection {
            Some(_) => (0, 0),
            None => amounts(invoice, prices),
        };
        Self { invoice, lines: lines.collect(), units, total_minor, rejection }
    }

    /// The order of this invoice in the given round through the file, from 1.
    fn order(&self, round: usize) -> PlannedOrder {
        let invoice: Arc<str> = match round {
            1 => Arc::clone(&self.invoice.number),
            _ => format!("{}-r{round}", self.invoice.number).into(),
        };
        let customer = self.invoice.customer.clone().unwrap_or_else(|| format!("guest-{invoice}").into());
        let malformed_customer = (customer.parse::<CustomerId>().is_err())
            .then(|| ExpectedRejection::MalformedCustomer { customer: Arc::clone(&customer) });
        let lot = Lot::of(&invoice);
        let expected_rejection = self.rejection.clone().or(malformed_customer);
        let (expected_units, expected_total_minor) = match expected_rejection {
            Some(_) => (0, 0),
            None => (self.units, self.total_minor),
        };
        PlannedOrder {
            payment_token: lot.payment_token(),
            cancels: lot.cancels(),
            invoice,
            customer,
            country: Arc::clone(&self.invoice.country),
            lines: Arc::clone(&self.lines),
            expected_units,
            expected_total_minor,
            expected_rejection,
        }
    }
}

fn rejection(invoice: &Invoice, items: &[Item], limits: OrderLimits) -> Option<ExpectedRejection> {
    if invoice.lines.len() > limits.lines_max {
        return Some(ExpectedRejection::TooManyLines { lines: invoice.lines.len() });
    }
    invoice.lines.iter().find_map(|line| {
        let item = &items[line.item];
        if !item.well_formed {
            return Some(ExpectedRejection::MalformedSku { sku: Arc::clone(&item.sku) });
        }
        (line.quantity > u64::from(limits.quantity_max)).then(|| ExpectedRejection::QuantityTooLarge {
            sku: Arc::clone(&item.sku),
            quantity: line.quantity,
        })
    })
}

/// Units and money of an invoice whose lines and quantities are within the limits, so that nothing overflows.
fn amounts(invoice: &Invoice, prices: &[i64]) -> (u64, i64) {
    invoice.lines.iter().fold((0, 0), |(units, total), line| {
        let quantity = i64::try_from(line.quantity).expect("an accepted quantity has 32 bits");
        (units + line.quantity, total + quantity * prices[line.item])
    })
}

/// The lower median of the positive prices, in whole pence, at least one.
fn list_price_minor(item: &Item) -> i64 {
    let mut prices = item.positive_prices.clone();
    if prices.is_empty() {
        return 1;
    }
    let middle = (prices.len() - 1) / 2;
    let (_, median, _) = prices.select_nth_unstable(middle);
    median.pence_half_even().max(1)
}

fn products(items: &[Item], prices: &[i64]) -> Vec<Product> {
    let mut products: Vec<Product> = items
        .iter()
        .zip(prices)
        .filter(|(item, _)| item.sold && item.well_formed)
        .map(|(item, &price_minor)| Product {
            sku: Arc::clone(&item.sku),
            name: if item.name.is_empty() { item.sku.to_string() } else { item.name.clone() },
            price_minor,
        })
        .collect();
    products.sort_unstable_by(|a, b| a.sku.cmp(&b.sku));
    products
}

fn stock(items: &[Item], demand: &[u64]) -> Vec<InitialStock> {
    let mut stock: Vec<InitialStock> = items
        .iter()
        .zip(demand)
        .filter(|&(_, &units)| units > 0)
        .map(|(item, &units)| InitialStock {
            sku: Arc::clone(&item.sku),
            units: i64::try_from((units * STOCK_PERCENT).div_ceil(100))
                .expect("demand is far below 2^56 units"),
        })
        .collect();
    stock.sort_unstable_by(|a, b| a.sku.cmp(&b.sku));
    stock
}

/// What falls to an order by chance: the same in every run, because it comes from the invoice number alone.
struct Lot {
    payment: u64,
    change_of_mind: u64,
    token: u64,
}

impl Lot {
    fn of(invoice: &str) -> Self {
        let digest = Sha256::digest(invoice.as_bytes());
        let number = |at: usize| {
            u64::from_be_bytes(digest[at..at + 8].try_into().expect("a SHA-256 digest has 32 bytes"))
        };
        Self { payment: number(0), change_of_mind: number(8), token: number(16) }
    }

    fn payment_token(&self) -> String {
        if self.payment % 100 < DECLINED_PERCENT {
            format!("{DECLINED_TOKEN_PREFIX}_insufficient_funds_{:016x}", self.token)
        } else {
            format!("tok_ok_{:016x}", self.token)
        }
    }

    const fn cancels(&self) -> bool {
        self.change_of_mind % 100 < CANCELLED_PERCENT
    }
}
