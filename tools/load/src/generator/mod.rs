//! Replays a plan against the services over gRPC.
//!
//! One task drives all orders: the calls are polled together, and finished sagas are learnt from a stream that the
//! caller reads from the topic of orders' events. A call that may not have arrived is sent again with the same
//! request id for as long as anything at all makes progress.

mod answers;
mod calls;
mod catalogue;
mod connections;
mod events;
mod outcome;
mod progress;
mod replay;
mod tracker;

#[cfg(test)]
mod tests;

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use uuid::Uuid;

pub use answers::{CancelAnswer, Rejection, is_doubtful};
pub use catalogue::{LoadError, load_catalogue};
pub use connections::{ConnectionSettings, Connections, InvalidAddress};
pub use events::{CancelReason, EndState, MalformedEvent, SagaEvent, SagaEventKind};
pub use outcome::{OrderOutcome, OrderState, Outcome};
pub use progress::{Progress, Snapshot};
pub use replay::{ReplayError, Stalled, StuckOrder, replay, replay_until};

/// How a replay runs.
#[derive(Debug, Clone, Copy)]
pub struct ReplayOptions {
    /// Names the run: request ids are derived from it, so that another run of the same plan places new orders and a
    /// repetition of this run places none.
    pub run_id: Uuid,
    /// When the next order is placed.
    pub pace: Pace,
    /// A replay without any progress for so long has stalled.
    pub stall_after: Duration,
}

/// When the next order is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// So many orders are in flight at most, each from its PlaceOrder until its saga is finished.
    Closed {
        /// The most orders in flight.
        concurrency: NonZeroUsize,
    },
    /// Orders arrive at a steady rate, however many are in flight.
    Open {
        /// Arrivals a second.
        per_second: NonZeroU32,
    },
}

/// The request id of one call of a run: the same for every try, different for everything else.
fn request_id(run_id: Uuid, call: &str, subject: &str) -> String {
    Uuid::new_v5(&run_id, format!("{call}:{subject}").as_bytes()).to_string()
}
