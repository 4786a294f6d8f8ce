//! Every pair of state and command, decided.
//!
//! Three answers recur for reports. *Late or repeated*: something that is possible on the way to this state, and
//! tells nothing new: no event. *Awaited*: noted, and with the last one the order is finished. *Impossible*: no path
//! of the saga leads to it; see [`Rejection::Impossible`].

use bowline_kernel::Money;
use chrono::{DateTime, Utc};

use crate::event::{
    CaptureNoted, OrderCancelled, OrderConfirmed, OrderFinished, OrderPlaced, StockCommitNoted,
    StockReleaseNoted, StockReservationNoted, StockRestockNoted, VoidNoted,
};
use crate::state::Settlement;
use crate::{
    CancelReason, Canceller, Command, Effect, Event, Outcome, PlaceOrder, Rejection, State, StockStep,
};

type Decision = Result<Vec<Event>, Rejection>;

/// Late or repeated: there is nothing to do.
const NOTHING: Decision = Ok(Vec::new());

pub(crate) fn decide(state: &State, command: Command) -> Decision {
    let report = command.name();
    match command {
        Command::PlaceOrder(order) => place(state, order),
        Command::CancelOrder { canceller, at } => cancel(state, canceller, at),
        Command::StockReserved { at } => stock_reserved(state, report, at),
        Command::StockRejected { at } => stock_rejected(state, report, at),
        Command::StockCommitted { units, at } => stock_committed(state, report, units, at),
        Command::StockReleased { units, at } => stock_released(state, report, units, at),
        Command::StockRestocked { units, at } => stock_restocked(state, report, units, at),
        Command::PaymentAuthorized { amount, at } => payment_authorized(state, report, amount, at),
        Command::PaymentDeclined { at } => payment_declined(state, report, at),
        Command::PaymentCaptured { amount, at } => payment_captured(state, report, amount, at),
        Command::PaymentCaptureFailed { at } => payment_capture_failed(state, report, at),
        Command::PaymentVoided { amount, at } => payment_voided(state, report, amount, at),
    }
}

fn place(state: &State, order: PlaceOrder) -> Decision {
    match state {
        State::Unknown => {
            let (lines, total) = order.lines.into_parts();
            Ok(vec![Event::OrderPlaced(OrderPlaced {
                order_id: order.order_id,
                customer_id: order.customer_id,
                lines,
                total,
                payment_token: order.payment_token,
                country: order.country,
                placed_at: order.at,
            })])
        }
        State::Pending { .. } | State::Confirmed { .. } | State::Cancelled { .. } => {
            Err(Rejection::AlreadyPlaced)
        }
    }
}

fn cancel(state: &State, canceller: Canceller, at: DateTime<Utc>) -> Decision {
    match (state, canceller) {
        (State::Pending { .. }, Canceller::Customer | Canceller::Deadline) => {
            Ok(cancelled(canceller.reason(), at))
        }
        (State::Unknown, Canceller::Customer) => Err(Rejection::NotFound),
        (State::Confirmed { .. }, Canceller::Customer) => Err(Rejection::AlreadyConfirmed),
        (State::Cancelled { reason, .. }, Canceller::Customer) => {
            Err(Rejection::AlreadyCancelled { reason: *reason })
        }
        (State::Unknown | State::Confirmed { .. } | State::Cancelled { .. }, Canceller::Deadline) => NOTHING,
    }
}

fn stock_reserved(state: &State, report: &'static str, at: DateTime<Utc>) -> Decision {
    match state {
        State::Pending { stock: StockStep::Requested, .. } => {
            Ok(vec![Event::StockReservationNoted(StockReservationNoted { noted_at: at })])
        }
        State::Pending { stock: StockStep::Reserved, .. } | State::Confirmed { .. } => NOTHING,
        State::Cancelled { reason, .. } => match reason {
            // Payment's answer, a cancellation or a deadline was faster than this report.
            CancelReason::PaymentDeclined
            | CancelReason::Customer
            | CancelReason::Deadline
            | CancelReason::CaptureFailed => NOTHING,
            CancelReason::OutOfStock => impossible(state, report),
        },
        State::Unknown => impossible(state, report),
    }
}

