//! A consumer that works off a backlog on the real servers of the tests, for measuring what something costs it.

#[path = "../../tests/it/wiring.rs"]
mod wiring;

use std::time::{Duration, Instant};

use bowline_contracts::envelope::Envelope;
use bowline_contracts::partition;
use bowline_contracts::topics::{INVENTORY, INVENTORY_EVENTS, ORDERS, ORDERS_EVENTS, PARTITIONS};
use bowline_database::Database;
use bowline_kernel::{IdSource as _, SystemIds};
use bowline_messaging::{
    Batch, ExecuteError, Executed, Handler, Incoming, KafkaOptions, LaneOptions, MIGRATOR, NodeOptions,
    Outbox, Outgoing, PartitionWrites, Registered,
};
use bowline_test_support::{ServiceDatabase, eventually, namespace, stack};
use bytes::Bytes;
use chrono::DateTime;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rustix::time::{ClockId, clock_gettime};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

pub(crate) const KEYS: usize = 10_000;
/// Of each key, one after the other.
pub(crate) const MESSAGES: usize = 20;
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_mins(2);
const POISON: &[u8] = b"poison";

const SCHEMA: &str = "CREATE SCHEMA bench;
    CREATE TABLE bench.applied (id uuid NOT NULL, key uuid NOT NULL);
    GRANT USAGE ON SCHEMA bench TO bowline_service;
    GRANT SELECT, INSERT ON bench.applied TO bowline_service";

/// What is special about a backlog; nothing by default.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backlog {
    /// The first message about the first key is poison.
    pub(crate) poisoned: bool,
    /// Of so many keys, one has messages whose trace is sampled; 0 for none.
    pub(crate) sampled_of: usize,
    /// Every message is answered with another one.
    pub(crate) answered: bool,
}

/// Writes down what it applies, a batch in one statement.
struct Sink {
    database: Database,
    outbox: Outbox,
    writes: PartitionWrites,
    answers: bool,
}

impl Handler for Sink {
    type Command = ();
    type Reply = ();

    fn concerns(&self, _message_type: &str) -> bool {
        true
    }

    async fn execute(&mut self, batch: &Batch<()>) -> Result<Executed<()>, ExecuteError> {
        if let Some((message, _)) = batch.messages().find(|(_, message)| *message.payload == *POISON) {
            return Err(ExecuteError::Poison { message, reason: "it is poison".into() });
        }
        let mut partitions: Vec<u16> = batch.messages().map(|(_, message)| message.partition).collect();
        partitions.sort_unstable();
        partitions.dedup();
        let mut transaction = self.database.begin().await?;
        let admission = batch.admit(&mut transaction, &mut self.writes, &partitions).await?;
        let (ids, keys): (Vec<Uuid>, Vec<Uuid>) =
            batch.admitted(&admission).map(|(_, message)| (message.envelope.id, message.key)).unzip();
        let answers = batch.admitted(&admission).filter(|_| self.answers).map(|(_, message)| answer(message));
        sqlx::query("INSERT INTO bench.applied SELECT * FROM unnest($1::uuid[], $2::uuid[])")
            .bind(ids)
            .bind(keys)
            .execute(&mut *transaction)
            .await?;
        let sent = batch.finish(&mut transaction, &admission, &self.outbox, answers.collect()).await?;
        transaction.commit().await?;
        self.writes.confirm();
        Ok(Executed { replies: Vec::new(), sent, admission })
    }

    fn discard(&mut self) {
        self.writes.discard();
    }
}

fn answer(message: &Incoming) -> Outgoing {
    Outgoing {
        topic: &INVENTORY_EVENTS,
        key: message.key,
        partition: message.partition,
        id: SystemIds.next_id(),
        message_type: "bowline.bench.v1.Answered",
        time: DateTime::UNIX_EPOCH,
        causation: Some(message.envelope.id),
        traceparent: message.envelope.traceparent.clone(),
        payload: Bytes::from_static(b"answered"),
    }
}

async fn register(database: &ServiceDatabase, kafka: &KafkaOptions) -> Registered {
    let options = NodeOptions {
        kafka: kafka.clone(),
        lanes: LaneOptions::default(),
        database_url: database.urls().runtime.clone(),
        address: String::new(),
    };
    Registered::register(wiring::inventory(), options).await.unwrap()
}

fn sink(registered: &Registered, answers: bool) -> Sink {
    let (database, outbox) = (registered.database(), registered.outbox());
    Sink { database, outbox, writes: PartitionWrites::default(), answers }
}

