//! Orders as people read them.

use bowline_contracts::orders::v1::{CancelReason, Order, OrderLine, OrderStatus};
use bowline_contracts::projection::v1::{OrderView, PaymentState};
use chrono::{DateTime, SecondsFormat, Utc};
use comfy_table::Table;

use crate::tables::{NOTHING, at, facts, listed, money, table, when, words};

/// The columns of a list of orders that a narrow terminal has no room for.
const SPARE: [&str; 5] = ["stock", "payment", "units", "customer", "total"];

/// An order that was accepted. `here` finds the same stack again.
pub(super) fn placed(order: &Order, here: &str) -> String {
    let id = &order.order_id;
    format!(
        "order {id} is accepted: {} for {}\n{}`bowline order watch {id}{here}` follows it, \
         `bowline order history {id}{here}` shows what was done for it\n",
        units(&order.lines),
        money(order.total.as_ref()),
        lines(&order.lines),
    )
}

/// An order that was cancelled. `here` finds the same stack again.
pub(super) fn cancelled(order: &Order, here: &str) -> String {
    let id = &order.order_id;
    format!("order {id} is cancelled; `bowline order history {id}{here}` shows what is undone for it\n")
}

/// One order, with what stock and payment did for it.
pub(super) fn order(view: &OrderView) -> String {
    let time = |time: Option<&prost_types::Timestamp>| time.map(|time| at(Some(time))).unwrap_or_default();
    let facts = facts(&[
        ("order", view.order_id.clone()),
        ("customer", view.customer_id.clone()),
        ("country", view.country.clone()),
        ("status", standing(view)),
        ("stock", stock(view)),
        ("payment", with_failure(view)),
        ("total", money(view.total.as_ref())),
        ("authorised", money(view.authorized.as_ref())),
        ("captured", money(view.captured.as_ref())),
        ("voided", money(view.voided.as_ref())),
        ("placed", time(view.placed_time.as_ref())),
        ("confirmed", time(view.confirmed_time.as_ref())),
        ("cancelled", time(view.cancelled_time.as_ref())),
        ("finished", time(view.finished_time.as_ref())),
    ]);
    format!("{facts}{}", lines(&view.lines))
}

/// Several orders as they are at `now`. `filtered` says whether there may be others, `here` finds the same stack again.
pub(super) fn orders(views: &[OrderView], filtered: bool, here: &str, now: DateTime<Utc>) -> String {
    if views.is_empty() {
        return if filtered {
            format!("no order is like this; `bowline order list{here}` without filters shows all\n")
        } else {
            format!("there is no order; `bowline order place --customer ID SKU=QUANTITY{here}` places one\n")
        };
    }
    listed(list(views, now), &SPARE, "status")
}

fn list(views: &[OrderView], now: DateTime<Utc>) -> Table {
    let header = ["order", "placed UTC", "status", "total", "customer", "units", "stock", "payment"];
    let mut table = table(&header);
    for view in views {
        table.add_row([
            view.order_id.clone(),
            when(view.placed_time.as_ref(), now),
            standing(view),
            money(view.total.as_ref()),
            view.customer_id.clone(),
            view.item_count.to_string(),
            or_nothing(stock(view)),
            or_nothing(payment(view)),
        ]);
    }
    table
}

/// One line about a change that was seen at `now`.
pub(super) fn change(view: &OrderView, now: DateTime<Utc>) -> String {
    let mut told = format!(
        "{}  {}  stock {}  payment {}",
        now.to_rfc3339_opts(SecondsFormat::Millis, true),
        standing(view),
        or_nothing(stock(view)),
        or_nothing(with_failure(view)),
    );
    if view.finished {
        told.push_str("  finished");
    }
    told
}

