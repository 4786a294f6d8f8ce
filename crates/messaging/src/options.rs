//! Options of everything between commit and effect.

use std::time::Duration;

use bowline_config::{ByteSize, Faults, Given, List};

/// Where Kafka is and how topics are made.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Kafka")]
pub struct KafkaArgs {
    /// Brokers to begin with, separated by commas.
    #[arg(long, env = "BOWLINE_KAFKA_BROKERS", default_value = "127.0.0.1:9092", value_name = "HOST:PORT,…")]
    kafka_brokers: Given<List<String>>,
    /// Put in front of every topic's name, so that several deployments can share a cluster.
    #[arg(long, env = "BOWLINE_KAFKA_NAMESPACE", default_value = "", value_name = "PREFIX")]
    kafka_namespace: String,
    /// Replicas of the topics that this service creates.
    #[arg(long, env = "BOWLINE_KAFKA_REPLICATION_FACTOR", default_value = "1", value_name = "COUNT")]
    kafka_replication_factor: Given<u16>,
    /// Further librdkafka properties (security.protocol=SSL,…), separated by commas; they hold secrets and are not shown.
    #[arg(long, env = "BOWLINE_KAFKA_PROPERTIES", value_name = "NAME=VALUE,…", hide_env_values = true)]
    kafka_properties: Option<Given<Properties>>,
    /// The largest message that is sent or read, headers included.
    #[arg(long, env = "BOWLINE_MESSAGE_BYTES_MAX", default_value = "1MiB", value_name = "SIZE")]
    message_bytes_max: Given<ByteSize>,
}

/// How work is shared between the replicas of a service and done in batches.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Lanes")]
pub struct LaneArgs {
    /// How long a replica that says nothing keeps its partitions.
    #[arg(long, env = "BOWLINE_LEASE_TTL", default_value = "2s", value_name = "TIME")]
    lease_ttl: Given<Duration>,
    /// How often a replica renews its leases; at most a third of the time they last.
    #[arg(long, env = "BOWLINE_LEASE_RENEWAL", default_value = "500ms", value_name = "TIME")]
    lease_renewal: Given<Duration>,
    /// The most commands and messages in one transaction.
    #[arg(long, env = "BOWLINE_BATCH_MAX", default_value = "1024", value_name = "COUNT")]
    batch_max: Given<usize>,
    /// The most callers that wait for the executor; the next one is told to come again.
    #[arg(long, env = "BOWLINE_COMMANDS_WAITING_MAX", default_value = "8192", value_name = "COUNT")]
    commands_waiting_max: Given<usize>,
    /// How often the outbox is looked at for what other replicas have committed.
    #[arg(long, env = "BOWLINE_OUTBOX_POLL", default_value = "50ms", value_name = "TIME")]
    outbox_poll: Given<Duration>,
    /// How long a lane must be quiet before its head is announced.
    #[arg(long, env = "BOWLINE_HEAD_ANNOUNCEMENT_AFTER", default_value = "2s", value_name = "TIME")]
    head_announcement_after: Given<Duration>,
    /// How often the head of a quiet lane is announced again.
    #[arg(long, env = "BOWLINE_HEAD_ANNOUNCEMENT_EVERY", default_value = "10m", value_name = "TIME")]
    head_announcement_every: Given<Duration>,
    /// How long a message may be missing before the gap is reported as an error.
    #[arg(long, env = "BOWLINE_GAP_ALARM_AFTER", default_value = "5s", value_name = "TIME")]
    gap_alarm_after: Given<Duration>,
    /// The most messages that may be parked for an operator; a lane that would park one more stops.
    #[arg(long, env = "BOWLINE_PARKED_MESSAGES_MAX", default_value = "10000", value_name = "COUNT")]
    parked_messages_max: Given<usize>,
}

/// Checked [`KafkaArgs`].
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// Brokers to begin with.
    pub brokers: Vec<String>,
    /// Put in front of every topic's name.
    pub namespace: String,
    /// Replicas of the topics that this service creates.
    pub replication_factor: u16,
    /// Further librdkafka properties.
    pub properties: Properties,
    /// The largest message, headers included, in bytes.
    pub message_bytes_max: usize,
}

