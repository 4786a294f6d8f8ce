//! A service that says what a test wants said.

use bowline_contracts::events;
use bowline_contracts::topics::Topic;
use bowline_database::Database;
use bowline_messaging::{
    Batch, ExecuteError, Executed, Handler, Incoming, KafkaOptions, LaneOptions, Node, NodeOptions, Outbox,
    Outgoing, PartitionWrites, Registered, Wiring,
};

use crate::ServiceDatabase;

/// The owner of a topic, which it makes, on real lanes.
#[derive(Debug)]
pub struct Speaker {
    topic: &'static Topic,
    node: Node<Vec<Outgoing>, ()>,
    _database: ServiceDatabase,
}

impl Speaker {
    /// Speaks on `topic`, with a database of its own.
    pub async fn new(topic: &'static Topic, kafka: &KafkaOptions) -> Self {
        let database = ServiceDatabase::create(topic.owner).await;
        let migrators = [("messaging", &bowline_messaging::MIGRATOR)];
        bowline_database::migrate(&database.urls().owner, &migrators).await.expect("the database is empty");
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
        let registered = Registered::register(wiring, options).await.expect("the tables are there");
        let voice = Voice { database: registered.database(), outbox: registered.outbox() };
        let node = registered.start(voice).expect("a node can be started");
        Self { topic, node, _database: database }
    }

    /// Says those of these that are on its topic, in one transaction and in order.
    pub async fn say<'a>(&self, messages: impl IntoIterator<Item = &'a Incoming>) {
        let own = messages.into_iter().filter(|message| message.topic == self.topic);
        self.send(own.map(outgoing).collect()).await;
    }

    /// Says what no message of the registry is, such as one of a later release.
    pub async fn send(&self, messages: Vec<Outgoing>) {
        self.node.commands().execute(messages).await.expect("what is said is stored");
    }
}

/// A message as its source writes it.
pub fn outgoing(message: &Incoming) -> Outgoing {
    let named = |(name, _): &&(&str, &Topic)| *name == message.envelope.message_type;
    Outgoing {
        topic: message.topic,
        key: message.key,
        partition: message.partition,
        id: message.envelope.id,
        message_type: events::ALL.iter().find(named).expect("the registry knows the type").0,
        time: message.envelope.time,
        causation: None,
        traceparent: None,
        payload: message.payload.clone(),
    }
}

/// Its transaction: nothing but messages.
struct Voice {
    database: Database,
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
