use std::net::SocketAddr;
use std::time::Duration;

/// Why a service did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// An address is taken, or not one of this machine.
    #[error("cannot listen on {address}; choose another one with {flag}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The flag that sets it.
        flag: &'static str,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The database cannot be used, or its migrations cannot be applied.
    #[error(transparent)]
    Database(#[from] bowline_database::Error),
    /// The lanes cannot be registered in the database.
    #[error("the lanes cannot be registered: have the migrations been applied (--migrations-database-url)?")]
    Lanes(#[source] bowline_messaging::Error),
    /// The exporter of traces cannot be made.
    #[error(transparent)]
    Traces(#[from] bowline_traces::Error),
    /// The file descriptor set of the protobuf files cannot be read.
    #[error("the descriptions of the gRPC services cannot be read")]
    Reflection(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The signals of the process cannot be received.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    /// A server ended although nobody stopped it.
    #[error("the {name} server ended")]
    Server {
        /// Which one.
        name: &'static str,
        /// Why, if it says so.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A background task failed, panicked or ended too early.
    #[error("the background task \"{name}\" failed: {reason}")]
    TaskFailed {
        /// Which one.
        name: &'static str,
        /// What happened, with all its causes.
        reason: String,
    },
    /// The deadline passed while this was still going on.
    #[error("draining took longer than {} ms; still waiting for: {waiting_for}", limit.as_millis())]
    DrainTimeout {
        /// The deadline.
        limit: Duration,
        /// What had not ended.
        waiting_for: &'static str,
    },
    /// A second signal ended the drain.
    #[error("interrupted while draining; still waiting for: {waiting_for}")]
    Interrupted {
        /// What had not ended.
        waiting_for: &'static str,
    },
}