/// Checked [`LaneArgs`].
#[derive(Debug, Clone)]
pub struct LaneOptions {
    /// How long a replica that says nothing keeps its partitions.
    pub lease_ttl: Duration,
    /// How often a replica renews its leases.
    pub lease_renewal: Duration,
    /// The most commands and messages in one transaction.
    pub batch_max: usize,
    /// The most callers that wait for the executor.
    pub commands_waiting_max: usize,
    /// How often the outbox is looked at for what other replicas have committed.
    pub outbox_poll: Duration,
    /// How long a lane must be quiet before its head is announced.
    pub head_announcement_after: Duration,
    /// How often the head of a quiet lane is announced again.
    pub head_announcement_every: Duration,
    /// How long a message may be missing before the gap is reported as an error.
    pub gap_alarm_after: Duration,
    /// The most messages that may be parked for an operator.
    pub parked_messages_max: usize,
}

/// `name=value` pairs for librdkafka.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(pub Vec<(String, String)>);

impl std::fmt::Debug for Properties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl bowline_config::Setting for Properties {
    fn parse(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(|pair| {
                pair.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            })
            .collect::<Option<Vec<_>>>()
            .map(Self)
            .ok_or_else(|| "pairs name=value separated by commas".into())
    }

    fn redact(_text: &str) -> String {
        "***".into()
    }
}

impl KafkaArgs {
    /// Takes the values out, collecting every fault.
    pub fn check(self, faults: &mut Faults) -> Option<KafkaOptions> {
        let brokers = faults.take("kafka-brokers", self.kafka_brokers);
        let replication_factor =
            faults.within("kafka-replication-factor", self.kafka_replication_factor, 1..=100);
        let properties = match self.kafka_properties {
            None => Some(Properties::default()),
            Some(given) => faults.take("kafka-properties", given),
        };
        let message_bytes_max = faults.take("message-bytes-max", self.message_bytes_max);
        Some(KafkaOptions {
            brokers: brokers?.0,
            namespace: self.kafka_namespace,
            replication_factor: replication_factor?,
            properties: properties?,
            message_bytes_max: message_bytes_max?.0,
        })
    }
}

impl LaneArgs {
    /// Takes the values out, collecting every fault.
    pub fn check(self, faults: &mut Faults) -> Option<LaneOptions> {
        let lease_ttl = faults.take("lease-ttl", self.lease_ttl);
        let lease_renewal = faults.take("lease-renewal", self.lease_renewal);
        if let (Some(ttl), Some(renewal)) = (lease_ttl, lease_renewal)
            && (renewal.is_zero() || renewal * 3 > ttl)
        {
            faults.add("lease-renewal", None, "a time above zero and at most a third of --lease-ttl");
        }
        let batch_max = faults.within("batch-max", self.batch_max, 1..=16_384);
        let commands_waiting_max =
            faults.within("commands-waiting-max", self.commands_waiting_max, 1..=1_000_000);
        let outbox_poll = faults.take("outbox-poll", self.outbox_poll);
        let after = faults.take("head-announcement-after", self.head_announcement_after);
        let every = faults.take("head-announcement-every", self.head_announcement_every);
        let gap_alarm_after = faults.take("gap-alarm-after", self.gap_alarm_after);
        let parked_messages_max =
            faults.within("parked-messages-max", self.parked_messages_max, 0..=1_000_000);
        Some(LaneOptions {
            lease_ttl: lease_ttl?,
            lease_renewal: lease_renewal?,
            batch_max: batch_max?,
            commands_waiting_max: commands_waiting_max?,
            outbox_poll: outbox_poll?,
            head_announcement_after: after?,
            head_announcement_every: every?,
            gap_alarm_after: gap_alarm_after?,
            parked_messages_max: parked_messages_max?,
        })
    }
}

impl Default for LaneOptions {
    /// The defaults of the command line.
    fn default() -> Self {
        Self {
            lease_ttl: Duration::from_secs(2),
            lease_renewal: Duration::from_millis(500),
            batch_max: 1024,
            commands_waiting_max: 8192,
            outbox_poll: Duration::from_millis(50),
            head_announcement_after: Duration::from_secs(2),
            head_announcement_every: Duration::from_mins(10),
            gap_alarm_after: Duration::from_secs(5),
            parked_messages_max: 10_000,
        }
    }
}

impl KafkaOptions {
    /// The defaults of the command line, for these brokers and this namespace.
    pub fn new(brokers: Vec<String>, namespace: String) -> Self {
        Self {
            brokers,
            namespace,
            replication_factor: 1,
            properties: Properties::default(),
            message_bytes_max: 1 << 20,
        }
    }
}
