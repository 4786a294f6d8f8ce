//! One replica of a service on its lanes: leases, executor, consumer and relay, started and stopped together.

mod tasks;

use std::sync::LazyLock;
use std::time::Duration;

use bowline_contracts::topics::{PARTITIONS, Topic};
use bowline_database::{ConnectOptions, Database, Profile};
use bowline_fault_points::{Sabotage, is_broken};
use bowline_kernel::{IdSource as _, SystemIds};
use tokio::sync::{mpsc, watch};

use self::tasks::{Parts, Tasks};
use crate::backlog::{Backlog, BacklogWatch};
use crate::consumer::Consumer;
use crate::executor::{Batches, Commands, Executor, ExecutorParts, Failovers, Handler, Pace, Troubles};
use crate::healing::{Healed, Healer};
use crate::inbox::Inbox;
use crate::inputs::{Inputs, Progress};
use crate::lane_reader::LaneReader;
use crate::lease::{Holders, Leases, Owned};
use crate::outbox::Outbox;
use crate::parking::Parking;
use crate::partitions::PartitionWrites;
use crate::producer::Broker;
use crate::relay::{OFFERS_WAITING_MAX, RelayParts};
use crate::rotation::{Rotated, Rotation};
use crate::topic_watch::TopicIds;
use crate::{Error, KafkaOptions, LaneOptions, incarnation};

/// The most consumers whose lost messages are read at once.
const LANE_READS_MAX: u32 = 2;

/// What a service says and hears.
#[derive(Debug, Clone)]
pub struct Wiring {
    /// The name that it sends under, and that its consumer has.
    pub source: &'static str,
    /// The topics that it creates.
    pub owns: Vec<&'static Topic>,
    /// The topics that it sends to.
    pub sends: Vec<&'static Topic>,
    /// The topics that it reacts to.
    pub hears: Vec<&'static Topic>,
    /// Whether all that it writes follows from what it hears, as a read model does: then `COMMIT` does not wait for the
    /// disk, and what a crash of the database loses is read from the topics again. Not for a service that executes
    /// commands: their callers have been answered.
    pub derived: bool,
}

/// Options of a node.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// Where Kafka is.
    pub kafka: KafkaOptions,
    /// How work is shared and batched.
    pub lanes: LaneOptions,
    /// The database of the service, with the right to use the messaging schema.
    pub database_url: String,
    /// Where other replicas find this one: host and port of its gRPC; empty if they cannot.
    pub address: String,
}

/// The databases of a node and its registered outbox, before anything runs.
#[derive(Debug)]
pub struct Registered {
    pub(crate) wiring: Wiring,
    pub(crate) options: NodeOptions,
    pub(crate) hot: Database,
    pub(crate) lazy: Database,
    pub(crate) leases: Database,
    chores: Database,
    pub(crate) outbox: Outbox,
    pub(crate) lane_reader: LaneReader,
}

/// A running replica.
#[derive(Debug)]
pub struct Node<C, R> {
    commands: Commands<C, R>,
    owned: watch::Receiver<Owned>,
    holders: watch::Receiver<Holders>,
    topic_ids: watch::Receiver<Option<TopicIds>>,
    troubles: watch::Receiver<Troubles>,
    healed: watch::Receiver<Healed>,
    failovers: watch::Receiver<Failovers>,
    rotated: watch::Receiver<Rotated>,
    backlog: watch::Receiver<Backlog>,
    batches: Batches,
    hot: Database,
    lane_reader: LaneReader,
    inputs: Inputs,
    drain_patience: watch::Sender<Duration>,
    tasks: Tasks,
}

