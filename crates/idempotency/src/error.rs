//! What can go wrong with keys.

use bowline_database::Fault;
use bowline_kernel::RequestId;

/// Why keys could not be claimed or answers not be stored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed. [`Fault::Conflict`]: another transaction held a key for longer than the time-out.
    #[error("the request keys could not be read or written")]
    Database(#[from] bowline_database::Error),
    /// A key was taken when it was claimed, and gone when its answer was read: it was purged or given back in between.
    #[error("request key {key} was given back while it was being claimed")]
    GivenBack {
        /// The key.
        key: RequestId,
    },
    /// A transaction committed its claim without an answer.
    #[error("request key {key} was committed without an answer")]
    Unanswered {
        /// The key.
        key: RequestId,
    },
    /// Answers were stored, or keys given back, that this transaction had not claimed.
    #[error("{expected} claimed request keys were to be settled, but only {settled} are claimed")]
    NotClaimed {
        /// Keys given.
        expected: u64,
        /// Keys found claimed.
        settled: u64,
    },
}

bowline_database::from_sqlx!(Error::Database);

impl Error {
    /// What a caller may do about it. [`Error::Unanswered`] is [`Fault::Refused`]: the batch succeeds without it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Database(error) => error.fault(),
            Self::GivenBack { .. } => Fault::Conflict,
            Self::Unanswered { .. } => Fault::Refused,
            Self::NotClaimed { .. } => Fault::Bug,
        }
    }
}
