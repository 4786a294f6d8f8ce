//! One line for people about each event.

use bowline_kernel::Money;

use crate::{Attempts, CancelReason, OrderStatus, PublicEvent, Shortage};

/// Shortages that are named one by one; of the others only the number is told.
const SHORTAGES_NAMED_MAX: usize = 3;

/// What `event` says, lower-case and without a full stop.
pub(super) fn of(event: &PublicEvent) -> String {
    match event {
        PublicEvent::OrderPlaced { lines, total, .. } => {
            let units = lines.iter().map(|line| u64::from(line.quantity.get())).sum();
            format!("placed {} over {} for {total}", count(units, "unit"), count(lines.len() as u64, "line"))
        }
        PublicEvent::OrderConfirmed { .. } => "confirmed".to_owned(),
        PublicEvent::OrderCancelled { reason, .. } => format!("cancelled: {}", cause(*reason)),
        PublicEvent::OrderFinished { status, cancel_reason, .. } => finished(*status, *cancel_reason),
        PublicEvent::StockReserved { units, lines, .. } => {
            format!("reserved {} over {}", count(*units, "unit"), count(u64::from(*lines), "line"))
        }
        PublicEvent::StockRejected { shortages, .. } => out_of_stock(shortages),
        PublicEvent::StockCommitted { units, .. } => format!("sold {}", count(*units, "unit")),
        PublicEvent::StockReleased { units: 0, .. } => "nothing to release".to_owned(),
        PublicEvent::StockReleased { units, .. } => format!("released {}", count(*units, "unit")),
        PublicEvent::StockRestocked { units: 0, .. } => "nothing to put back".to_owned(),
        PublicEvent::StockRestocked { units, .. } => format!("put back {}", count(*units, "unit")),
        PublicEvent::PaymentAuthorized { amount, attempts, .. } => {
            format!("authorised {amount}{}", after(attempts))
        }
        PublicEvent::PaymentDeclined { reason, attempts, .. } => {
            format!("declined: {}{}", words(reason), after(attempts))
        }
        PublicEvent::PaymentCaptured { amount, attempts, .. } => {
            format!("captured {amount}{}", after(attempts))
        }
        PublicEvent::PaymentCaptureFailed { reason, attempts, .. } => {
            format!("capture refused: {}{}", words(reason), after(attempts))
        }
        PublicEvent::PaymentVoided { amount, attempts, .. } => {
            format!("{}{}", voided(*amount), after(attempts))
        }
    }
}

fn finished(status: OrderStatus, cancel_reason: Option<CancelReason>) -> String {
    match cancel_reason {
        Some(reason) => format!("finished: {status}, {}", cause(reason)),
        None => format!("finished: {status}"),
    }
}

fn out_of_stock(shortages: &[Shortage]) -> String {
    let mut parts: Vec<_> = shortages
        .iter()
        .take(SHORTAGES_NAMED_MAX)
        .map(|shortage| format!("{} of {} missing", shortage.missing, shortage.sku))
        .collect();
    if shortages.len() > SHORTAGES_NAMED_MAX {
        parts.push(format!("and {} more", shortages.len() - SHORTAGES_NAMED_MAX));
    }
    format!("out of stock: {}", parts.join(", "))
}

fn voided(amount: Option<Money>) -> String {
    match amount.filter(|amount| !amount.is_zero()) {
        Some(amount) => format!("voided {amount}"),
        None => "nothing to void".to_owned(),
    }
}

/// Nothing when the first attempt was enough.
fn after(Attempts { count, last_failure }: &Attempts) -> String {
    match (count, last_failure.as_str()) {
        (0 | 1, _) => String::new(),
        (count, "") => format!(" after {count} attempts"),
        (count, last_failure) => {
            format!(" after {count} attempts, the last failure: {}", words(last_failure))
        }
    }
}

fn cause(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::OutOfStock => "out of stock",
        CancelReason::PaymentDeclined => "payment declined",
        CancelReason::Customer => "by the customer",
        CancelReason::CaptureFailed => "capture failed",
        CancelReason::Deadline => "deadline passed",
    }
}

/// A reason as a code, `insufficient_funds`, in words.
fn words(reason: &str) -> String {
    reason.replace('_', " ")
}

fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests;
