//! How the events of a decider are written down.

use bowline_kernel::Decider;

use crate::SnapshotForm;

/// Why a payload cannot be turned into an event.
pub type DecodeError = Box<dyn std::error::Error + Send + Sync>;

/// The events of a kind of stream.
pub type EventOf<P> = <<P as Persistent>::Decider as Decider>::Event;
/// The state of a kind of stream.
pub type StateOf<P> = <<P as Persistent>::Decider as Decider>::State;
/// The objections of a kind of stream.
pub type RejectionOf<P> = <<P as Persistent>::Decider as Decider>::Rejection;

/// A kind of stream: a decider, and the form in which its events are stored.
///
/// A service implements it for a unit struct of its own, because the decider belongs to the domain, which knows of no
/// storage. Stored events are for ever: types are never renamed, and every form that was ever written stays readable.
pub trait Persistent {
    /// The state machine.
    type Decider: Decider;

    /// How snapshots of the state are stored. Without them every stream is read from its first event, which is best for
    /// streams that end after a few.
    const SNAPSHOTS: Option<SnapshotForm<StateOf<Self>>> = None;

    /// The name under which `event` is stored.
    fn event_type(event: &EventOf<Self>) -> &'static str;

    /// The form that [`Persistent::encode`] writes for `event`, from 1; raised whenever that form changes.
    fn schema_version(event: &EventOf<Self>) -> u16;

    /// `event` as JSON text, in its newest form.
    fn encode(event: &EventOf<Self>) -> Vec<u8>;

    /// The event that was stored as `payload`. Older forms are brought to the newest here; a type or a form that is
    /// not known is an error, never a guess.
    fn decode(event_type: &str, schema_version: u16, payload: &[u8]) -> Result<EventOf<Self>, DecodeError>;
}
