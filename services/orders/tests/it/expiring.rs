//! The worker of the deadlines on real lanes, with neighbours that are played and a clock that the test moves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bowline_contracts::health::PROVIDER;
use bowline_contracts::topics::{
    INVENTORY_COMMANDS, INVENTORY_EVENTS, PARTITIONS, PAYMENT_COMMANDS, PAYMENT_EVENTS,
};
use bowline_contracts::{inventory, payment};
use bowline_database::{ConnectOptions, Database, Profile};
use bowline_kernel::{ManualClock, OrderId};
use bowline_messaging::{KafkaOptions, Node, Wiring};
use bowline_orders::app::command::Command;
use bowline_orders::app::reply::Reply;
use bowline_orders::app::sagas::Sagas;
use bowline_orders::bootstrap;
use bowline_orders::deadlines::{DeadlineParts, DeadlineSettings, DeadlineWorker, Round, Ways};
use bowline_test_support::{eventually, namespace, stack};
use chrono::TimeDelta;

use crate::neighbours::{Health, Speaker};
use crate::stage::{LIMITS, Stage, TRACE, handler, new_order, new_request, now, place, total};

/// Ends a test that hangs; no test waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);
/// For tests in which the way turns out not to be clear: they wait for as long.
const HASTE: Duration = Duration::from_secs(4);
const NOTHING: Round = Round { cancelled: 0, out_of_date: 0, failed: 0 };

/// A replica of the service with its neighbours.
struct World {
    stage: Stage,
    kafka: KafkaOptions,
    clock: Arc<ManualClock>,
    inventory: Health,
    payment: Health,
}

/// A process.
struct Replica {
    node: Node<Command, Reply>,
    worker: DeadlineWorker,
}

fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

fn cancelled(cancelled: usize) -> Round {
    Round { cancelled, ..NOTHING }
}

impl World {
    /// Everything is there and in order.
    async fn new() -> Self {
        Self::on(KafkaOptions::new(vec![stack().await.kafka_brokers.clone()], namespace())).await
    }

    async fn on(kafka: KafkaOptions) -> Self {
        let (inventory, payment) = (Health::good().await, Health::good().await);
        payment.is(PROVIDER, true).await;
        let clock = Arc::new(ManualClock::at(now()));
        Self { stage: Stage::create().await, kafka, clock, inventory, payment }
    }

    /// Deadlines take effect as soon as the way is clear.
    async fn replica(&self) -> Replica {
        self.replica_that(|_| {}).await
    }

    async fn replica_that(&self, change: impl FnOnce(&mut DeadlineSettings)) -> Replica {
        // It creates what it hears as well, since nobody else does.
        let owns = [&INVENTORY_EVENTS, &INVENTORY_COMMANDS, &PAYMENT_EVENTS, &PAYMENT_COMMANDS];
        let wiring = bootstrap::wiring();
        let owns = wiring.owns.iter().copied().chain(owns).collect();
        let registered = self.stage.register(Wiring { owns, ..wiring }, self.kafka.clone()).await;
        let orders = handler(&registered, Arc::clone(&self.clock));
        let node = registered.start(orders).unwrap();
        Replica { worker: self.worker(&node, change).await, node }
    }

    /// A worker on the partitions that this node holds: all of them.
    async fn worker(
        &self,
        node: &Node<Command, Reply>,
        change: impl FnOnce(&mut DeadlineSettings),
    ) -> DeadlineWorker {
        let mut settings = DeadlineSettings {
            limits: LIMITS,
            wait_max: minutes(60),
            settle: TimeDelta::zero(),
            interval: Duration::from_secs(1),
            batch_max: 100,
            probe_timeout: PATIENCE,
            payment_url: self.payment.url(),
        };
        change(&mut settings);
        let (inventory, payment) = (self.inventory.url(), &settings.payment_url);
        let ways = Ways::new(node.inputs(), &inventory, payment, settings.probe_timeout).unwrap();
        let database = Database::open(&ConnectOptions {
            url: self.stage.url().to_owned(),
            application: "test",
            connections_max: 2,
            acquire_timeout: PATIENCE,
            profile: Profile::Query,
        })
        .unwrap();
        let mut owned = node.owned();
        let all = owned.wait_for(|owned| owned.len() == usize::from(PARTITIONS));
        tokio::time::timeout(PATIENCE, all).await.unwrap().unwrap();
        let commands = node.commands();
        let parts = DeadlineParts {
            database,
            commands,
            owned,
            ways,
            clock: Arc::clone(&self.clock) as _,
            sagas: Sagas::default(),
        };
        DeadlineWorker::new(settings, parts)
    }

    async fn cancelled(&self, order: OrderId) -> bool {
        self.stage.history(order).await.last().is_some_and(|last| last == "order_cancelled")
    }
}

impl Replica {
    async fn placed(&self) -> OrderId {
        let order = new_order();
        let reply = self.node.commands().execute(place(new_request(), order)).await.unwrap();
        assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
        order
    }