impl Registered {
    /// Registers incarnation, lanes, partitions and inputs. Registering again changes nothing.
    pub async fn register(wiring: Wiring, options: NodeOptions) -> Result<Self, Error> {
        let open = |profile, connections_max| {
            Database::open(&ConnectOptions {
                url: options.database_url.clone(),
                application: wiring.source,
                connections_max,
                acquire_timeout: Duration::from_secs(2),
                profile,
            })
        };
        let hot = open(if wiring.derived { Profile::Lazy } else { Profile::Hot }, 4)?;
        let lazy = open(Profile::Lazy, 1)?;
        let leases = open(Profile::Lazy, 1)?;
        let chores = open(Profile::Lazy, 1)?;
        let reads = open(Profile::Lazy, LANE_READS_MAX)?;
        let mut transaction = hot.begin().await?;
        let outbox =
            Outbox::register(&mut transaction, &wiring.sends, options.kafka.message_bytes_max).await?;
        incarnation::ensure(&mut transaction, &SystemIds).await?;
        PartitionWrites::register(&mut transaction, PARTITIONS).await?;
        Inbox::new(wiring.source, &wiring.hears).register(&mut transaction).await?;
        transaction.commit().await?;
        let outbox = outbox.numbered_by(&lazy).published_by(wiring.source, &options.kafka)?;
        let lane_reader = LaneReader::new(wiring.source, &outbox, reads);
        Ok(Self { wiring, options, hot, lazy, leases, chores, outbox, lane_reader })
    }

    /// The lanes, for the service's transaction.
    pub fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }

    /// The database with the settings of the hot path, for the service's transaction.
    pub fn database(&self) -> Database {
        self.hot.clone()
    }

    /// Starts the replica.
    pub fn start<H: Handler>(self, handler: H) -> Result<Node<H::Command, H::Reply>, Error> {
        let Self { wiring, options, hot, lazy, leases, chores, outbox, lane_reader } = self;
        let (commands, calls) = Commands::new(options.lanes.commands_waiting_max);
        let (consumer, records) =
            Consumer::start(&options.kafka, &options.kafka.group(wiring.source), &wiring.hears)?;
        let (offers, offered) = mpsc::channel(OFFERS_WAITING_MAX);
        let (found, topic_ids) = watch::channel(None);
        let (troubles_sender, troubles) = watch::channel(Troubles::default());
        let (failovers_sender, failovers) = watch::channel(Failovers::default());
        let (progress_sender, progress) = watch::channel(Progress::new());
        let inputs = Inputs { reader: consumer.reader(), options: options.kafka.clone(), progress };
        let batches = Batches::default();
        let (drain_patience, patience) = watch::channel(Duration::from_secs(5));
        let (member, lanes) = (SystemIds.next_id(), &options.lanes);
        let (holder, owned, holders) = Leases::new(leases, member, options.address, PARTITIONS, lanes);
        let (healer, counts) = Healer::new(wiring.source, &options.kafka, lanes, &wiring.hears, hot.clone())?;
        let executor = ExecutorParts {
            handler,
            options: options.lanes.clone(),
            pace: Pace::of(&options.lanes, wiring.derived),
            database: hot.clone(),
            ids: SystemIds,
            inbox: Inbox::new(wiring.source, &wiring.hears),
            parking: Parking::new(wiring.source, &wiring.hears, options.lanes.parked_messages_max),
            calls,
            turns: commands.turns().clone(),
            consumer,
            records,
            owned: worked_on(&owned),
            topic_ids: topic_ids.clone(),
            offers,
            troubles: troubles_sender,
            failovers: failovers_sender,
            progress: progress_sender,
            batches: batches.clone(),
        };
        let (looking, backlog) = BacklogWatch::new(&inputs, &wiring.hears, &owned, &chores);
        let (rotation, rotated) = Rotation::new(chores, &options.lanes);
        let relay = RelayParts {
            broker: Broker::Kafka(options.kafka.clone()),
            namespace: options.kafka.namespace.clone(),
            lanes: options.lanes,
            source: wiring.source,
            database: hot.clone(),
            notes: lazy,
            outbox,
            owned: owned.clone(),
            offers: offered,
        };
        let parts = Parts {
            executor: Executor::new(executor, healer),
            relay,
            leases: holder,
            rotation,
            backlog: looking,
            kafka: options.kafka,
            wiring,
            found,
            patience,
        };
        let tasks = parts.spawn();
        Ok(Node {
            commands,
            owned,
            holders,
            topic_ids,
            troubles,
            healed: counts,
            failovers,
            rotated,
            backlog,
            batches,
            hot,
            lane_reader,
            inputs,
            drain_patience,
            tasks,
        })
    }
}

