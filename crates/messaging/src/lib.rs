//! Sequenced lanes: the path from commit to effect between PostgreSQL and Kafka.
//!
//! A *lane* is (source, topic, partition). The last statement of a writing transaction takes the next sequences of the
//! lanes it touches and writes the messages ([`Outbox::append`]); the heads stay locked until the commit, so sequence
//! order is commit order without a hole. The holder of a partition's lease publishes its lanes in sequence (the relay)
//! and applies what other sources say on the same partition (the consumer), in batches ([`Handler`]) whose watermarks
//! advance in the transaction of the effects.
//!
//! **Guarantees.** A message is published if and only if its transaction has committed. Of every lane, a consumer
//! applies every message exactly once and in order; what is missing holds the lane instead of being skipped, and is asked
//! of its source ([`LaneReader`]) when its topic has lost it; what cannot be applied is parked with everything that follows
//! of its key, until an operator decides ([`DeadLetters`]). A failover that has lost what was applied stops its lane until an
//! operator accepts it ([`HeardLanes`]); one that has not is followed. Nothing expires, and none of it rests on a lease, a clock or a
//! group membership.
//!
//! **Does not.** It knows no business word. It does not deduplicate what callers ask for (see `bowline-idempotency`)
//! and does not order messages of different lanes.
//!
//! **How to add one more input.** Add the topic to [`Wiring::hears`] and a reaction in the service; the lane is
//! registered at the next start, at sequence 0. A service that only listens is a [`Listener`].

mod applied_ranges;
mod backlog;
mod batch;
mod consumer;
mod dead_letters;
mod diagnostics;
mod envelope;
mod error;
mod executor;
mod healing;
mod heard_lanes;
mod inbox;
pub mod incarnation;
mod inputs;
mod kafka;
mod lane_reader;
mod lease;
mod listening;
mod node;
mod options;
mod outbox;
mod overview;
mod parking;
mod partitions;
mod producer;
mod properties;
mod relay;
mod rotation;
mod spans;
mod stepper;
pub mod tail;
mod topic_watch;
mod topics;
mod tracker;

pub use backlog::{Backlog, Waiting};
pub use batch::{Admission, Batch, Executed};
pub use dead_letters::{
    CauseGroup, DeadLetter, DeadLetters, EditError, Head, Operator, ParkingAction, Selection,
};
pub use error::Error;
pub use executor::{
    Answer, Batches, CommandError, Commands, ExecuteError, Failovers, Handler, Troubles, Turns,
};
pub use healing::Healed;
pub use heard_lanes::{AcceptError, Acceptance, HeardLane, HeardLanes, HeldLane, HeldState, LaneName};
pub use inbox::{Incoming, InputId};
pub use inputs::Inputs;
pub use lane_reader::{LaneHead, LaneIncarnation, LaneMessage, LaneReadError, LaneReader};
pub use lease::{Holders, Owned};
pub use listening::{Listener, Listening};
pub use node::{Node, NodeOptions, Registered, Wiring};
pub use options::{KafkaArgs, KafkaOptions, LaneArgs, LaneOptions, LaneSources};
pub use outbox::{LaneId, Outbox, Outgoing, Sequenced};
pub use overview::{LeaseHolder, Overview, PartitionLease, SentLane};
pub use partitions::PartitionWrites;
pub use properties::Properties;
pub use rotation::{HeldUp, Rotated};
pub use stepper::{Ask, HandedOver, Heard, Read, Reading, Stepper};

/// The tables of the lanes; a service applies them beside its own.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();
