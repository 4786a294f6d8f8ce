//! What can go wrong between commit and effect.

use bowline_database::Fault;

/// Why a lane, a consumer or a batch could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused or was away.
    #[error("the database of the lanes failed")]
    Database(#[from] bowline_database::Error),
    /// Kafka refused or was away.
    #[error("Kafka failed")]
    Kafka(#[from] rdkafka::error::KafkaError),
    /// Kafka could not be asked for its topics.
    #[error("Kafka could not be asked for its topics: {0}")]
    Metadata(String),
    /// The address of a source cannot be used.
    #[error("the address of a source of messages cannot be used")]
    SourceAddress(#[source] Box<tonic::transport::Error>),
    /// A lane was to be numbered whose head does not exist. Nothing was written.
    #[error(
        "{expected} lanes were to be numbered, but not all of them have a head: the lanes of a topic are registered when the service starts"
    )]
    MissingHead {
        /// How many lanes were touched.
        expected: usize,
    },
    /// Fewer rows were written to the outbox than messages were given. The transaction must not be committed.
    #[error("{expected} messages were to be written to the outbox, {written} were")]
    Swallowed {
        /// How many messages were given.
        expected: usize,
        /// How many rows were written.
        written: i64,
    },
    /// The database is not the one that the current incarnation was recorded for (failover, restore). A new
    /// incarnation has to be recorded before anything is numbered.
    #[error("the database continues on another timeline: a new incarnation has to be recorded")]
    IncarnationChanged,
    /// A message is larger than its topic accepts. Nothing was written.
    #[error("a {message_type} of {size} bytes is larger than the {limit} bytes that its topic accepts")]
    TooLarge {
        /// The type of the message.
        message_type: &'static str,
        /// Its size with headers, in bytes.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A watermark is missing although its input was registered.
    #[error(
        "consumer {consumer} has no watermark for {source_name} on {topic}, partition {partition}, although it registered that input: restore the row, guessing would skip or repeat messages"
    )]
    MissingWatermark {
        /// The consumer.
        consumer: String,
        /// The topic.
        topic: String,
        /// The source.
        source_name: String,
        /// The partition.
        partition: u16,
    },
    /// The queue of a key is not as it was read: somebody else has opened, emptied or edited it.
    #[error("the queue of a parked key has changed meanwhile")]
    QueueChanged,
    /// No more messages may wait for an operator.
    #[error(
        "more than {limit} messages would be parked: retry or drop what waits (`bowline dead-letters`), or raise --parked-messages-max"
    )]
    TooManyParked {
        /// The limit.
        limit: usize,
    },
    /// A parked message is of a topic that this build does not hear.
    #[error("parked message {letter} came on {topic}, which this service does not hear")]
    UnknownTopic {
        /// The message.
        letter: i64,
        /// The topic.
        topic: String,
    },
    /// A row of `partitions` is missing.
    #[error("partition {0} is not registered")]
    MissingPartition(u16),
}

bowline_database::from_sqlx!(Error::Database);

impl Error {
    /// What a caller may do about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Database(error) => error.fault(),
            Self::Kafka(_) | Self::Metadata(_) => Fault::Unavailable,
            Self::IncarnationChanged | Self::QueueChanged => Fault::Conflict,
            Self::TooLarge { .. } | Self::TooManyParked { .. } => Fault::Refused,
            Self::SourceAddress(_)
            | Self::MissingHead { .. }
            | Self::Swallowed { .. }
            | Self::MissingWatermark { .. }
            | Self::MissingPartition(_)
            | Self::UnknownTopic { .. } => Fault::Bug,
        }
    }
}
