//! What is known about an order: a fold of its events.

use std::sync::Arc;

use bowline_kernel::{CustomerId, Money, OrderId};
use chrono::{DateTime, Utc};

use crate::event::{OrderConfirmed, OrderPlaced};
use crate::{CancelReason, Country, Effect, Event, Line, Outcome};

/// Where an order stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum State {
    /// No such order.
    Unknown,
    /// Accepted; stock and payment are being arranged.
    Pending {
        /// What was ordered.
        order: Arc<Order>,
        /// How far stock is.
        stock: StockStep,
        /// When the order last changed.
        updated_at: DateTime<Utc>,
    },
    /// Stock and payment are arranged; the order can no longer be cancelled by request.
    Confirmed {
        /// What was ordered.
        order: Arc<Order>,
        /// When it was confirmed.
        confirmed_at: DateTime<Utc>,
        /// Whether everything has followed.
        settlement: Settlement,
    },
    /// Given up.
    Cancelled {
        /// What was ordered.
        order: Arc<Order>,
        /// Why it was given up.
        reason: CancelReason,
        /// When it was given up.
        cancelled_at: DateTime<Utc>,
        /// Whether everything is undone.
        settlement: Settlement,
    },
}

/// What was ordered; never changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Order {
    /// The order's id.
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// What was ordered, in the order in which it was sent.
    pub lines: Vec<Line>,
    /// The sum of all lines.
    pub total: Money,
    /// The customer's country, if known.
    pub country: Option<Country>,
    /// When the order was accepted.
    pub placed_at: DateTime<Utc>,
}

/// How far stock is while an order is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StockStep {
    /// Inventory has not answered yet.
    Requested,
    /// Every line is reserved.
    Reserved,
}

/// How far the effects of an order's end are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Settlement {
    /// Some effects are still to be reported.
    Open {
        /// Which; they may come in any order.
        awaiting: Vec<Effect>,
        /// When the order last changed.
        updated_at: DateTime<Utc>,
    },
    /// Nothing is left to do or undo.
    Finished {
        /// When the last effect was reported.
        finished_at: DateTime<Utc>,
    },
}

/// An order's public status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Stock and payment are being arranged.
    Pending,
    /// Both are arranged.
    Confirmed,
    /// Given up, for this reason.
    Cancelled(CancelReason),
}

/// What an order's saga waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Inventory's answer to the order.
    AwaitingStock,
    /// Payment's answer to the reservation.
    AwaitingPayment,
    /// These effects of the order's end, in any order.
    AwaitingEffects(&'a [Effect]),
    /// Nothing any more.
    Finished,
}

impl State {
    /// The state after `event`. An event that does not fit the state changes nothing: `decide` never makes one.
    pub(crate) fn after(self, event: &Event) -> Self {
        match event {
            Event::OrderPlaced(placed) => Self::placed(placed),
            Event::StockReservationNoted(noted) => self.stock_reserved(noted.noted_at),
            Event::OrderConfirmed(confirmed) => self.confirmed(confirmed),
            Event::OrderCancelled(cancelled) => self.cancelled(cancelled.reason, cancelled.cancelled_at),
            Event::StockCommitNoted(noted) => self.reported(Effect::StockCommitted, noted.noted_at),
            Event::StockReleaseNoted(noted) => self.reported(Effect::StockReleased, noted.noted_at),
            Event::StockRestockNoted(noted) => self.reported(Effect::StockRestocked, noted.noted_at),
            Event::CaptureNoted(noted) => self.reported(Effect::PaymentCaptured, noted.noted_at),
            Event::VoidNoted(noted) => self.reported(Effect::PaymentVoided, noted.noted_at),
            Event::OrderFinished(finished) => self.finished(finished.finished_at),
        }
    }

    /// What was ordered; `None` for an unknown order.
    pub const fn order(&self) -> Option<&Arc<Order>> {
        match self {
            Self::Unknown => None,
            Self::Pending { order, .. } | Self::Confirmed { order, .. } | Self::Cancelled { order, .. } => {
                Some(order)
            }
        }
    }

    /// The public status; `None` for an unknown order.
    pub const fn status(&self) -> Option<Status> {
        match self {
            Self::Unknown => None,
            Self::Pending { .. } => Some(Status::Pending),
            Self::Confirmed { .. } => Some(Status::Confirmed),
            Self::Cancelled { reason, .. } => Some(Status::Cancelled(*reason)),
        }
    }

