//! Answers to repeated requests: the same key and the same request get the same answer, in a schema of its own
//! (`idempotency`).
//!
//! **Guarantees.** The key and its answer are stored in the transaction of the effect, so there is never one without
//! the other. Of two transactions that claim the same key, the second waits for the first (as long as the connection's
//! `lock_timeout` allows) and then sees its answer, or has the key to itself if the first rolled back. A key that comes
//! back with another request is told apart by the request's [`Fingerprint`]. [`claim`] takes keys in one order, so
//! batches never wait for each other in a circle.
//!
//! **Does not.** It opens and commits nothing: every function joins the transaction of the connection it is given. It
//! does not decide which results are kept, nor for how long; it knows no business word and no form of an answer.
//!
//! **How to make one more method idempotent.** Take a fingerprint of its name and its canonical request, [`find`] the
//! key before asking anything remote, [`claim`] it with its batch, then [`store`] the answer or, if such a result is
//! not to be kept, [`release`] the key.

mod answer;
mod claim;
mod error;
mod fingerprint;
mod purge;

pub use answer::{Answer, Outcome, release, store};
pub use claim::{Claim, Request, claim, find};
pub use error::Error;
pub use fingerprint::Fingerprint;
pub use purge::{Purged, Sweep, purge};

/// The migrations of the schema `idempotency`; a service runs them beside its own.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();
