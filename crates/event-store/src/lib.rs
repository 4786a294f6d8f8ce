//! Streams of events in PostgreSQL, in a schema of its own (`event_store`).
//!
//! **Guarantees.** [`append`] writes the events of many streams in one statement, all or none; a version that is there
//! already fails it ([`Error::VersionTaken`]), so a stream has one history. A stream read back has every version from
//! 1, or the read fails and says which is missing. Events are append-only by grant. [`Streams`] keeps the aggregates
//! of a batch executor in memory and changes what it remembers only after the caller has seen the commit succeed. Of
//! long streams it reads a snapshot and the events behind it. A snapshot is a shortcut, never the truth: one that is
//! corrupt, of another form, or of an event that its stream does not have is logged and ignored, and the whole stream
//! is read. What was known at a version or a time ([`load_until_version`], [`load_until_time`]) is read from events alone.
//!
//! **Does not.** It opens and commits nothing: every function joins the transaction of the connection it is given. It
//! locks nothing: whoever uses [`Streams`] holds the lock of the partition and says when another process wrote there.
//! It knows no global order of events; the lanes do. It knows no business word: what an event means and how it is
//! written is in the domain.
//!
//! **How to add one more kind of stream.** Write a [`Decider`](bowline_kernel::Decider) whose events are
//! [`Stored`](bowline_kernel::stored::Stored) in a domain crate, a unit struct that implements [`Persistent`] for it in the
//! service, and keep a `Streams` of it in the executor.
//! **How to change an event's form.** Raise its schema version and let its `decode` turn the older forms into the newest;
//! stored events never change.
//! **How to give a kind of stream snapshots.** Set [`Persistent::SNAPSHOTS`], keep the state's form in a golden test,
//! and raise the form's version whenever form or meaning change; [`Streams::snapshot_every`] says how often.

mod append;
mod error;
mod event;
mod load;
mod persistent;
mod replay;
mod snapshot;
mod streams;

pub use append::append;
pub use error::Error;
pub use event::{Metadata, NewEvent, StoredEvent};
pub use load::{load, load_until_time, load_until_version, metadata, page};
pub use persistent::{EventOf, Persistent, RejectionOf, StateOf};
pub use snapshot::SnapshotForm;
pub use streams::{Context, Decided, SNAPSHOT_EVERY, Streams};

/// The migrations of the schema `event_store`; a service runs them beside its own.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();