    /// What the saga waits for; `None` for an unknown order.
    pub fn step(&self) -> Option<Step<'_>> {
        match self {
            Self::Unknown => None,
            Self::Pending { stock: StockStep::Requested, .. } => Some(Step::AwaitingStock),
            Self::Pending { stock: StockStep::Reserved, .. } => Some(Step::AwaitingPayment),
            Self::Confirmed { settlement, .. } | Self::Cancelled { settlement, .. } => match settlement {
                Settlement::Open { awaiting, .. } => Some(Step::AwaitingEffects(awaiting)),
                Settlement::Finished { .. } => Some(Step::Finished),
            },
        }
    }

    /// True once nothing is left to do or undo.
    pub fn is_finished(&self) -> bool {
        self.step() == Some(Step::Finished)
    }

    /// When the order last changed; `None` for an unknown order.
    pub const fn updated_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Unknown => None,
            Self::Pending { updated_at, .. } => Some(*updated_at),
            Self::Confirmed { settlement, .. } | Self::Cancelled { settlement, .. } => match settlement {
                Settlement::Open { updated_at, .. } => Some(*updated_at),
                Settlement::Finished { finished_at } => Some(*finished_at),
            },
        }
    }

    /// The state's name for logs and rejections, in snake case.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Pending { .. } => "pending",
            Self::Confirmed { .. } => "confirmed",
            Self::Cancelled { reason, .. } => match reason {
                CancelReason::OutOfStock => "cancelled_out_of_stock",
                CancelReason::PaymentDeclined => "cancelled_payment_declined",
                CancelReason::Customer => "cancelled_customer",
                CancelReason::CaptureFailed => "cancelled_capture_failed",
                CancelReason::Deadline => "cancelled_deadline",
            },
        }
    }

    fn placed(placed: &OrderPlaced) -> Self {
        let order = Order {
            order_id: placed.order_id,
            customer_id: placed.customer_id.clone(),
            lines: placed.lines.clone(),
            total: placed.total,
            country: placed.country.clone(),
            placed_at: placed.placed_at,
        };
        Self::Pending { order: Arc::new(order), stock: StockStep::Requested, updated_at: placed.placed_at }
    }

    fn stock_reserved(self, at: DateTime<Utc>) -> Self {
        match self {
            Self::Pending { order, stock: _, updated_at: _ } => {
                Self::Pending { order, stock: StockStep::Reserved, updated_at: at }
            }
            Self::Unknown | Self::Confirmed { .. } | Self::Cancelled { .. } => self,
        }
    }

    fn confirmed(self, confirmed: &OrderConfirmed) -> Self {
        match self {
            Self::Pending { order, .. } => Self::Confirmed {
                order,
                confirmed_at: confirmed.confirmed_at,
                settlement: Settlement::open(Outcome::Confirmed, confirmed.confirmed_at),
            },
            Self::Unknown | Self::Confirmed { .. } | Self::Cancelled { .. } => self,
        }
    }

    fn cancelled(self, reason: CancelReason, at: DateTime<Utc>) -> Self {
        match self {
            Self::Pending { order, .. } | Self::Confirmed { order, .. } => Self::Cancelled {
                order,
                reason,
                cancelled_at: at,
                settlement: Settlement::open(Outcome::Cancelled(reason), at),
            },
            Self::Unknown | Self::Cancelled { .. } => self,
        }
    }

    fn reported(mut self, effect: Effect, at: DateTime<Utc>) -> Self {
        match &mut self {
            Self::Unknown | Self::Pending { .. } => {}
            Self::Confirmed { settlement, .. } | Self::Cancelled { settlement, .. } => {
                settlement.note(effect, at);
            }
        }
        self
    }

    fn finished(mut self, at: DateTime<Utc>) -> Self {
        match &mut self {
            Self::Unknown | Self::Pending { .. } => {}
            Self::Confirmed { settlement, .. } | Self::Cancelled { settlement, .. } => {
                *settlement = Settlement::Finished { finished_at: at };
            }
        }
        self
    }
}

impl Settlement {
    /// True while `effect` is still to be reported.
    pub fn awaits(&self, effect: Effect) -> bool {
        match self {
            Self::Open { awaiting, .. } => awaiting.contains(&effect),
            Self::Finished { .. } => false,
        }
    }

    /// True while `effect` is all that is still to be reported.
    pub(crate) fn awaits_only(&self, effect: Effect) -> bool {
        match self {
            Self::Open { awaiting, .. } => awaiting.as_slice() == [effect],
            Self::Finished { .. } => false,
        }
    }

    fn open(outcome: Outcome, at: DateTime<Utc>) -> Self {
        Self::Open { awaiting: outcome.effects().to_vec(), updated_at: at }
    }

    fn note(&mut self, effect: Effect, at: DateTime<Utc>) {
        match self {
            Self::Open { awaiting, updated_at } => {
                awaiting.retain(|awaited| *awaited != effect);
                *updated_at = at;
            }
            Self::Finished { .. } => {}
        }
    }
}
