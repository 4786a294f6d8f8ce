//! Two messages of every type: one that has everything, and one that has as little as its sender ever sends.

use bowline_contracts::common::v1::Money;
use bowline_contracts::convert::timestamp;
use bowline_contracts::events::{
    InventoryCommand, InventoryEvent, OrdersEvent, PaymentCommand, PaymentEvent, Published,
};
use bowline_contracts::inventory::v1::{
    ReleaseStock, RestockOrder, SkuQuantity, StockCommitted, StockRejected, StockReleased, StockReserved,
    StockRestocked,
};
use bowline_contracts::orders::v1::{
    CancelReason, OrderCancelled, OrderConfirmed, OrderFinished, OrderLine, OrderPlaced, OrderStatus,
};
use bowline_contracts::payment::v1::{
    PaymentAuthorized, PaymentCaptureFailed, PaymentCaptured, PaymentDeclined, PaymentVoided, VoidPayment,
};
use bowline_golden::Form;
use chrono::{DateTime, Utc};

/// A time with all its digits.
pub(crate) fn to_the_microsecond() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_767_323_045_123_456).expect("it is a time")
}

/// A time whose fractions are not sent.
pub(crate) fn to_the_second() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_323_045, 0).expect("it is a time")
}

fn order_id() -> String {
    "0192f0c1-7e2a-7bbb-8ccc-0123456789ab".into()
}

fn amount() -> Money {
    Money { currency_code: "GBP".into(), amount_minor: 765 }
}

/// What of a message is the same in all types.
#[derive(Clone, Copy)]
struct Common {
    variant: &'static str,
    time: DateTime<Utc>,
    units: u64,
}

impl Common {
    fn both() -> [Self; 2] {
        [
            Self { variant: "complete", time: to_the_microsecond(), units: 300 },
            Self { variant: "minimal", time: to_the_second(), units: 0 },
        ]
    }

    fn is_complete(self) -> bool {
        self.variant == "complete"
    }

    fn time(self) -> prost_types::Timestamp {
        timestamp(self.time)
    }

    fn quantities(self) -> Vec<SkuQuantity> {
        let all = [("85123A", 3), ("POST", 400)];
        let some = if self.is_complete() { &all[..] } else { &all[..1] };
        some.iter().map(|(sku, quantity)| SkuQuantity { sku: (*sku).into(), quantity: *quantity }).collect()
    }

    fn attempts(self) -> u32 {
        if self.is_complete() { 3 } else { 0 }
    }

    fn last_failure(self) -> String {
        if self.is_complete() { "timed_out".into() } else { String::new() }
    }

    fn form<M: Published, E>(self, message: M, wrapped: fn(M) -> E) -> Form<E> {
        let (_, name) = M::TYPE.rsplit_once('.').expect("a full name has a package");
        let written = Some(message.encode_to_vec());
        Form { file: format!("{name}.{}.binpb", self.variant), value: wrapped(message), written }
    }
}

pub(crate) fn orders_events() -> Vec<Form<OrdersEvent>> {
    let forms = Common::both().map(|common| {
        let cancelled = if common.is_complete() { CancelReason::Deadline } else { CancelReason::OutOfStock };
        let (status, cancel_reason) = if common.is_complete() {
            (OrderStatus::Cancelled, cancelled)
        } else {
            (OrderStatus::Confirmed, CancelReason::Unspecified)
        };
        let line = OrderLine {
            sku: "85123A".into(),
            name: "CRÈME HANGING HEART".into(),
            quantity: 3,
            unit_price: Some(Money { currency_code: "GBP".into(), amount_minor: 255 }),
        };
        let placed = OrderPlaced {
            order_id: order_id(),
            customer_id: "17850".into(),
            lines: vec![line],
            total: Some(amount()),
            payment_token: "tok_ok".into(),
            placed_time: Some(common.time()),
            country: if common.is_complete() { "United Kingdom".into() } else { String::new() },
        };
        let confirmed = OrderConfirmed {
            order_id: order_id(),
            placed_time: Some(common.time()),
            confirmed_time: Some(common.time()),
        };
        let given_up = OrderCancelled {
            order_id: order_id(),
            reason: cancelled.into(),
            cancelled_time: Some(common.time()),
        };
        let finished = OrderFinished {
            order_id: order_id(),
            status: status.into(),
            cancel_reason: cancel_reason.into(),
            finished_time: Some(common.time()),
        };
        [
            common.form(placed, OrdersEvent::Placed),
            common.form(confirmed, OrdersEvent::Confirmed),
            common.form(given_up, OrdersEvent::Cancelled),
            common.form(finished, OrdersEvent::Finished),
        ]
    });
    forms.into_iter().flatten().collect()
}

