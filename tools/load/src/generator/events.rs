//! What the generator needs to hear about sagas.

use bowline_contracts::convert;
use bowline_contracts::events::OrdersEvent;
use bowline_contracts::orders::v1;
use bowline_kernel::OrderId;
use chrono::{DateTime, Utc};

/// Something that happened to an order. May be told more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SagaEvent {
    /// The order.
    pub order_id: OrderId,
    /// When, by orders' clock.
    pub at: DateTime<Utc>,
    /// What.
    pub kind: SagaEventKind,
}

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SagaEventKind {
    /// It was confirmed.
    Confirmed {
        /// When it had been placed, by orders' clock.
        placed_at: DateTime<Utc>,
    },
    /// Its saga is finished.
    Finished {
        /// The end state.
        end: EndState,
    },
}

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndState {
    /// Sold.
    Confirmed,
    /// Given up and undone.
    Cancelled(CancelReason),
}

/// Why an order was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CancelReason {
    /// A line could not be reserved.
    OutOfStock,
    /// The provider declined the authorisation.
    PaymentDeclined,
    /// The customer asked for it.
    Customer,
    /// The provider refused the capture for good.
    CaptureFailed,
    /// A deadline passed.
    Deadline,
}

/// An event of orders that does not hold what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an event of order {order_id:?} holds no valid {field}")]
pub struct MalformedEvent {
    /// The order's id as it stands in the event.
    pub order_id: String,
    /// The field that is missing or invalid.
    pub field: &'static str,
}

impl SagaEvent {
    /// Reads an event of orders; `None` for the kinds that the generator does not need.
    pub fn read(event: &OrdersEvent) -> Result<Option<Self>, MalformedEvent> {
        let malformed = |field| MalformedEvent { order_id: event.order_id().to_owned(), field };
        let (at, kind) = match event {
            OrdersEvent::Placed(_) | OrdersEvent::Cancelled(_) => return Ok(None),
            OrdersEvent::Confirmed(confirmed) => {
                let placed_at = confirmed.placed_time.and_then(convert::time);
                let placed_at = placed_at.ok_or_else(|| malformed("placed_time"))?;
                let at = confirmed.confirmed_time.and_then(convert::time);
                (at.ok_or_else(|| malformed("confirmed_time"))?, SagaEventKind::Confirmed { placed_at })
            }
            OrdersEvent::Finished(finished) => {
                let end = EndState::read(finished.status, finished.cancel_reason);
                let end = end.ok_or_else(|| malformed("status"))?;
                let at = finished.finished_time.and_then(convert::time);
                (at.ok_or_else(|| malformed("finished_time"))?, SagaEventKind::Finished { end })
            }
        };
        let order_id = event.order_id().parse().map_err(|_| malformed("order_id"))?;
        Ok(Some(Self { order_id, at, kind }))
    }
}

impl EndState {
    /// Reads protobuf's numbers; `None` when they name no end state.
    pub(super) fn read(status: i32, cancel_reason: i32) -> Option<Self> {
        match v1::OrderStatus::try_from(status).ok()? {
            v1::OrderStatus::Unspecified | v1::OrderStatus::Pending => None,
            v1::OrderStatus::Confirmed => Some(Self::Confirmed),
            v1::OrderStatus::Cancelled => CancelReason::read(cancel_reason).map(Self::Cancelled),
        }
    }
}

impl CancelReason {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::OutOfStock, Self::PaymentDeclined, Self::Customer, Self::CaptureFailed, Self::Deadline];

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OutOfStock => "out_of_stock",
            Self::PaymentDeclined => "payment_declined",
            Self::Customer => "customer",
            Self::CaptureFailed => "capture_failed",
            Self::Deadline => "deadline",
        }
    }

    fn read(reason: i32) -> Option<Self> {
        match v1::CancelReason::try_from(reason).ok()? {
            v1::CancelReason::Unspecified => None,
            v1::CancelReason::OutOfStock => Some(Self::OutOfStock),
            v1::CancelReason::PaymentDeclined => Some(Self::PaymentDeclined),
            v1::CancelReason::Customer => Some(Self::Customer),
            v1::CancelReason::CaptureFailed => Some(Self::CaptureFailed),
            v1::CancelReason::Deadline => Some(Self::Deadline),
        }
    }
}
