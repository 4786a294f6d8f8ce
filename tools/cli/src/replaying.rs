//! A replay against a fleet: catalogue and stock first, then the orders.

use bowline_contracts::events::{OrdersEvent, Published as _};
use bowline_contracts::orders::v1::{OrderConfirmed, OrderFinished};
use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_kernel::{IdSource as _, SystemIds};
use bowline_load::generator::{
    ConnectionSettings, Connections, Outcome, Pace, Progress, ReplayError, ReplayOptions, SagaEvent, Stalled,
    load_catalogue, replay, replay_until,
};
use bowline_load::plan::Plan;
use bowline_messaging::KafkaOptions;
use bowline_messaging::tail::{From, Message, Tail};
use futures::{Stream, StreamExt as _, stream};
use std::time::Duration;

use crate::fleet::Fleet;
use crate::screen;

/// What came of a replay, and why it broke off if it did.
#[derive(Debug)]
pub struct Replayed {
    /// What came of every order.
    pub outcome: Outcome,
    /// `None` when every order is refused or finished.
    pub stalled: Option<Box<Stalled>>,
}

/// Loads catalogue and stock and places every order of the plan, showing how far it is.
pub(crate) async fn run(
    fleet: &Fleet,
    plan: &Plan,
    pace: Pace,
    stall_after: Duration,
) -> anyhow::Result<Replayed> {
    let places = &fleet.ground.places;
    let settings = ConnectionSettings::default();
    let inventory = Connections::new([places.grpc_url("inventory")], settings)?;
    let orders = Connections::new([places.grpc_url("orders")], settings)?;
    let options = ReplayOptions { run_id: SystemIds.next_id(), pace, stall_after };
    let progress = Progress::default();
    load_catalogue(plan, &inventory, options.run_id, stall_after, &progress).await?;
    tokio::select! {
        replayed = place_all(plan, &orders, &fleet.ground.kafka, &options, &progress) => replayed,
        () = screen::show(&progress, plan.orders.len()) => unreachable!("it is shown for ever"),
    }
}

/// Places every order of the plan and follows the sagas on the topic of orders' events.
pub async fn place_all(
    plan: &Plan,
    orders: &Connections,
    kafka: &KafkaOptions,
    options: &ReplayOptions,
    progress: &Progress,
) -> anyhow::Result<Replayed> {
    // Opened before the first order, so that no end is missed.
    let events = saga_events(kafka).await?;
    settled(replay(plan, orders, events, options, progress).await)
}

/// The same with the orders of the plan again and again, until `enough` ends.
pub async fn place_until(
    plan: &Plan,
    orders: &Connections,
    kafka: &KafkaOptions,
    options: &ReplayOptions,
    progress: &Progress,
    enough: impl Future<Output = ()>,
) -> anyhow::Result<Replayed> {
    let events = saga_events(kafka).await?;
    settled(replay_until(plan, orders, events, options, progress, enough).await)
}

/// A replay that stalled has an outcome too.
fn settled(replayed: Result<Outcome, ReplayError>) -> anyhow::Result<Replayed> {
    match replayed {
        Ok(outcome) => Ok(Replayed { outcome, stalled: None }),
        Err(ReplayError::Stalled(stalled)) => {
            Ok(Replayed { outcome: stalled.outcome.clone(), stalled: Some(stalled) })
        }
        Err(error @ ReplayError::EventsEnded) => Err(error.into()),
    }
}

/// What happens to orders from now on.
async fn saga_events(kafka: &KafkaOptions) -> anyhow::Result<impl Stream<Item = SagaEvent>> {
    let tail = Tail::open(kafka, &[&ORDERS_EVENTS], From::Now).await?;
    let batches = stream::unfold(tail, |mut tail| async {
        let messages = tail.next().await?;
        Some((stream::iter(messages.into_iter().filter_map(|message| saga_event(&message))), tail))
    });
    Ok(batches.flatten())
}

/// `None` for what the replay does not need; the large `OrderPlaced` is not even decoded.
fn saga_event(message: &Message) -> Option<SagaEvent> {
    let kind = message.envelope.message_type.as_str();
    if kind != OrderConfirmed::TYPE && kind != OrderFinished::TYPE {
        return None;
    }
    let event = OrdersEvent::decode(kind, &message.payload)?;
    let read = event.map_err(anyhow::Error::from).and_then(|event| Ok(SagaEvent::read(&event)?));
    read.unwrap_or_else(|error| {
        tracing::error!(key = %message.key, kind, %error, "an event of orders cannot be read");
        None
    })
}
