//! The payment of one order: the fold of its history.

use bowline_database::Database;
use bowline_event_store::{Error, StoredEvent, load};
use bowline_kernel::{Decider as _, OrderId};
use bowline_payment_domain::{Event, FailedCalls, OperationKind, PaymentDecider, State};

use crate::infra::operations;

/// A payment as it stands.
#[derive(Debug)]
pub struct Payment {
    /// What is known about it.
    pub state: State,
    /// How many events its history has.
    pub version: u32,
    /// The calls for the operation that is open; `None` when none is.
    pub open_calls: Option<FailedCalls>,
    /// The calls for each operation, those for the open one and those that decided included.
    pub calls: Calls,
}

/// How often the provider was called for each operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// To hold the amount.
    pub authorize: u32,
    /// To take what is held.
    pub capture: u32,
    /// To let go of what is held.
    pub void: u32,
}

impl Calls {
    fn of(&mut self, kind: OperationKind) -> &mut u32 {
        match kind {
            OperationKind::Authorize => &mut self.authorize,
            OperationKind::Capture => &mut self.capture,
            OperationKind::Void => &mut self.void,
        }
    }
}

/// Reads a payment; `None` when there is none for this order.
pub async fn get_payment(database: &Database, order_id: OrderId) -> Result<Option<Payment>, Error> {
    let mut connection = database.acquire().await?;
    let stored = load(&mut connection, &[order_id.uuid()]).await?;
    let Some(last) = stored.last() else { return Ok(None) };
    let version = last.version;
    let events: Vec<Event> = stored.iter().map(StoredEvent::decode).collect::<Result<_, Error>>()?;
    let (state, mut calls) = replayed(&events);
    let open_calls = match open(&state) {
        Some(kind) => {
            // Decided since the events were read, its row is gone.
            let failed = operations::failed_calls_of(&mut connection, order_id).await?.unwrap_or_default();
            *calls.of(kind) = failed.count;
            Some(failed)
        }
        None => None,
    };
    Ok(Some(Payment { state, version, open_calls, calls }))
}

/// What a history leads to, and how often the provider was called for what it has decided.
fn replayed(events: &[Event]) -> (State, Calls) {
    let begin = (PaymentDecider::initial(), Calls::default());
    events.iter().fold(begin, |(state, mut calls), event| {
        let before = open(&state);
        let state = PaymentDecider::evolve(state, event);
        if let Some(kind) = before.filter(|kind| open(&state) != Some(*kind)) {
            let failed = state.failed_calls().map_or(0, |failed| failed.count);
            *calls.of(kind) = failed.saturating_add(1);
        }
        (state, calls)
    })
}

fn open(state: &State) -> Option<OperationKind> {
    state.open_operation().map(|operation| operation.kind())
}