impl Wiring {
    /// Every topic that is heard or sent to, once.
    fn topics(&self) -> Vec<&'static Topic> {
        let mut topics: Vec<&'static Topic> = self.hears.iter().chain(&self.sends).copied().collect();
        topics.sort_unstable_by_key(|topic| topic.name);
        topics.dedup_by_key(|topic| topic.name);
        topics
    }
}

/// The partitions whose messages a replica applies: those that it owns.
fn worked_on(owned: &watch::Receiver<Owned>) -> watch::Receiver<Owned> {
    static EVERY: LazyLock<watch::Sender<Owned>> =
        LazyLock::new(|| watch::Sender::new((0..PARTITIONS).map(|partition| (partition, 0)).collect()));
    if is_broken(Sabotage::SkipOwnership) { EVERY.subscribe() } else { owned.clone() }
}

impl<C, R> Node<C, R> {
    /// Hands commands to the executor.
    pub fn commands(&self) -> Commands<C, R> {
        self.commands.clone()
    }

    /// The partitions that this replica works on, each with the epoch of its lease.
    pub fn owned(&self) -> watch::Receiver<Owned> {
        self.owned.clone()
    }

    /// Where the partitions are that other replicas work on.
    pub fn holders(&self) -> watch::Receiver<Holders> {
        self.holders.clone()
    }

    /// Lanes that do not move.
    pub fn troubles(&self) -> watch::Receiver<Troubles> {
        self.troubles.clone()
    }

    /// How much of what topics had lost was brought by its sources and applied, since the start.
    pub fn healed(&self) -> watch::Receiver<Healed> {
        self.healed.clone()
    }

    /// How lanes have come through the failovers of their sources, since the start.
    pub fn failovers(&self) -> watch::Receiver<Failovers> {
        self.failovers.clone()
    }

    /// What rotation of the outbox has done since the start, and what is in its way.
    pub fn rotated(&self) -> watch::Receiver<Rotated> {
        self.rotated.clone()
    }

    /// What this replica had not done yet at the last look, which is a few seconds ago at the most.
    pub fn backlog(&self) -> watch::Receiver<Backlog> {
        self.backlog.clone()
    }

    /// How large its batches were and how long they took, since the start.
    pub fn batches(&self) -> Batches {
        self.batches.clone()
    }

    /// The connections that its work is done on.
    pub fn database(&self) -> Database {
        self.hot.clone()
    }

    /// What this service has sent, for consumers whose topic has lost it.
    pub fn lane_reader(&self) -> LaneReader {
        self.lane_reader.clone()
    }

    /// Whether what it hears is applied.
    pub fn inputs(&self) -> Inputs {
        self.inputs.clone()
    }

    /// Waits until every topic is there.
    pub fn topics_ready(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut topic_ids = self.topic_ids.clone();
        async move {
            // The sender lives as long as the node; without it there is nothing to wait for.
            let _ = topic_ids.wait_for(Option::is_some).await;
        }
    }

    /// Waits until a part of the node ends although nobody stopped it, and names it: the process must end too.
    pub async fn failed(&mut self) -> &'static str {
        self.tasks.failed().await
    }

    /// Stops in order: the executor finishes waiting callers, the relay publishes what is committed, the leases are
    /// given back. Takes `patience` at the most; what is not done then is done by whoever takes over.
    pub async fn drain(mut self, patience: Duration) {
        self.drain_patience.send_replace(patience / 2);
        if tokio::time::timeout(patience, self.tasks.stop()).await.is_err() {
            tracing::warn!("stopping before everything is handed over");
        }
        self.tasks.abort();
    }
}
