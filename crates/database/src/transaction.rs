//! A transaction whose `COMMIT` is checked.

use std::ops::{Deref, DerefMut};

use bowline_fault_points::{Point, reached};
use sqlx::{Executor as _, PgConnection};

use crate::{Connection, Error, sqlstate};

/// An open transaction. Use it as a `&mut PgConnection`.
///
/// PostgreSQL answers `COMMIT` of a failed transaction with `ROLLBACK`, which is no error; [`Transaction::commit`]
/// therefore sends a statement in front of it that fails in a failed transaction. Dropping a transaction closes its
/// connection: the server rolls back, and the next transaction starts on another one.
#[derive(Debug)]
pub struct Transaction {
    connection: Connection,
    open: bool,
}

impl Transaction {
    pub(crate) async fn begin(connection: Connection) -> Result<Self, Error> {
        // Made before the statement: a caller that goes away in between must not leave an open transaction in the pool.
        let mut begun = Self { connection, open: true };
        (*begun.connection).execute("BEGIN").await?;
        Ok(begun)
    }

    /// Commits. `Ok` means that the server has committed. After [`crate::Fault::Unavailable`] the outcome is unknown.
    pub async fn commit(mut self) -> Result<(), Error> {
        reached(Point::BeforeCommit);
        // One simple-protocol round trip: in a failed transaction the SELECT fails and COMMIT is never reached.
        sqlx::raw_sql("SELECT 1; COMMIT").execute(&mut *self.connection).await.map_err(|error| {
            let error = Error::from(error);
            match error.sqlstate().as_deref() {
                Some(sqlstate::IN_FAILED_SQL_TRANSACTION) => Error::Aborted,
                _ => error,
            }
        })?;
        reached(Point::AfterCommit);
        self.open = false;
        Ok(())
    }

    /// Rolls back and gives the connection back to the pool.
    pub async fn rollback(mut self) -> Result<(), Error> {
        (*self.connection).execute("ROLLBACK").await?;
        self.open = false;
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.open {
            self.connection.close_on_drop();
        }
    }
}