/// Puts the backlog on the topic.
fn say(kafka: &KafkaOptions, backlog: Backlog) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.brokers.join(",")).set("enable.idempotence", "true");
    let producer: BaseProducer = config.set("queue.buffering.max.messages", "400000").create().unwrap();
    let (topic, incarnation) = (kafka.topic_name(&ORDERS_EVENTS), SystemIds.next_id());
    let keys: Vec<Uuid> = (0..KEYS).map(|_| SystemIds.next_id()).collect();
    let mut sequences = vec![0_i64; usize::from(PARTITIONS)];
    for (nth, (of_key, key)) in
        (0..MESSAGES).flat_map(|nth| keys.iter().enumerate().map(move |key| (nth, key)))
    {
        let partition = partition::of_key(*key, PARTITIONS);
        let sequence = &mut sequences[usize::from(partition)];
        *sequence += 1;
        let envelope = Envelope {
            id: SystemIds.next_id(),
            source: ORDERS.into(),
            message_type: "bowline.bench.v1.Said".into(),
            time: DateTime::UNIX_EPOCH,
            sequence: *sequence,
            incarnation,
            causation: None,
            traceparent: Some(traceparent(key, backlog.sampled_of > 0 && of_key % backlog.sampled_of == 0)),
        };
        let mut headers = OwnedHeaders::new();
        envelope.encode(|key, value| {
            headers = std::mem::take(&mut headers).insert(Header { key, value: Some(value) });
        });
        let payload = if backlog.poisoned && nth == 0 && of_key == 0 { POISON } else { b"said" };
        let key = key.to_string();
        let record = BaseRecord::to(&topic).partition(i32::from(partition)).key(&key).payload(payload);
        producer.send(record.headers(headers)).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

fn traceparent(key: &Uuid, sampled: bool) -> String {
    let flags = u8::from(sampled);
    format!("00-{}-{:016x}-{flags:02x}", key.simple(), key.as_u64_pair().1)
}

/// What a round has shown.
#[derive(Debug, Clone, Copy)]
struct Measured {
    /// Messages a second that the consumer applied, of those that can be.
    rate: f64,
    /// Microseconds of processor time that this process took for each of them, without the servers.
    cost: f64,
}

/// How long processors have worked for this process, in all of its threads.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap())
}

#[expect(clippy::cast_precision_loss, reason = "a count of messages is far below 2^52")]
async fn round(backlog: Backlog) -> Measured {
    let poisoned = backlog.poisoned;
    let kafka = KafkaOptions::new(vec![stack().await.kafka_brokers.clone()], namespace());
    let database = ServiceDatabase::create(INVENTORY).await;
    bowline_database::migrate(&database.urls().owner, &[("messaging", &MIGRATOR)]).await.unwrap();
    let mut owner = PgConnection::connect(&database.urls().owner).await.unwrap();
    sqlx::raw_sql(SCHEMA).execute(&mut owner).await.unwrap();
    // One that only makes the topics.
    let registered = register(&database, &kafka).await;
    let handler = sink(&registered, false);
    let node = registered.start(handler).unwrap();
    node.topics_ready().await;
    node.drain(PATIENCE).await;
    let to = kafka.clone();
    tokio::task::spawn_blocking(move || say(&to, backlog)).await.unwrap();

    let registered = register(&database, &kafka).await;
    let handler = sink(&registered, backlog.answered);
    let expected = i64::try_from(KEYS * MESSAGES - if poisoned { MESSAGES } else { 0 }).unwrap();
    let (begun, worked) = (Instant::now(), processor_time());
    let node = registered.start(handler).unwrap();
    eventually("everything is applied", PATIENCE, async || {
        let applied: i64 =
            sqlx::query_scalar("SELECT count(*) FROM bench.applied").fetch_one(&mut owner).await.unwrap();
        (applied == expected).then_some(())
    })
    .await;
    let rate = expected as f64 / begun.elapsed().as_secs_f64();
    let cost = 1e6 * processor_time().saturating_sub(worked).as_secs_f64() / expected as f64;
    let parked: i64 = sqlx::query_scalar("SELECT count(*) FROM messaging.parked_messages")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(parked, if poisoned { i64::try_from(MESSAGES).unwrap() } else { 0 });
    node.drain(PATIENCE).await;
    Measured { rate, cost }
}

/// Runs both by turns, one round of the first to warm up, and says what the second comes to, as shares of the first.
pub(crate) async fn compare(names: [&str; 2], backlogs: [Backlog; 2]) {
    let [without, with] = backlogs;
    round(without).await;
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        // What comes second may find a warmer, or a fuller, machine.
        let (without, with) = if number % 2 == 1 {
            let with = round(with).await;
            (round(without).await, with)
        } else {
            (round(without).await, round(with).await)
        };
        for (name, measured) in names.into_iter().zip([without, with]) {
            print!("{name} {:.0}/s, {:.2} µs; ", measured.rate, measured.cost);
        }
        rates.push(with.rate / without.rate);
        costs.push(with.cost / without.cost);
        println!("rate {:.3}, processor time {:.3}", rates[number], costs[number]);
    }
    println!("median rate {:.3}, processor time {:.3}", median(rates), median(costs));
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}
