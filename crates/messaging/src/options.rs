//! Options of everything between commit and effect.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bowline_config::{ByteSize, Faults, Given, List, Setting};
use bowline_contracts::topics;
use tonic::transport::Uri;

use crate::properties::Properties;
use crate::rotation;

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
    /// Further librdkafka properties, separated by commas, such as
    /// security.protocol=SASL_PLAINTEXT,sasl.mechanism=PLAIN,sasl.username=orders,sasl.password=…; they hold secrets and
    /// are not shown. This build speaks no TLS: for brokers that do, run a proxy beside the service.
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
    /// The longest rest between two large batches, which makes the next one larger: as long as the last one took, up to
    /// this; four times as much in a service whose writes are derived. 0s for none.
    #[arg(long, env = "BOWLINE_BATCH_REST_MAX", default_value = "25ms", value_name = "TIME")]
    batch_rest_max: Given<Duration>,
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
    /// How long a message is kept in the outbox after it was published, to heal what its topic loses; rows go by the slot,
    /// up to half as long again later. At most two thirds of what command topics keep (30 days): what is kept longer than
    /// on its topic would be brought again as lost when it has only expired there.
    #[arg(long, env = "BOWLINE_OUTBOX_RETENTION", default_value = "24h", value_name = "TIME")]
    outbox_retention: Given<Duration>,
    /// How long readers of the outbox may be made to wait by its rotation, which then tries again later.
    #[arg(long, env = "BOWLINE_OUTBOX_LOCK_WAIT", default_value = "100ms", value_name = "TIME")]
    outbox_lock_wait: Given<Duration>,
    /// How long a message may be missing before the gap is reported as an error.
    #[arg(long, env = "BOWLINE_GAP_ALARM_AFTER", default_value = "5s", value_name = "TIME")]
    gap_alarm_after: Given<Duration>,
    /// The most messages that may be parked for an operator; a lane that would park one more stops.
    #[arg(long, env = "BOWLINE_PARKED_MESSAGES_MAX", default_value = "10000", value_name = "COUNT")]
    parked_messages_max: Given<usize>,
    /// Where each source of messages serves LaneService over gRPC, to be asked for what its topic has lost; the gaps of a
    /// source that is not named wait for somebody to send the messages again.
    #[arg(long, env = "BOWLINE_LANE_SOURCES", value_name = "SOURCE=http://HOST:PORT,…")]
    lane_sources: Option<Given<LaneSources>>,
    /// How long a message may be missing before its source is asked for it; it may just be sent again.
    #[arg(long, env = "BOWLINE_GAP_HEAL_AFTER", default_value = "1s", value_name = "TIME")]
    gap_heal_after: Given<Duration>,
    /// How often sources are asked how far they have published, which shows a lost last message.
    #[arg(long, env = "BOWLINE_LANE_HEADS_EVERY", default_value = "1m", value_name = "TIME")]
    lane_heads_every: Given<Duration>,
    /// How long a source may take to answer.
    #[arg(long, env = "BOWLINE_LANE_SOURCE_TIMEOUT", default_value = "5s", value_name = "TIME")]
    lane_source_timeout: Given<Duration>,
    /// The most questions to sources that are under way at once.
    #[arg(long, env = "BOWLINE_LANE_QUESTIONS_MAX", default_value = "4", value_name = "COUNT")]
    lane_questions_max: Given<usize>,
    /// Write down which sequences of each lane every transaction applies, in messaging.applied_ranges: for an audit, which
    /// costs a row for each lane in a transaction. The table is never purged.
    #[arg(long, env = "BOWLINE_RECORD_APPLIED")]
    record_applied: bool,
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
    /// The longest rest between two large batches.
    pub batch_rest_max: Duration,
    /// The most callers that wait for the executor.
    pub commands_waiting_max: usize,
    /// How often the outbox is looked at for what other replicas have committed.
    pub outbox_poll: Duration,
    /// How long a lane must be quiet before its head is announced.
    pub head_announcement_after: Duration,
    /// How often the head of a quiet lane is announced again.
    pub head_announcement_every: Duration,
    /// How long a message is kept in the outbox after it was published.
    pub outbox_retention: Duration,
    /// How long readers of the outbox may be made to wait by its rotation.
    pub outbox_lock_wait: Duration,
    /// How long a message may be missing before the gap is reported as an error.
    pub gap_alarm_after: Duration,
    /// The most messages that may be parked for an operator.
    pub parked_messages_max: usize,
    /// Where each source is asked for what its topic has lost.
    pub lane_sources: LaneSources,
    /// How long a message may be missing before its source is asked for it.
    pub gap_heal_after: Duration,
    /// How often sources are asked how far they have published.
    pub lane_heads_every: Duration,
    /// How long a source may take to answer.
    pub lane_source_timeout: Duration,
    /// The most questions to sources that are under way at once.
    pub lane_questions_max: usize,
    /// Whether it is written down what is applied of each lane.
    pub record_applied: bool,
}

/// The gRPC address of each source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneSources(pub BTreeMap<String, Uri>);

