//! What the generator needs to hear about sagas.

use bowline_contracts::convert;
use bowline_contracts::events::OrdersEvent;
use bowline_contracts::orders::v1;
pub use bowline_contracts::orders::v1::CancelReason;
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
    /// Given up and undone, for a reason that is specified.
    Cancelled(CancelReason),
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
            v1::OrderStatus::Cancelled => {
                let reason = CancelReason::try_from(cancel_reason).ok()?;
                (reason != CancelReason::Unspecified).then_some(Self::Cancelled(reason))
            }
        }
    }
}
