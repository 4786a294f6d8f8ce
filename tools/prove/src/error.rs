//! Why nothing could be proved.

/// Why the ledger could not be drawn up. A broken invariant is no error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A database could not be read.
    #[error("the database of {database} cannot be read")]
    Database {
        /// The service that owns it.
        database: &'static str,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
    /// The topics could not be read.
    #[error("the topics cannot be read")]
    Topics(#[from] bowline_messaging::Error),
    /// The payment provider's books could not be read.
    #[error("the books of the payment provider at {address} cannot be read")]
    Provider {
        /// Its base address.
        address: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// A part of the check ended by a panic.
    #[error("a part of the check broke off")]
    Panicked(#[source] tokio::task::JoinError),
}
