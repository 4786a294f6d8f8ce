//! The whole service between its neighbours, over a real Kafka.

use std::time::Duration;

use bowline_contracts::events::PaymentEvent;
use bowline_contracts::topics;
use bowline_database::Database;
use bowline_kernel::OrderId;
use bowline_messaging::{
    Batch, ExecuteError, Executed, Handler, Incoming, KafkaOptions, LaneOptions, Node, NodeOptions, Outbox,
    PartitionWrites, Registered, Wiring,
};
use bowline_payment_simulator::Switches;
use bowline_test_support::{Running, Speaker, TestDatabase, eventually, namespace, outgoing, stack};
use tokio::sync::mpsc;

use crate::neighbours::{new_order, order_confirmed, stock_reserved, void_payment};
use crate::stage::{DEADLINE, Stage};

/// Orders: says what the test wants said, and tells the test what payment says.
struct Neighbour {
    node: Node<Incoming, ()>,
    heard: mpsc::UnboundedReceiver<(OrderId, PaymentEvent)>,
    _database: TestDatabase,
}

/// Its transaction: nothing but messages.
struct Talk {
    database: Database,
    outbox: Outbox,
    heard: mpsc::UnboundedSender<(OrderId, PaymentEvent)>,
}

impl Handler for Talk {
    type Command = Incoming;
    type Reply = ();

    fn concerns(&self, _message_type: &str) -> bool {
        true
    }

    async fn execute(&mut self, batch: &Batch<Incoming>) -> Result<Executed<()>, ExecuteError> {
        let mut transaction = self.database.begin().await?;
        let admission = batch.admit(&mut transaction, &mut PartitionWrites::default(), &[]).await?;
        let messages = batch.commands.iter().map(outgoing).collect();
        let sent = batch.finish(&mut transaction, &admission, &self.outbox, messages).await?;
        transaction.commit().await?;
        for (_, message) in batch.admitted(&admission) {
            let event = PaymentEvent::decode(&message.envelope.message_type, &message.payload);
            self.heard.send((OrderId::new(message.key), event.unwrap().unwrap())).unwrap();
        }
        Ok(Executed { replies: vec![(); batch.commands.len()], sent, admission })
    }

    fn discard(&mut self) {}
}

impl Neighbour {
    async fn start(kafka: KafkaOptions) -> Self {
        let database = TestDatabase::create(topics::ORDERS).await;
        bowline_database::migrate(database.url(), &[("messaging", &bowline_messaging::MIGRATOR)])
            .await
            .unwrap();
        let options = NodeOptions {
            kafka,
            lanes: LaneOptions::default(),
            database_url: database.url().to_owned(),
            address: "127.0.0.1:0".into(),
        };
        let wiring = Wiring {
            source: topics::ORDERS,
            owns: vec![&topics::ORDERS_EVENTS],
            sends: vec![&topics::ORDERS_EVENTS, &topics::PAYMENT_COMMANDS],
            hears: vec![&topics::PAYMENT_EVENTS],
            derived: false,
        };
        let registered = Registered::register(wiring, options).await.unwrap();
        let (to_test, from_node) = mpsc::unbounded_channel();
        let talk = Talk { database: registered.database(), outbox: registered.outbox(), heard: to_test };
        let node = registered.start(talk).unwrap();
        Self { node, heard: from_node, _database: database }
    }

    async fn say(&self, message: Incoming) {
        self.node.commands().execute(message).await.unwrap();
    }

    async fn next(&mut self) -> (OrderId, &'static str) {
        let heard = tokio::time::timeout(DEADLINE, self.heard.recv()).await;
        let (order, event) = heard.expect("payment says something").unwrap();
        (order, name(&event))
    }
}

fn name(event: &PaymentEvent) -> &'static str {
    match event {
        PaymentEvent::Authorized(_) => "authorized",
        PaymentEvent::Declined(_) => "declined",
        PaymentEvent::Captured(_) => "captured",
        PaymentEvent::CaptureFailed(_) => "capture failed",
        PaymentEvent::Voided(_) => "voided",
    }
}

#[tokio::test]
async fn payment_answers_its_neighbours() {
    let stage = Stage::new(Switches::default()).await;
    let (brokers, namespace) = (stack().await.kafka_brokers.clone(), namespace());
    let kafka = KafkaOptions::new(vec![brokers.clone()], namespace.clone());
    let mut orders = Neighbour::start(kafka.clone()).await;
    let inventory = Speaker::new(&topics::INVENTORY_EVENTS, &kafka).await;
    let url = stage.simulator.url();
    let service = stage
        .service(&["--provider-url", &url, "--kafka-brokers", &brokers, "--kafka-namespace", &namespace])
        .await;
    let readiness = service.readiness();
    let running = Running::start(service);
    eventually("payment is ready", DEADLINE, async || readiness.is_ready().then_some(())).await;
    let (bought, cancelled, declined) = (new_order(), new_order(), new_order());
    inventory.say(&[stock_reserved(bought, "tok_visa")]).await;
    assert_eq!(orders.next().await, (bought, "authorized"));
    orders.say(order_confirmed(bought)).await;
    assert_eq!(orders.next().await, (bought, "captured"));
    orders.say(void_payment(cancelled)).await;
    assert_eq!(orders.next().await, (cancelled, "voided"));
    let late = stock_reserved(cancelled, "tok_visa");
    inventory.say(&[late, stock_reserved(declined, "tok_decline_expired_card")]).await;
    assert_eq!(orders.next().await, (declined, "declined"));
    assert_eq!(stage.only_charge(bought).await, ([1_234, 1_234, 0], 2));
    assert!(stage.charges(cancelled).await.is_empty());
    running.begin_to_stop();
    running.ended().await;
    orders.node.drain(Duration::from_secs(5)).await;
}
