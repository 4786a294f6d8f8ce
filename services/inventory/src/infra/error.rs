//! What can go wrong with the tables.

use std::fmt::Display;

use bowline_database::Fault;

/// Why rows could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The database failed.
    #[error("the tables of inventory could not be read or written")]
    Database(#[from] bowline_database::Error),
    /// A row holds what this service never wrote.
    #[error("the row of {key} in {table} is not one of ours: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Fewer levels were there than had been locked.
    #[error("{expected} levels were to be updated, {written} were")]
    LevelsMissing {
        /// Levels to update.
        expected: usize,
        /// Rows updated.
        written: i64,
    },
}

bowline_database::from_sqlx!(Error::Database);

impl From<Error> for bowline_messaging::ExecuteError {
    fn from(error: Error) -> Self {
        match error {
            Error::Database(error) => error.into(),
            error @ (Error::Corrupt { .. } | Error::LevelsMissing { .. }) => {
                Self::Other { fault: Fault::Bug, source: error.into() }
            }
        }
    }
}

impl Error {
    pub(crate) fn corrupt(table: &'static str, key: &dyn Display, reason: &dyn Display) -> Self {
        Self::Corrupt { table, key: key.to_string(), reason: reason.to_string() }
    }
}
