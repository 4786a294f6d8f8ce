//! The rules of an order: when it is confirmed, when it is cancelled, and when nothing is left to do for it.
//!
//! **Guarantees.** Orders alone decides how an order ends, and it ends in exactly one way. Every pair of state and
//! command is decided explicitly, late and repeated reports included: they lead to nothing. A report that no path
//! leads to is [`Rejection::Impossible`], never silence. The total of an order is computed here, without rounding.
//!
//! **Does not.** It asks nobody for the time, an id or a price; they arrive inside the commands. It does not know
//! the public messages: the service maps [`Event`]s to them. Repetitions of a *request* are answered before they
//! come here, by the idempotency keys.
//!
//! | from | report or request | to | waits for |
//! |---|---|---|---|
//! | pending | `PaymentAuthorized` | confirmed | `StockCommitted`, `PaymentCaptured` |
//! | pending | `StockRejected` | cancelled (out of stock) | nothing: finished |
//! | pending | `PaymentDeclined` | cancelled (payment declined) | `StockReleased` |
//! | pending | `CancelOrder` | cancelled (customer, deadline) | `StockReleased`, `PaymentVoided` |
//! | confirmed | `PaymentCaptureFailed` | cancelled (capture failed) | `StockRestocked`, `PaymentVoided` |
//!
//! The reports of stock and payment come from different topics, so those that are waited for come in any order,
//! and `PaymentAuthorized` may well overtake the `StockReserved` that caused it.
//!
//! **How to add one more event.** Add its struct and its variant in `event.rs`; the compiler then names every place
//! where it matters. Add its type and schema version in `stored.rs` and its golden form in `tests/domain/golden.rs`. To
//! change the form of a stored event, raise its schema version and read the old one in `Event::decode`.

mod command;
mod deadline;
mod decide;
mod event;
mod lines;
mod rejection;
mod state;
mod stored;
mod text;

use bowline_kernel::Decider;

pub use command::{Canceller, Command, PlaceOrder};
pub use deadline::{Awaited, Deadline, DeadlineLimits};
pub use event::{
    CancelReason, CaptureNoted, Compensation, Effect, Event, OrderCancelled, OrderConfirmed, OrderFinished,
    OrderPlaced, Outcome, Public, StockCommitNoted, StockReleaseNoted, StockReservationNoted,
    StockRestockNoted, VoidNoted,
};
pub use lines::{Line, LineLimits, Lines, LinesError};
pub use rejection::Rejection;
pub use state::{Order, Settlement, State, Status, Step, StockStep};
pub use text::{Country, ProductName};

/// The decider of one order; its stream is named by the order's id.
#[derive(Debug, Clone, Copy)]
pub struct OrderDecider;

impl Decider for OrderDecider {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn initial() -> State {
        State::Unknown
    }

    fn decide(state: &State, command: Command) -> Result<Vec<Event>, Rejection> {
        decide::decide(state, command)
    }

    fn evolve(state: State, event: &Event) -> State {
        state.after(event)
    }
}