    /// Waits until all that this replica hears is there and read to its end.
    async fn hears(&self) {
        let all: BTreeSet<u16> = (0..PARTITIONS).collect();
        for topic in [&INVENTORY_EVENTS, &PAYMENT_EVENTS] {
            eventually("the inputs are followed", PATIENCE, async || {
                let caught_up = self.node.inputs().caught_up(topic, &all, HASTE).await;
                (caught_up == all).then_some(())
            })
            .await;
        }
    }

    async fn round(&mut self) -> Round {
        self.worker.round().await.unwrap()
    }

    async fn drain(self) {
        self.node.drain(PATIENCE).await;
    }
}

fn reserved(order: OrderId) -> inventory::v1::StockReserved {
    inventory::v1::StockReserved { order_id: order.to_string(), ..Default::default() }
}

fn authorized(order: OrderId) -> payment::v1::PaymentAuthorized {
    let order_id = order.to_string();
    payment::v1::PaymentAuthorized { order_id, amount: Some(total()), ..Default::default() }
}

/// The one order of this replica waits for its step, due after five minutes, until the hour beyond that is over.
async fn gives_up_at_the_limit_alone(clock: &ManualClock, mut replica: Replica) {
    clock.advance(minutes(64));
    assert_eq!(replica.round().await, NOTHING);
    clock.advance(minutes(1));
    assert_eq!(replica.round().await, cancelled(1));
    replica.drain().await;
}

#[tokio::test]
async fn orders_that_are_due_are_given_up_and_no_others() {
    let world = World::new().await;
    let mut replica = world.replica_that(|settings| settings.batch_max = 2).await;
    replica.hears().await;
    for _ in 0..5 {
        replica.placed().await;
    }
    assert_eq!(replica.round().await, NOTHING);
    world.clock.advance(minutes(5));
    assert_eq!(replica.round().await, cancelled(5), "in batches of two");
    assert_eq!(world.stage.deadlines().await, []);
    assert_eq!(replica.round().await, NOTHING);
    replica.drain().await;
}

#[tokio::test]
async fn what_a_deadline_leads_to_is_in_the_trace_of_its_order() {
    let world = World::new().await;
    let mut replica = world.replica().await;
    replica.hears().await;
    replica.placed().await;
    world.clock.advance(minutes(5));
    assert_eq!(replica.round().await, cancelled(1));
    let traces: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT type, convert_from(metadata, 'UTF8')::json->>'traceparent' FROM event_store.events ORDER BY version",
    )
    .fetch_all(&mut world.stage.owner().await)
    .await
    .unwrap();
    let expected =
        ["order_placed", "order_cancelled"].map(|event| (event.to_owned(), Some(TRACE.to_owned())));
    assert_eq!(traces, expected);
    replica.drain().await;
}

#[tokio::test]
async fn an_answer_that_lies_on_the_topic_is_in_time() {
    let world = World::new().await;
    let mut replica = world.replica().await;
    replica.hears().await;
    let (answered, silent) = (replica.placed().await, replica.placed().await);
    world.clock.advance(minutes(5));
    let (inventory, payment) = (
        Speaker::of::<inventory::v1::StockReserved>(&world.kafka).await,
        Speaker::of::<payment::v1::PaymentAuthorized>(&world.kafka).await,
    );
    inventory.say(answered, &reserved(answered)).await;
    payment.say(answered, &authorized(answered)).await;
    inventory.drain().await;
    payment.drain().await;
    assert_eq!(replica.round().await.cancelled, 1);
    assert!(world.cancelled(silent).await);
    assert!(!world.cancelled(answered).await);
    replica.drain().await;
}

#[tokio::test]
async fn a_step_waits_while_who_owes_the_answer_is_not_in_order_but_not_for_ever() {
    let world = World::new().await;
    let mut replica = world.replica().await;
    replica.hears().await;
    let (unpaid, unreserved) = (replica.placed().await, replica.placed().await);
    let speaker = Speaker::of::<inventory::v1::StockReserved>(&world.kafka).await;
    speaker.say(unpaid, &reserved(unpaid)).await;
    speaker.drain().await;
    eventually("the reservation is noted", PATIENCE, async || {
        (world.stage.history(unpaid).await.len() == 2).then_some(())
    })
    .await;

    // The breaker of the provider is open, and the process of payment is in order: its own deadline waits alone.
    world.payment.is(PROVIDER, false).await;
    world.inventory.is("", false).await;
    world.clock.advance(minutes(11));
    assert_eq!(replica.round().await, NOTHING);
    world.inventory.is("", true).await;
    assert_eq!(replica.round().await, cancelled(1));
    assert!(world.cancelled(unreserved).await && !world.cancelled(unpaid).await);

    // The due time and the longest wait, to the second.
    world.clock.advance(minutes(59) - TimeDelta::seconds(1));
    assert_eq!(replica.round().await, NOTHING);
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(replica.round().await, cancelled(1));
    assert!(world.cancelled(unpaid).await);
    replica.drain().await;
}

#[tokio::test]
async fn a_service_that_cannot_be_asked_is_waited_for() {
    let world = World::new().await;
    let replica = world.replica().await;
    replica.hears().await;
    replica.placed().await;
    world.inventory.goes().await;
    gives_up_at_the_limit_alone(&world.clock, replica).await;
}

