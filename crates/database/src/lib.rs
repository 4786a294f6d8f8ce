//! PostgreSQL: pools, a transaction whose `COMMIT` is checked, migrations, and what an error means.
//!
//! **Guarantees.** [`Transaction::commit`] returns `Ok` only when PostgreSQL has committed; a transaction in which a
//! statement failed, and whose failure somebody swallowed, is reported. A transaction that is dropped takes its
//! connection with it, so nothing of it can leak into the next one. [`Database::connect`] refuses a server that would
//! forget commits ([`Durability`]).
//!
//! **Does not.** It knows no table, and it retries nothing: [`Error::fault`] says what a caller may do.
//!
//! **How to add one more kind of error.** Name its SQLSTATE in [`sqlstate`] and give it a [`Fault`].

mod connect;
mod error;
mod migrate;
mod options;
pub mod sqlstate;
mod transaction;

pub use connect::{ConnectOptions, Connection, Database, Durability, PoolUse, Profile};
pub use error::{Error, Fault};
pub use migrate::migrate;
pub use options::{DatabaseArgs, DatabaseSettings};
pub use sqlx::migrate::Migrator;
pub use transaction::Transaction;