pub(crate) fn inventory_events() -> Vec<Form<InventoryEvent>> {
    let forms = Common::both().map(|common| {
        let units = common.units;
        let reserved = StockReserved {
            order_id: order_id(),
            lines: common.quantities(),
            total: Some(amount()),
            payment_token: "tok_ok".into(),
            reserved_time: Some(common.time()),
        };
        let rejected = StockRejected {
            order_id: order_id(),
            shortages: common.quantities(),
            rejected_time: Some(common.time()),
        };
        let committed = StockCommitted { order_id: order_id(), units, committed_time: Some(common.time()) };
        let released = StockReleased { order_id: order_id(), units, released_time: Some(common.time()) };
        let restocked = StockRestocked { order_id: order_id(), units, restocked_time: Some(common.time()) };
        [
            common.form(reserved, InventoryEvent::Reserved),
            common.form(rejected, InventoryEvent::Rejected),
            common.form(committed, InventoryEvent::Committed),
            common.form(released, InventoryEvent::Released),
            common.form(restocked, InventoryEvent::Restocked),
        ]
    });
    forms.into_iter().flatten().collect()
}

pub(crate) fn payment_events() -> Vec<Form<PaymentEvent>> {
    let forms = Common::both().map(|common| {
        let (attempts, last_failure) = (common.attempts(), || common.last_failure());
        let authorized = PaymentAuthorized {
            order_id: order_id(),
            amount: Some(amount()),
            authorized_time: Some(common.time()),
            attempts,
            last_failure: last_failure(),
        };
        let declined = PaymentDeclined {
            order_id: order_id(),
            reason: "insufficient_funds".into(),
            declined_time: Some(common.time()),
            attempts,
            last_failure: last_failure(),
        };
        let captured = PaymentCaptured {
            order_id: order_id(),
            amount: Some(amount()),
            captured_time: Some(common.time()),
            attempts,
            last_failure: last_failure(),
        };
        let capture_failed = PaymentCaptureFailed {
            order_id: order_id(),
            reason: "expired".into(),
            failed_time: Some(common.time()),
            attempts,
            last_failure: last_failure(),
        };
        // Nothing was ever known of a payment that is voided before it began.
        let nothing = Money { currency_code: String::new(), amount_minor: 0 };
        let voided = PaymentVoided {
            order_id: order_id(),
            amount: Some(if common.is_complete() { amount() } else { nothing }),
            voided_time: Some(common.time()),
            attempts,
            last_failure: last_failure(),
        };
        [
            common.form(authorized, PaymentEvent::Authorized),
            common.form(declined, PaymentEvent::Declined),
            common.form(captured, PaymentEvent::Captured),
            common.form(capture_failed, PaymentEvent::CaptureFailed),
            common.form(voided, PaymentEvent::Voided),
        ]
    });
    forms.into_iter().flatten().collect()
}

pub(crate) fn inventory_commands() -> Vec<Form<InventoryCommand>> {
    let forms = Common::both().map(|common| {
        [
            common.form(ReleaseStock { order_id: order_id() }, InventoryCommand::Release),
            common.form(RestockOrder { order_id: order_id() }, InventoryCommand::Restock),
        ]
    });
    forms.into_iter().flatten().collect()
}

pub(crate) fn payment_commands() -> Vec<Form<PaymentCommand>> {
    let void = |common: Common| common.form(VoidPayment { order_id: order_id() }, PaymentCommand::Void);
    Common::both().map(void).into()
}
