//! What can go wrong with streams.

use bowline_database::Fault;
use bowline_kernel::stored::DecodeError;
use uuid::Uuid;

/// Why events could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error("the events could not be read or written")]
    Database(#[from] bowline_database::Error),
    /// Another writer has appended this version. Streams are written under the lock of their partition, so this says
    /// that somebody did not take it, or decided from what it had loaded before. Trying again is not the answer.
    #[error("an event to append has a version that its stream already has: {detail}")]
    VersionTaken {
        /// The key, in the server's words.
        detail: String,
        /// The server's refusal.
        #[source]
        source: bowline_database::Error,
    },
    /// Fewer events were written than given, without an error.
    #[error("{expected} events were to be appended, but {appended} were")]
    Incomplete {
        /// Events given.
        expected: u64,
        /// Rows inserted.
        appended: u64,
    },
    /// A version is missing in a stream. What came in between is not guessed.
    #[error(
        "stream {stream_id} has no event of version {expected}: the next one, {event_type}, has version {found}"
    )]
    Gap {
        /// The stream.
        stream_id: Uuid,
        /// The version that is missing.
        expected: u32,
        /// The version that is there instead.
        found: u32,
        /// The type of the event that is there.
        event_type: String,
    },
    /// Nobody understands an event.
    #[error(
        "version {version} of stream {stream_id}, {event_type} with schema version {schema_version}, cannot be decoded"
    )]
    Undecodable {
        /// The stream.
        stream_id: Uuid,
        /// The event's version.
        version: u32,
        /// The event's type.
        event_type: String,
        /// The form of its payload.
        schema_version: u16,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// The metadata of an event is not what this crate writes.
    #[error("the metadata of version {version} of stream {stream_id}, {event_type}, cannot be decoded")]
    UndecodableMetadata {
        /// The stream.
        stream_id: Uuid,
        /// The event's version.
        version: u32,
        /// The event's type.
        event_type: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

bowline_database::from_sqlx!(Error::Database);

impl Error {
    /// What a caller may do about it. A stream that cannot be read is [`Fault::Refused`]: the batch succeeds without it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Database(error) => error.fault(),
            Self::VersionTaken { .. } | Self::Incomplete { .. } => Fault::Bug,
            Self::Gap { .. } | Self::Undecodable { .. } | Self::UndecodableMetadata { .. } => Fault::Refused,
        }
    }
}
