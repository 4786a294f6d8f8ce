//! The histories and commands that the tests share.

use bowline_kernel::spec::Paths;
use bowline_kernel::{Currency, Decider, Money, OrderId, Quantity};
use bowline_orders_domain::{
    Canceller, Command, Event, Line, LineLimits, Lines, OrderDecider, OrderPlaced, PlaceOrder, ProductName,
    State,
};
use chrono::{DateTime, TimeZone, Utc};
use uuid::Uuid;

/// The total of [`place_order`].
pub(crate) const TOTAL: Money = Money::new(765, Currency::GBP);
/// The units of [`place_order`].
pub(crate) const UNITS: u64 = 3;

/// The time at which everything happens.
pub(crate) fn at() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).single().expect("it is a time")
}

/// The id of the order.
pub(crate) fn order_id() -> OrderId {
    OrderId::new(Uuid::from_u128(0x0192_f0c1_7e2a_7bbb_8ccc_0123_4567_89ab))
}

/// The request for the order.
pub(crate) fn place_order() -> PlaceOrder {
    let line = Line {
        sku: "85123A".parse().expect("it is a SKU"),
        name: ProductName::new("WHITE HANGING HEART"),
        quantity: Quantity::new(3).expect("it is not zero"),
        unit_price: Money::new(255, Currency::GBP),
    };
    let limits = LineLimits { lines_max: 1_000, quantity_max: 100_000 };
    PlaceOrder {
        order_id: order_id(),
        customer_id: "13085".parse().expect("it is a customer id"),
        lines: Lines::new(vec![line], limits).expect("they are within the limits"),
        payment_token: "tok_ok".parse().expect("it is a token"),
        country: Some("United Kingdom".parse().expect("it is a country")),
        at: at(),
    }
}

/// The first event of the order.
pub(crate) fn order_placed() -> Event {
    let order = place_order();
    Event::OrderPlaced(OrderPlaced {
        order_id: order.order_id,
        customer_id: order.customer_id,
        lines: order.lines.as_slice().to_vec(),
        total: TOTAL,
        payment_token: order.payment_token,
        country: order.country,
        placed_at: order.at,
    })
}

fn commands() -> Vec<(&'static str, Command)> {
    let (at, units, amount) = (at(), UNITS, TOTAL);
    vec![
        ("place", Command::PlaceOrder(place_order())),
        ("customer", Command::CancelOrder { canceller: Canceller::Customer, at }),
        ("deadline", Command::CancelOrder { canceller: Canceller::Deadline, at }),
        ("reserved", Command::StockReserved { at }),
        ("rejected", Command::StockRejected { at }),
        ("committed", Command::StockCommitted { units, at }),
        ("released", Command::StockReleased { units, at }),
        ("restocked", Command::StockRestocked { units, at }),
        ("authorized", Command::PaymentAuthorized { amount, at }),
        ("declined", Command::PaymentDeclined { at }),
        ("captured", Command::PaymentCaptured { amount, at }),
        ("capture_failed", Command::PaymentCaptureFailed { at }),
        ("voided", Command::PaymentVoided { amount: Some(amount), at }),
    ]
}

/// Every state that the saga can reach.
pub(crate) const PATHS: Paths<OrderDecider> = Paths {
    commands,
    states: &[
        ("unknown", &[]),
        ("pending", &["place"]),
        ("pending_reserved", &["place", "reserved"]),
        ("confirmed", &["place", "authorized"]),
        ("confirmed_committed", &["place", "authorized", "committed"]),
        ("confirmed_captured", &["place", "authorized", "captured"]),
        ("confirmed_finished", &["place", "authorized", "captured", "committed"]),
        ("out_of_stock_finished", &["place", "rejected"]),
        ("declined", &["place", "declined"]),
        ("declined_finished", &["place", "declined", "released"]),
        ("customer", &["place", "customer"]),
        ("customer_released", &["place", "customer", "released"]),
        ("customer_voided", &["place", "customer", "voided"]),
        ("customer_finished", &["place", "customer", "voided", "released"]),
        ("deadline", &["place", "deadline"]),
        ("deadline_released", &["place", "deadline", "released"]),
        ("deadline_voided", &["place", "deadline", "voided"]),
        ("deadline_finished", &["place", "deadline", "released", "voided"]),
        ("capture_failed", &["place", "authorized", "capture_failed"]),
        ("capture_failed_restocked", &["place", "authorized", "capture_failed", "restocked"]),
        ("capture_failed_voided", &["place", "authorized", "capture_failed", "voided"]),
        ("capture_failed_finished", &["place", "authorized", "capture_failed", "voided", "restocked"]),
    ],
};

/// The fold of a history.
pub(crate) fn state_after(history: &[Event]) -> State {
    OrderDecider::replay(history)
}
