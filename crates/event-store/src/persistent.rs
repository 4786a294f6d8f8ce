//! How the events of a decider are kept.

use bowline_kernel::Decider;
use bowline_kernel::stored::Stored;

use crate::SnapshotForm;

/// The events of a kind of stream.
pub type EventOf<P> = <<P as Persistent>::Decider as Decider>::Event;
/// The state of a kind of stream.
pub type StateOf<P> = <<P as Persistent>::Decider as Decider>::State;
/// The objections of a kind of stream.
pub type RejectionOf<P> = <<P as Persistent>::Decider as Decider>::Rejection;

/// A kind of stream: a decider whose events can be stored, and the form of its snapshots.
///
/// A service implements it for a unit struct of its own, because the decider belongs to the domain, which knows of no
/// storage.
pub trait Persistent {
    /// The state machine.
    type Decider: Decider<Event: Stored>;

    /// How snapshots of the state are stored. Without them every stream is read from its first event, which is best for
    /// streams that end after a few.
    const SNAPSHOTS: Option<SnapshotForm<StateOf<Self>>> = None;
}