fn stock_rejected(state: &State, report: &'static str, at: DateTime<Utc>) -> Decision {
    match state {
        State::Pending { stock: StockStep::Requested, .. } => Ok(cancelled(CancelReason::OutOfStock, at)),
        State::Cancelled { reason, .. } => match reason {
            CancelReason::OutOfStock | CancelReason::Customer | CancelReason::Deadline => NOTHING,
            // Payment was asked, so everything had been reserved.
            CancelReason::PaymentDeclined | CancelReason::CaptureFailed => impossible(state, report),
        },
        State::Unknown | State::Pending { stock: StockStep::Reserved, .. } | State::Confirmed { .. } => {
            impossible(state, report)
        }
    }
}

fn stock_committed(state: &State, report: &'static str, units: u64, at: DateTime<Utc>) -> Decision {
    match state {
        State::Confirmed { settlement, .. } => {
            let noted = Event::StockCommitNoted(StockCommitNoted { units, noted_at: at });
            Ok(settled(settlement, Outcome::Confirmed, Effect::StockCommitted, noted))
        }
        // Sold before inventory learnt of the refused capture; the restock that follows undoes it.
        State::Cancelled { reason, .. } => only_after_confirmation(*reason, state, report),
        State::Unknown | State::Pending { .. } => impossible(state, report),
    }
}

fn stock_released(state: &State, report: &'static str, units: u64, at: DateTime<Utc>) -> Decision {
    match state {
        State::Cancelled { reason, settlement, .. } => match reason {
            CancelReason::PaymentDeclined | CancelReason::Customer | CancelReason::Deadline => {
                let noted = Event::StockReleaseNoted(StockReleaseNoted { units, noted_at: at });
                Ok(settled(settlement, Outcome::Cancelled(*reason), Effect::StockReleased, noted))
            }
            CancelReason::OutOfStock | CancelReason::CaptureFailed => impossible(state, report),
        },
        State::Unknown | State::Pending { .. } | State::Confirmed { .. } => impossible(state, report),
    }
}

fn stock_restocked(state: &State, report: &'static str, units: u64, at: DateTime<Utc>) -> Decision {
    match state {
        State::Cancelled { reason, settlement, .. } => match reason {
            CancelReason::CaptureFailed => {
                let noted = Event::StockRestockNoted(StockRestockNoted { units, noted_at: at });
                Ok(settled(settlement, Outcome::Cancelled(*reason), Effect::StockRestocked, noted))
            }
            CancelReason::OutOfStock
            | CancelReason::PaymentDeclined
            | CancelReason::Customer
            | CancelReason::Deadline => impossible(state, report),
        },
        State::Unknown | State::Pending { .. } | State::Confirmed { .. } => impossible(state, report),
    }
}

fn payment_authorized(state: &State, report: &'static str, amount: Money, at: DateTime<Utc>) -> Decision {
    match state {
        // Payment is asked only after stock is reserved, so the reservation need not have been reported here.
        State::Pending { order, stock: StockStep::Requested | StockStep::Reserved, .. } => {
            if amount != order.total {
                return Err(Rejection::WrongAmount { report, reported: Some(amount), total: order.total });
            }
            let confirmed = OrderConfirmed { placed_at: order.placed_at, confirmed_at: at };
            Ok(vec![Event::OrderConfirmed(confirmed)])
        }
        State::Confirmed { .. } => NOTHING,
        State::Cancelled { reason, .. } => match reason {
            // The void that was sent along with the cancellation lets go of it.
            CancelReason::Customer | CancelReason::Deadline | CancelReason::CaptureFailed => NOTHING,
            CancelReason::OutOfStock | CancelReason::PaymentDeclined => impossible(state, report),
        },
        State::Unknown => impossible(state, report),
    }
}

fn payment_declined(state: &State, report: &'static str, at: DateTime<Utc>) -> Decision {
    match state {
        State::Pending { stock: StockStep::Requested | StockStep::Reserved, .. } => {
            Ok(cancelled(CancelReason::PaymentDeclined, at))
        }
        State::Cancelled { reason, .. } => match reason {
            CancelReason::PaymentDeclined | CancelReason::Customer | CancelReason::Deadline => NOTHING,
            CancelReason::OutOfStock | CancelReason::CaptureFailed => impossible(state, report),
        },
        State::Unknown | State::Confirmed { .. } => impossible(state, report),
    }
}

