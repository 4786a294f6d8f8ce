//! The whole way: a service speaks on Kafka, the projection hears it and answers.

use bowline_contracts::projection::v1::{GetOrderRequest, OrderView, WatchOrderRequest};
use bowline_contracts::topics::{INVENTORY_EVENTS, ORDERS_EVENTS, PAYMENT_EVENTS, Topic};
use bowline_golden::with_later_fields;
use bowline_kernel::{IdSource as _, OrderId, SystemIds};
use bowline_messaging::{
    Batch, ExecuteError, Executed, Handler, KafkaOptions, LaneOptions, Node, NodeOptions, Outbox, Outgoing,
    PartitionWrites, Registered, Wiring,
};
use bowline_test_support::{ServiceDatabase, eventually, namespace, stack};

use crate::saga::{self, Told, new_order};
use crate::stage::{PATIENCE, Serving, serve, settings};

/// A service that says what it is told to.
struct Speaker {
    _database: ServiceDatabase,
    node: Node<Vec<Outgoing>, ()>,
}

struct Voice {
    database: bowline_database::Database,
    outbox: Outbox,
}

impl Handler for Voice {
    type Command = Vec<Outgoing>;
    type Reply = ();

    fn concerns(&self, _: &str) -> bool {
        false
    }

    async fn execute(&mut self, batch: &Batch<Vec<Outgoing>>) -> Result<Executed<()>, ExecuteError> {
        let mut transaction = self.database.begin().await?;
        let admission = batch.admit(&mut transaction, &mut PartitionWrites::default(), &[]).await?;
        let messages = batch.commands.iter().flatten().cloned().collect();
        let sent = batch.finish(&mut transaction, &admission, &self.outbox, messages).await?;
        transaction.commit().await?;
        Ok(Executed { replies: batch.commands.iter().map(|_| ()).collect(), sent, admission })
    }

    fn discard(&mut self) {}
}

impl Speaker {
    async fn new(topic: &'static Topic, kafka: &KafkaOptions) -> Self {
        let database = ServiceDatabase::create(topic.owner).await;
        let migrators = [("messaging", &bowline_messaging::MIGRATOR)];
        bowline_database::migrate(&database.urls().owner, &migrators).await.unwrap();
        let wiring = Wiring {
            source: topic.owner,
            owns: vec![topic],
            sends: vec![topic],
            hears: Vec::new(),
            derived: false,
        };
        let options = NodeOptions {
            kafka: kafka.clone(),
            lanes: LaneOptions::default(),
            database_url: database.urls().runtime.clone(),
            address: "http://127.0.0.1:1".to_owned(),
        };
        let registered = Registered::register(wiring, options).await.unwrap();
        let voice = Voice { database: registered.database(), outbox: registered.outbox() };
        let node = registered.start(voice).unwrap();
        Self { _database: database, node }
    }

    /// Says those of these that are its own.
    async fn say(&self, topic: &'static Topic, told: &[Told]) {
        self.send(told.iter().filter(|told| told.message.topic == topic).map(outgoing).collect()).await;
    }

    /// The same as a later release would: with fields that are not known yet, and between messages of a type that is not.
    async fn say_newer(&self, topic: &'static Topic, told: &[Told]) {
        let own = told.iter().filter(|told| told.message.topic == topic).map(outgoing);
        let messages = own.flat_map(|known| {
            let unknown = Outgoing {
                id: SystemIds.next_id(),
                message_type: "bowline.later.v1.SomethingNew",
                payload: vec![0xff].into(),
                ..known.clone()
            };
            [unknown, Outgoing { payload: with_later_fields(&known.payload).into(), ..known }]
        });
        self.send(messages.collect()).await;
    }

    async fn send(&self, messages: Vec<Outgoing>) {
        self.node.commands().execute(messages).await.unwrap();
    }
}

fn outgoing(told: &Told) -> Outgoing {
    let message = &told.message;
    let known =
        bowline_contracts::events::ALL.iter().find(|(name, _)| *name == message.envelope.message_type);
    Outgoing {
        topic: message.topic,
        key: message.key,
        partition: message.partition,
        id: message.envelope.id,
        message_type: known.unwrap().0,
        time: message.envelope.time,
        causation: None,
        traceparent: None,
        payload: message.payload.clone(),
    }
}

async fn view(serving: &Serving, order: OrderId) -> OrderView {
    eventually("the order is finished in the read model", PATIENCE, async || {
        let request = GetOrderRequest { order_id: order.to_string() };
        let answer = serving.client.clone().get_order(request).await.ok()?;
        answer.into_inner().order.filter(|order| order.finished)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_on_kafka_is_shown_and_a_restart_loses_nothing() {
    let kafka = KafkaOptions::new(vec![stack().await.kafka_brokers.clone()], namespace());
    let database = ServiceDatabase::create("projection").await;
    // The service makes its own tables here, and waits for topics that are not there yet.
    let options = [
        "--database-url",
        &database.urls().runtime,
        "--migrations-database-url",
        &database.urls().owner,
        "--kafka-brokers",
        &kafka.brokers[0],
        "--kafka-namespace",
        &kafka.namespace,
        "--watch-poll",
        "1h",
    ];
    let mut serving = serve(settings(&options)).await;
    let topics: [&Topic; 3] = [&ORDERS_EVENTS, &INVENTORY_EVENTS, &PAYMENT_EVENTS];
    let mut speakers = Vec::new();
    for topic in topics {
        speakers.push((topic, Speaker::new(topic, &kafka).await));
    }

    let (watched, other) = (new_order(), new_order());
    let request = WatchOrderRequest { order_id: watched.to_string() };
    let mut stream = serving.client.watch_order(request).await.unwrap().into_inner();
    for (topic, speaker) in &speakers {
        speaker.say(topic, &[saga::sold(watched), saga::regretted(other)].concat()).await;
    }
    let mut last = OrderView::default();
    while let Some(state) = tokio::time::timeout(PATIENCE, stream.message()).await.unwrap().unwrap() {
        last = state.order.unwrap();
    }
    assert!(last.finished, "the stream ends with the end of the order");
    view(&serving, other).await;
    serving.stop();
    serving.ended().await;

    let while_away = new_order();
    let of_later_releases = new_order();
    for (topic, speaker) in &speakers {
        speaker.say(topic, &saga::refused(while_away)).await;
        speaker.say_newer(topic, &saga::sold(of_later_releases)).await;
    }
    let serving = serve(settings(&options)).await;
    let shown = view(&serving, while_away).await;
    assert_eq!(shown.cancel_reason(), bowline_contracts::orders::v1::CancelReason::CaptureFailed);
    let shown = view(&serving, of_later_releases).await;
    assert!(shown.confirmed_time.is_some() && shown.cancelled_time.is_none(), "{shown:?}");
    serving.stop();
    serving.ended().await;
}
