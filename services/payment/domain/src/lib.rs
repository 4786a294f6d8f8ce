//! The rules of a payment: when the provider is asked for what, and what its answers mean for the saga.
//!
//! **Guarantees.** At most one provider operation is open at a time ([`State::open_operation`]). Every payment that
//! was told to void reports exactly one [`Event::PaymentVoided`], also when nothing was ever held, and authorises
//! nothing after it. Every pair of state and command is decided explicitly; late and repeated messages and outcomes
//! of operations that are no longer open lead to nothing.
//!
//! **Does not.** It calls no provider and knows none of its words: the worker executes operations and brings back
//! outcomes in the terms of this crate. It takes no partial captures and makes no refunds.
//!
//! | from | message or outcome | to |
//! |---|---|---|
//! | unknown | `StockReserved` | authorizing |
//! | unknown | `VoidPayment` | voided (nothing): a tombstone |
//! | authorizing | `Authorized`, `AuthorizationDeclined` | authorized, declined |
//! | authorized | `OrderConfirmed` | capturing |
//! | authorized | `VoidPayment` | voiding |
//! | declined | `VoidPayment` | voided (zero) |
//! | capturing | `Captured` | captured |
//! | capturing | `CaptureRefused` | voiding, unasked |
//! | voiding | `Voided` | voided (the amount held) |
//!
//! `VoidPayment` during the authorisation is remembered and takes effect with its outcome.
//!
//! **How to add one more event.** Add its struct and its variant in `event.rs`; the compiler then names every place
//! where it matters. Add its type and schema version in `stored.rs` and its golden form in `tests/domain/golden.rs`.
//! To change the form of a stored event, raise its schema version and read the old one in `Event::decode`.

mod command;
mod decide;
mod event;
mod operation;
mod state;
mod stored;
mod text;

use bowline_kernel::Decider;

pub use command::{Command, Rejection};
pub use event::{
    AuthorizationRequested, CaptureFailed, CaptureRequested, Event, PaymentAuthorized, PaymentCaptured,
    PaymentDeclined, PaymentVoided, VoidDeferred, VoidRequested,
};
pub use operation::{FailedCalls, Operation, OperationKind};
pub use state::{Phase, State, Status, VoidedAfter};
pub use text::{ProviderReference, Reason};

/// The decider of one payment; its stream is named by the order's id.
#[derive(Debug, Clone, Copy)]
pub struct PaymentDecider;

impl Decider for PaymentDecider {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn initial() -> State {
        State::initial()
    }

    fn decide(state: &State, command: Command) -> Result<Vec<Event>, Rejection> {
        decide::decide(state, command)
    }

    fn evolve(state: State, event: &Event) -> State {
        state.after(event)
    }
}
