//! What a replay came to: as JSON for machines, as a summary for people.

mod summary;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::generator::{CancelReason, Outcome};
use crate::plan::{Plan, SkippedRows};

/// The report of one replay. Its JSON is the serde form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What became of the orders.
    pub orders: Orders,
    /// What was charged.
    pub money: Money,
    /// Units sold, as inventory's ledger says.
    pub units_sold: i64,
    /// Finished sagas a second, from the first PlaceOrder to the last saga finished.
    pub sagas_per_second: f64,
    /// From placed to confirmed, by orders' own clock; zeros when no order was confirmed.
    pub placed_to_confirmed_ms: Percentiles,
    /// Everything that was checked.
    pub invariants: Vec<Invariant>,
    /// How often each service was started again.
    pub restarts: BTreeMap<String, u64>,
    /// The file's rows, for the summary.
    #[serde(skip)]
    pub rows: Rows,
}

/// Orders by outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Orders {
    /// Orders that were to be placed, repetitions of an endless replay included.
    pub read: u64,
    /// Orders that were accepted.
    pub placed: u64,
    /// Orders that ended confirmed.
    pub confirmed: u64,
    /// Orders that ended cancelled.
    pub cancelled: Cancelled,
    /// Refused orders by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Orders that are neither finished nor refused.
    pub unfinished: u64,
}

/// Cancelled orders by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Cancelled {
    /// A line could not be reserved.
    pub out_of_stock: u64,
    /// The provider declined.
    pub payment_declined: u64,
    /// The customer changed their mind in time.
    pub customer: u64,
    /// The provider refused the capture for good.
    pub capture_failed: u64,
    /// A deadline passed; left out of the JSON when there is none.
    #[serde(skip_serializing_if = "is_zero")]
    pub deadline: u64,
}

/// Money in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Money {
    /// ISO 4217 code.
    pub currency: String,
    /// What the confirmed orders amount to, as orders says.
    pub confirmed_minor: i64,
    /// What was authorised, as payment says.
    pub authorized_minor: i64,
    /// What was captured, as payment says.
    pub captured_minor: i64,
    /// What was voided, as payment says.
    pub voided_minor: i64,
}

/// A distribution in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
}

/// One thing that must hold, with how often it was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invariant {
    /// What must hold, as a clause.
    pub name: String,
    /// How many things were checked.
    pub checked: u64,
    /// How many of them broke it.
    pub violations: u64,
}

/// What the services' own books say about a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Books {
    /// What payment has authorised, in minor units.
    pub authorized_minor: i64,
    /// What payment has captured, in minor units.
    pub captured_minor: i64,
    /// What payment has voided, in minor units.
    pub voided_minor: i64,
    /// What inventory has sold, in units.
    pub units_sold: i64,
}

/// The rows of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rows {
    /// All rows, the header not counted.
    pub read: u64,
    /// Those that are not sales.
    pub skipped: SkippedRows,
}

impl Report {
    /// Brings together what the generator saw, what the books say and what was checked.
    pub fn new(
        plan: &Plan,
        outcome: &Outcome,
        books: Books,
        invariants: Vec<Invariant>,
        restarts: BTreeMap<String, u64>,
    ) -> Self {
        let latencies = &outcome.placed_to_confirmed_us;
        Self {
            orders: Orders {
                read: outcome.orders.len() as u64,
                placed: outcome.placed(),
                confirmed: outcome.confirmed(),
                cancelled: Cancelled {
                    out_of_stock: outcome.cancelled(CancelReason::OutOfStock),
                    payment_declined: outcome.cancelled(CancelReason::PaymentDeclined),
                    customer: outcome.cancelled(CancelReason::Customer),
                    capture_failed: outcome.cancelled(CancelReason::CaptureFailed),
                    deadline: outcome.cancelled(CancelReason::Deadline),
                },
                rejected: outcome.rejected(),
                unfinished: outcome.unfinished(),
            },
            money: Money {
                currency: plan.currency.code().to_owned(),
                confirmed_minor: outcome.confirmed_minor(),
                authorized_minor: books.authorized_minor,
                captured_minor: books.captured_minor,
                voided_minor: books.voided_minor,
            },
            units_sold: books.units_sold,
            sagas_per_second: outcome.sagas_per_second(),
            placed_to_confirmed_ms: Percentiles {
                p50: milliseconds(latencies.value_at_quantile(0.5)),
                p99: milliseconds(latencies.value_at_quantile(0.99)),
            },
            invariants,
            restarts,
            rows: Rows { read: plan.rows_read, skipped: plan.skipped },
        }
    }

    /// True when every order is finished or refused and nothing that was checked is broken.
    pub fn is_success(&self) -> bool {
        self.orders.unfinished == 0 && self.invariants.iter().all(|invariant| invariant.violations == 0)
    }

    /// The report as JSON text that ends with a line break.
    pub fn to_json(&self) -> String {
        let mut json =
            serde_json::to_string_pretty(self).expect("a report has only text keys and finite numbers");
        json.push('\n');
        json
    }

    /// The report for people.
    pub fn summary(&self) -> String {
        summary::of(self)
    }
}

impl Cancelled {
    /// All cancelled orders.
    pub const fn total(&self) -> u64 {
        self.out_of_stock + self.payment_declined + self.customer + self.capture_failed + self.deadline
    }
}

impl Invariant {
    /// An invariant that nothing was checked for yet.
    pub fn unchecked(name: impl Into<String>) -> Self {
        Self { name: name.into(), checked: 0, violations: 0 }
    }

    /// Counts one thing checked, broken if there is a deviation, which is handed back.
    pub fn check<D>(&mut self, deviation: Option<D>) -> Option<D> {
        self.checked += 1;
        self.violations += u64::from(deviation.is_some());
        deviation
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Microseconds as milliseconds.
#[expect(clippy::cast_precision_loss, reason = "the histogram's highest value is an hour, far below 2^52")]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}