/// Where an order stands, and why it was cancelled.
pub(super) fn standing(view: &OrderView) -> String {
    let status = words(view.status().as_str_name(), "ORDER_STATUS_");
    let reason = words(view.cancel_reason().as_str_name(), "CANCEL_REASON_");
    match (view.status(), view.cancel_reason()) {
        (OrderStatus::Cancelled, CancelReason::Customer) => format!("{status}: by the customer"),
        (OrderStatus::Cancelled, CancelReason::Deadline) => format!("{status}: deadline passed"),
        (OrderStatus::Cancelled, _) => format!("{status}: {reason}"),
        (OrderStatus::Pending | OrderStatus::Confirmed | OrderStatus::Unspecified, _) => status,
    }
}

fn stock(view: &OrderView) -> String {
    words(view.stock_status().as_str_name(), "STOCK_STATUS_")
}

fn payment(view: &OrderView) -> String {
    words(view.payment_state().as_str_name(), "PAYMENT_STATE_")
}

/// What payment has reported, with why the provider declined or refused.
fn with_failure(view: &OrderView) -> String {
    let state = payment(view);
    let why = view.payment_failure.replace('_', " ");
    match view.payment_state() {
        _ if why.is_empty() => state,
        PaymentState::Declined | PaymentState::CaptureFailed => format!("{state}: {why}"),
        PaymentState::Voided
        | PaymentState::Authorized
        | PaymentState::Captured
        | PaymentState::Unspecified => format!("{state}, refused before: {why}"),
    }
}

fn or_nothing(told: String) -> String {
    if told.is_empty() { NOTHING.to_owned() } else { told }
}

fn units(lines: &[OrderLine]) -> String {
    match lines.iter().map(|line| u64::from(line.quantity)).sum::<u64>() {
        1 => "1 unit".to_owned(),
        units => format!("{units} units"),
    }
}

fn lines(lines: &[OrderLine]) -> String {
    let mut table = table(&["sku", "name", "quantity", "unit price"]);
    for line in lines {
        let (sku, name, price) = (line.sku.clone(), line.name.clone(), money(line.unit_price.as_ref()));
        table.add_row([sku, name, line.quantity.to_string(), price]);
    }
    listed(table, &[], "name")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An order whose payment the provider declined or refused.
    fn refused(state: PaymentState) -> OrderView {
        OrderView {
            status: OrderStatus::Cancelled.into(),
            cancel_reason: CancelReason::PaymentDeclined.into(),
            payment_state: state.into(),
            payment_failure: "card_expired".to_owned(),
            ..OrderView::default()
        }
    }

    #[test]
    fn what_to_run_next_finds_the_same_stack() {
        let placed = placed(&Order { order_id: "o-1".to_owned(), ..Order::default() }, " --data-dir /tmp/x");
        assert!(
            placed.contains("`bowline order watch o-1 --data-dir /tmp/x` follows it")
                && placed.contains("`bowline order history o-1 --data-dir /tmp/x`"),
            "{placed}"
        );
    }

    #[test]
    fn a_list_has_a_line_for_each_order_on_80_columns() {
        let id = "0192f0c1-7e2a-7bbb-8ccc-0123456789ab".to_owned();
        let placed_time = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 });
        let view = OrderView { order_id: id, placed_time, ..refused(PaymentState::Declined) };
        let mut table =
            list(std::slice::from_ref(&view), DateTime::from_timestamp(1_700_100_000, 0).unwrap());
        table.set_width(80);
        let told = listed(table, &SPARE, "status");
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 2, "{told}");
        assert!(lines[1].ends_with("11-14 22:13  cancelled: payment declined"), "{told}");
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{told}");
    }

    #[test]
    fn why_a_payment_was_declined_is_told() {
        let declined = refused(PaymentState::Declined);
        assert!(order(&declined).contains("declined: card expired"), "{}", order(&declined));
        let line = change(&declined, DateTime::UNIX_EPOCH);
        assert!(
            line.ends_with("cancelled: payment declined  stock –  payment declined: card expired"),
            "{line}"
        );
        let voided = order(&refused(PaymentState::Voided));
        assert!(voided.contains("voided, refused before: card expired"), "{voided}");
        let unasked = OrderView { payment_failure: String::new(), ..declined };
        assert!(!order(&unasked).contains("declined:"), "{}", order(&unasked));
    }
}
