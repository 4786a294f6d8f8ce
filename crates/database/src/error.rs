//! Errors, and what a caller may do about them.

use bowline_config::DatabaseUrl;

use crate::sqlstate;

/// Why the database did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A statement failed.
    #[error("the database refused a statement or could not be reached")]
    Sql(#[from] sqlx::Error),
    /// The database could not be used at the start of a service.
    #[error("the database {url} cannot be used: is the server there, and are role and password right?")]
    Unusable {
        /// Where it should be; shown without its password.
        url: DatabaseUrl,
        /// What happened.
        #[source]
        source: Box<sqlx::Error>,
    },
    /// The transaction had failed before, although nobody said so; PostgreSQL rolled it back.
    #[error("the transaction could not be committed because one of its statements had failed")]
    Aborted,
    /// A migration failed.
    #[error("the migrations of {name} could not be applied")]
    Migration {
        /// Whose migrations.
        name: &'static str,
        /// What happened.
        #[source]
        source: Box<sqlx::migrate::MigrateError>,
    },
    /// The server is older than this program supports.
    #[error("PostgreSQL {found} is too old: 15 or newer is needed")]
    TooOld {
        /// The server's version.
        found: String,
    },
    /// The server would forget commits after a crash.
    #[error(
        "the server runs with {setting}=off and would forget commits after a crash: turn it on, or start with --allow-unsafe-durability if losing orders is acceptable"
    )]
    Unsafe {
        /// The setting that is off.
        setting: &'static str,
    },
}

/// Lets `?` turn what sqlx says into a variant of an error that holds an [`Error`]: `from_sqlx!(Error::Database)`.
#[macro_export]
macro_rules! from_sqlx {
    ($error:ident :: $variant:ident) => {
        impl From<sqlx::Error> for $error {
            fn from(error: sqlx::Error) -> Self {
                Self::$variant(error.into())
            }
        }
    };
}

/// What a caller may do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The database is away or overloaded: wait and try the whole transaction again. Its outcome is unknown when the
    /// statement was `COMMIT`.
    Unavailable,
    /// Another transaction was in the way: try the whole transaction again.
    Conflict,
    /// The data is not acceptable: trying again will not help, taking the culprit out of the batch will.
    Refused,
    /// The program is wrong.
    Bug,
}

impl Error {
    /// An error of the first statements on the database at `url`: one of the connection names the database.
    pub(crate) fn at(self, url: &DatabaseUrl) -> Self {
        match self {
            Self::Sql(source) => Self::Unusable { url: url.clone(), source: source.into() },
            other => other,
        }
    }

    /// What a caller may do about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Sql(error) => fault_of(error),
            Self::Unusable { source, .. } => fault_of(source),
            Self::Aborted | Self::Migration { .. } => Fault::Bug,
            Self::TooOld { .. } | Self::Unsafe { .. } => Fault::Unavailable,
        }
    }

    /// The SQLSTATE that the server answered with, if it answered.
    pub fn sqlstate(&self) -> Option<String> {
        match self {
            Self::Sql(sqlx::Error::Database(error)) => error.code().map(std::borrow::Cow::into_owned),
            _ => None,
        }
    }
}

fn fault_of(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Database(error) => error.code().map_or(Fault::Bug, |code| fault_of_sqlstate(&code)),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Fault::Unavailable,
        _ => Fault::Bug,
    }
}

/// By class where the whole class means the same, by code where it does not.
fn fault_of_sqlstate(code: &str) -> Fault {
    match code {
        sqlstate::SERIALIZATION_FAILURE
        | sqlstate::DEADLOCK_DETECTED
        | sqlstate::LOCK_NOT_AVAILABLE
        | sqlstate::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Fault::Conflict,
        sqlstate::READ_ONLY_SQL_TRANSACTION | sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE => {
            Fault::Unavailable
        }
        _ => match code.get(..2) {
            Some("08" | "53" | "57" | "58" | "28" | "3D") => Fault::Unavailable,
            Some("22" | "23" | "54") => Fault::Refused,
            _ => Fault::Bug,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_what_may_be_done() {
        let expected = [
            ("40P01", Fault::Conflict),
            ("40001", Fault::Conflict),
            ("55P03", Fault::Conflict),
            ("25P03", Fault::Conflict),
            ("25006", Fault::Unavailable),
            ("55000", Fault::Unavailable),
            ("57P01", Fault::Unavailable),
            ("08006", Fault::Unavailable),
            ("53300", Fault::Unavailable),
            ("22003", Fault::Refused),
            ("23514", Fault::Refused),
            ("42601", Fault::Bug),
            ("25P02", Fault::Bug),
        ];
        for (code, fault) in expected {
            assert_eq!(fault_of_sqlstate(code), fault, "SQLSTATE {code}");
        }
    }
}