fn payment_captured(state: &State, report: &'static str, amount: Money, at: DateTime<Utc>) -> Decision {
    match state {
        State::Confirmed { order, settlement, .. } => {
            if amount != order.total {
                return Err(Rejection::WrongAmount { report, reported: Some(amount), total: order.total });
            }
            let noted = Event::CaptureNoted(CaptureNoted { amount, noted_at: at });
            Ok(settled(settlement, Outcome::Confirmed, Effect::PaymentCaptured, noted))
        }
        State::Unknown | State::Pending { .. } | State::Cancelled { .. } => impossible(state, report),
    }
}

fn payment_capture_failed(state: &State, report: &'static str, at: DateTime<Utc>) -> Decision {
    match state {
        State::Confirmed { settlement, .. } if settlement.awaits(Effect::PaymentCaptured) => {
            Ok(cancelled(CancelReason::CaptureFailed, at))
        }
        State::Cancelled { reason, .. } => only_after_confirmation(*reason, state, report),
        // A confirmed order that no longer awaits the capture has been captured.
        State::Unknown | State::Pending { .. } | State::Confirmed { .. } => impossible(state, report),
    }
}

fn payment_voided(state: &State, report: &'static str, amount: Option<Money>, at: DateTime<Utc>) -> Decision {
    match state {
        State::Cancelled { order, reason, settlement, .. } => {
            let zero = Money::zero(order.total.currency);
            let plausible: &[Money] = match reason {
                CancelReason::Customer | CancelReason::Deadline => &[zero, order.total],
                // What could not be taken had been held in full.
                CancelReason::CaptureFailed => &[order.total],
                CancelReason::OutOfStock | CancelReason::PaymentDeclined => {
                    return impossible(state, report);
                }
            };
            let voided = amount.unwrap_or(zero);
            if !plausible.contains(&voided) {
                return Err(Rejection::WrongAmount { report, reported: amount, total: order.total });
            }
            let noted = Event::VoidNoted(VoidNoted { amount: voided, noted_at: at });
            Ok(settled(settlement, Outcome::Cancelled(*reason), Effect::PaymentVoided, noted))
        }
        State::Unknown | State::Pending { .. } | State::Confirmed { .. } => impossible(state, report),
    }
}

/// The cancellation; an order that leaves nothing to undo is finished by it.
fn cancelled(reason: CancelReason, at: DateTime<Utc>) -> Vec<Event> {
    let outcome = Outcome::Cancelled(reason);
    let mut events = vec![Event::OrderCancelled(OrderCancelled { reason, cancelled_at: at })];
    if outcome.effects().is_empty() {
        events.push(Event::OrderFinished(OrderFinished { outcome, finished_at: at }));
    }
    events
}

/// Notes an awaited effect, and the finish with the last one; nothing for an effect that has been noted before.
fn settled(settlement: &Settlement, outcome: Outcome, effect: Effect, noted: Event) -> Vec<Event> {
    if !settlement.awaits(effect) {
        return Vec::new();
    }
    let finished_at = noted.at();
    let mut events = vec![noted];
    if settlement.awaits_only(effect) {
        events.push(Event::OrderFinished(OrderFinished { outcome, finished_at }));
    }
    events
}

/// A report that only a confirmed order leads to, about an order that was cancelled for `reason`: it was on its way when
/// the capture was refused.
fn only_after_confirmation(reason: CancelReason, state: &State, report: &'static str) -> Decision {
    match reason {
        CancelReason::CaptureFailed => NOTHING,
        CancelReason::OutOfStock
        | CancelReason::PaymentDeclined
        | CancelReason::Customer
        | CancelReason::Deadline => impossible(state, report),
    }
}

/// A report about an order that nobody has placed is none of our business, and never a reason to hold others up.
fn impossible(state: &State, report: &'static str) -> Decision {
    match state {
        State::Unknown => Err(Rejection::NotFound),
        State::Pending { .. } | State::Confirmed { .. } | State::Cancelled { .. } => {
            Err(Rejection::Impossible { state: state.name(), report })
        }
    }
}