impl Setting for LaneSources {
    fn parse(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "pairs source=http://host:port separated by commas, each source once";
        let known: BTreeSet<&str> = topics::ALL.iter().flat_map(|topic| topic.sources).copied().collect();
        let mut sources = BTreeMap::new();
        for pair in text.split(',') {
            let (source, address) = pair.split_once('=').ok_or(EXPECTED)?;
            let (source, address) = (source.trim(), address.trim().parse::<Uri>().map_err(|_| EXPECTED)?);
            if !known.contains(source) {
                let names: Vec<&str> = known.into_iter().collect();
                return Err(format!("the name of a source ({}) instead of {source}", names.join(", ")));
            }
            let usable = address.scheme_str() == Some("http") && address.authority().is_some();
            if !usable || sources.insert(source.to_owned(), address).is_some() {
                return Err(EXPECTED.into());
            }
        }
        Ok(Self(sources))
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
        let batch_rest_max =
            faults.take_if("batch-rest-max", self.batch_rest_max, "a time up to 1s", |time| {
                *time <= Duration::from_secs(1)
            });
        let commands_waiting_max =
            faults.within("commands-waiting-max", self.commands_waiting_max, 1..=1_000_000);
        let outbox_poll = faults.take("outbox-poll", self.outbox_poll);
        let after = faults.take("head-announcement-after", self.head_announcement_after);
        let every = faults.take("head-announcement-every", self.head_announcement_every);
        let outbox_retention =
            faults.take_if("outbox-retention", self.outbox_retention, rotation::RETENTION_TEXT, |time| {
                rotation::RETENTION.contains(time)
            });
        let outbox_lock_wait =
            faults.take_if("outbox-lock-wait", self.outbox_lock_wait, rotation::LOCK_WAIT_TEXT, |time| {
                rotation::LOCK_WAIT.contains(time)
            });
        let gap_alarm_after = faults.take("gap-alarm-after", self.gap_alarm_after);
        let parked_messages_max =
            faults.within("parked-messages-max", self.parked_messages_max, 0..=1_000_000);
        let lane_sources = faults.optional("lane-sources", self.lane_sources);
        let gap_heal_after = faults.take("gap-heal-after", self.gap_heal_after);
        let lane_heads_every = faults.positive("lane-heads-every", self.lane_heads_every);
        let lane_source_timeout = faults.positive("lane-source-timeout", self.lane_source_timeout);
        let lane_questions_max = faults.within("lane-questions-max", self.lane_questions_max, 1..=1_000);
        Some(LaneOptions {
            lease_ttl: lease_ttl?,
            lease_renewal: lease_renewal?,
            batch_max: batch_max?,
            batch_rest_max: batch_rest_max?,
            commands_waiting_max: commands_waiting_max?,
            outbox_poll: outbox_poll?,
            head_announcement_after: after?,
            head_announcement_every: every?,
            outbox_retention: outbox_retention?,
            outbox_lock_wait: outbox_lock_wait?,
            gap_alarm_after: gap_alarm_after?,
            parked_messages_max: parked_messages_max?,
            lane_sources: lane_sources?.unwrap_or_default(),
            gap_heal_after: gap_heal_after?,
            lane_heads_every: lane_heads_every?,
            lane_source_timeout: lane_source_timeout?,
            lane_questions_max: lane_questions_max?,
            record_applied: self.record_applied,
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
            batch_rest_max: Duration::from_millis(25),
            commands_waiting_max: 8192,
            outbox_poll: Duration::from_millis(50),
            head_announcement_after: Duration::from_secs(2),
            head_announcement_every: Duration::from_mins(10),
            outbox_retention: Duration::from_hours(24),
            outbox_lock_wait: Duration::from_millis(100),
            gap_alarm_after: Duration::from_secs(5),
            parked_messages_max: 10_000,
            lane_sources: LaneSources::default(),
            gap_heal_after: Duration::from_secs(1),
            lane_heads_every: Duration::from_mins(1),
            lane_source_timeout: Duration::from_secs(5),
            lane_questions_max: 4,
            record_applied: false,
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

#[cfg(test)]
mod tests {
    use bowline_config::{Refused, parse_from};

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Options {
        #[command(flatten)]
        lanes: LaneArgs,
    }

    #[test]
    fn the_outbox_is_kept_for_a_time_that_makes_sense() {
        let parse =
            |line: &str| parse_from(line.split(' '), |options: Options, faults| options.lanes.check(faults));
        let kept = |line| parse(line).unwrap().outbox_retention;
        assert_eq!(kept("test"), LaneOptions::default().outbox_retention);
        assert_eq!(kept("test --outbox-retention 20d --outbox-lock-wait 2s"), Duration::from_hours(20 * 24));
        let refused = parse("test --outbox-retention 59s --outbox-lock-wait 0s").unwrap_err();
        let Refused::Faults(faults) = refused else { panic!("{refused:?}") };
        let told: Vec<_> =
            faults.list().iter().map(|fault| (fault.flag.as_str(), fault.expected.as_str())).collect();
        let expected = [
            ("--outbox-retention", "a time between 1m and 20d"),
            ("--outbox-lock-wait", "a time between 1ms and 2s"),
        ];
        assert_eq!(told, expected);
        assert!(parse("test --outbox-retention 21d").is_err());
    }

    #[test]
    fn sources_are_named_with_their_addresses() {
        let sources = LaneSources::parse("orders=http://orders:50051, payment=http://10.0.0.1:1").unwrap().0;
        assert_eq!(sources["orders"], "http://orders:50051");
        assert_eq!(sources["payment"], "http://10.0.0.1:1");
        for wrong in ["", "orders", "orders=", "orders=orders:50051", "orders=https://o:1", "orders=/path"] {
            assert!(LaneSources::parse(wrong).is_err(), "{wrong}");
        }
        assert!(LaneSources::parse("orders=http://a:1,orders=http://b:1").is_err(), "one address each");
        let stranger = LaneSources::parse("order=http://a:1").unwrap_err();
        assert_eq!(stranger, "the name of a source (inventory, orders, payment) instead of order");
    }
}