#[tokio::test]
async fn a_payment_that_does_not_know_its_provider_is_waited_for() {
    let world = World::new().await;
    let elder = Health::good().await;
    let mut replica = world.replica_that(|settings| settings.payment_url = elder.url()).await;
    replica.hears().await;
    let order = replica.placed().await;
    let speaker = Speaker::of::<inventory::v1::StockReserved>(&world.kafka).await;
    speaker.say(order, &reserved(order)).await;
    speaker.drain().await;
    eventually("the reservation is noted", PATIENCE, async || {
        (world.stage.history(order).await.len() == 2).then_some(())
    })
    .await;
    world.clock.advance(minutes(30));
    assert_eq!(replica.round().await, NOTHING);
    elder.is(PROVIDER, true).await;
    assert_eq!(replica.round().await, cancelled(1));
    replica.drain().await;
}

#[tokio::test]
async fn a_step_waits_while_its_input_lags_but_not_for_ever() {
    let world = World::new().await;
    let replica = world.replica_that(|settings| settings.probe_timeout = HASTE).await;
    replica.hears().await;
    // What inventory says in this partition is held back by a message that is missing.
    let order = replica.placed().await;
    let speaker = Speaker::that_has_lost::<inventory::v1::StockReserved>(1, &world.kafka).await;
    let reserved = inventory::v1::StockReserved { order_id: order.to_string(), ..Default::default() };
    speaker.say(order, &reserved).await;
    speaker.drain().await;
    gives_up_at_the_limit_alone(&world.clock, replica).await;
}

#[tokio::test]
async fn without_kafka_deadlines_wait() {
    let world = World::on(KafkaOptions::new(vec!["127.0.0.1:1".into()], namespace())).await;
    let replica = world.replica_that(|settings| settings.probe_timeout = HASTE).await;
    replica.placed().await;
    gives_up_at_the_limit_alone(&world.clock, replica).await;
}

#[tokio::test]
async fn a_way_must_have_been_clear_for_a_while() {
    let world = World::new().await;
    let mut replica = world.replica_that(|settings| settings.settle = minutes(2)).await;
    replica.hears().await;
    let order = replica.placed().await;
    // Two minutes before it is due, the way is looked at; then it is blocked for a moment.
    world.clock.advance(minutes(3));
    assert_eq!(replica.round().await, NOTHING);
    world.clock.advance(minutes(1));
    world.inventory.is("", false).await;
    assert_eq!(replica.round().await, NOTHING);
    world.inventory.is("", true).await;
    world.clock.advance(minutes(1));
    assert_eq!(replica.round().await, NOTHING, "due, and clear since now");
    world.clock.advance(minutes(2));
    assert_eq!(replica.round().await, cancelled(1));
    assert!(world.cancelled(order).await);
    replica.drain().await;
}

#[tokio::test]
async fn a_way_that_was_clear_all_the_while_delays_nothing() {
    let world = World::new().await;
    let mut replica = world.replica_that(|settings| settings.settle = minutes(2)).await;
    replica.hears().await;
    replica.placed().await;
    world.clock.advance(minutes(3));
    assert_eq!(replica.round().await, NOTHING);
    world.clock.advance(minutes(2));
    assert_eq!(replica.round().await, cancelled(1));
    replica.drain().await;
}

#[tokio::test]
async fn deadlines_survive_a_restart_and_the_successor_first_hears_what_has_come() {
    let world = World::new().await;
    let first = world.replica().await;
    first.hears().await;
    let (answered, silent) = (first.placed().await, first.placed().await);
    first.drain().await;
    let speaker = Speaker::of::<payment::v1::PaymentAuthorized>(&world.kafka).await;
    speaker.say(answered, &authorized(answered)).await;
    speaker.drain().await;

    // Nobody has worked for longer than any deadline waits, and Kafka is slow to come up: inventory is not in order.
    world.clock.advance(minutes(24 * 60));
    world.inventory.is("", false).await;
    let mut second = world.replica_that(|settings| settings.settle = minutes(2)).await;
    assert_eq!(second.round().await, NOTHING);
    eventually("the answer is applied", PATIENCE, async || {
        (world.stage.history(answered).await.len() == 2).then_some(())
    })
    .await;
    world.clock.advance(minutes(2));
    assert_eq!(second.round().await, cancelled(1));
    assert!(world.cancelled(silent).await && !world.cancelled(answered).await);
    second.drain().await;
}

#[tokio::test]
async fn two_workers_give_an_order_up_once() {
    let world = World::new().await;
    let mut first = world.replica().await;
    first.hears().await;
    let order = first.placed().await;
    let mut second = world.worker(&first.node, |_| {}).await;
    world.clock.advance(minutes(5));
    let (one, other) = tokio::join!(first.round(), async { second.round().await.unwrap() });
    assert_eq!(one.cancelled + other.cancelled, 1, "{one:?} {other:?}");
    assert_eq!(world.stage.history(order).await, ["order_placed", "order_cancelled"]);
    first.drain().await;
}
