//! The payment of one order: the fold of its history.

use bowline_database::Database;
use bowline_event_store::{Error, StoredEvent, load};
use bowline_kernel::{Decider as _, OrderId};
use bowline_payment_domain::{Event, FailedCalls, PaymentDecider, State};

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
}

/// Reads a payment; `None` when there is none for this order.
pub async fn get_payment(database: &Database, order_id: OrderId) -> Result<Option<Payment>, Error> {
    let mut connection = database.acquire().await?;
    let stored = load(&mut connection, &[order_id.uuid()]).await?;
    let Some(last) = stored.last() else { return Ok(None) };
    let version = last.version;
    let events: Vec<Event> = stored.iter().map(StoredEvent::decode).collect::<Result<_, Error>>()?;
    let state = PaymentDecider::replay(&events);
    let open_calls = match state.open_operation() {
        // Decided since the events were read, its row is gone.
        Some(_) => Some(operations::failed_calls_of(&mut connection, order_id).await?.unwrap_or_default()),
        None => None,
    };
    Ok(Some(Payment { state, version, open_calls }))
}
