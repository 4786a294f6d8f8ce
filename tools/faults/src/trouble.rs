//! What can go wrong with things going wrong.

use std::time::Duration;

/// Why a fault could not be carried out, or what it happened to has not come back.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// What the stack said.
    #[error(transparent)]
    Stack(#[from] bowline_dev_stack::Error),
    /// The payment provider does not take its switches.
    #[error("the payment provider at {address} cannot be switched")]
    Provider {
        /// Its address.
        address: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// A database does not answer.
    #[error("the database of {service} does not answer")]
    Database {
        /// The service.
        service: String,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
    /// No order is confirmed that could be spoken of again.
    #[error("no order has been confirmed that a message nobody can apply could be about")]
    NothingToPoison,
    /// A process was not told to abort for a reason of its own.
    #[error("{process} does not take the fault point: {said}")]
    Point {
        /// The process.
        process: String,
        /// What it answered.
        said: String,
    },
    /// Something has not recovered within its time.
    #[error("{what} has not recovered within {limit:?}")]
    NotRecovered {
        /// What.
        what: String,
        /// How long it was waited for.
        limit: Duration,
    },
}
