//! One lane, from the writers that number its messages to the consumer that applies them.
//!
//! The source is a database with two processes, each a writer and a relay. The broker keeps the lane's partition as an
//! append-only log. The consumer is a database with two processes that follow the lane. One step of the model is what
//! is atomic in reality: a statement, a commit, a record that the broker appends, an answer that arrives, a record that
//! is read. Every order of steps is explored, with every choice of up to [`Bounds::faults`] faults.
//!
//! **What stands for what.** A transaction of the consumer checks and advances the watermark, writes the effects and
//! the position in one step, because it is one commit. A lease has no clock: it expires when a fault says so, and its
//! holder notices at any time later, so a process that believes to own the lane for as long as it likes is among what
//! is explored. What a producer had handed over when it failed is lost, or reaches the broker at any later time; what
//! was offered to a relay from memory and is on its way is not offered again. The head is announced when everything is
//! written and nothing is on its way. A killed process is replaced by one that knows nothing. A failover keeps a prefix
//! of the commits and with it the incarnations recorded in it; how far the lane was noted as published is kept as far
//! as that prefix reaches. A reader whose position the broker has deleted goes on at the beginning of the log. A reader
//! that meets a history which it has not heard of asks the source for its ancestry.
//!
//! **What a failover asks of everybody.** The source numbers nothing until the child is recorded. A note of how far a
//! lane is published counts in the history that it was made in, and in no other. A relay that lives through the
//! failover begins anew behind what is noted in the child, and no acknowledgement of its old producer counts there. A
//! consumer goes on in the child if all that it has scheduled belongs to the child's history, stops if not, and drops
//! what the child has forgotten of its ancestors.
//!
//! **Left out.** Other lanes, which share nothing with this one but the position, which [`Property::Position`] guards;
//! batches of a writer, which take their sequences at once; rotation of the outbox, which relies on [`Property::Noted`];
//! messages that cannot be decided; failovers of the consumer's database, which take effects, watermark and position
//! back together; standbys that acknowledge in doubt.
//!
//! **Why final states tell about liveness.** Every step raises [`State::rank`] (asserted at every step), faults are
//! bounded and the states finite. So the steps form no cycle: every run ends, and it ends in a state where nothing
//! but another fault is possible. What holds in all of those comes to hold in every run whose enabled steps are taken.
//!
//! **Teeth.** Each [`Broken`] takes one mechanism away, and the exploration must find a run that violates a named
//! property.

mod args;
mod broken;
mod consumer;
mod exploration;
mod faults;
mod model;
mod properties;
mod relay;
mod source;
mod state;

pub use args::LanesArgs;
pub use broken::Broken;
pub use consumer::{Inbox, Tracker};
pub use exploration::{Exploration, Finding};
pub use faults::Fault;
pub use model::Action;
pub use properties::Property;
pub use relay::{Broker, Relay};
pub use source::{Extent, Incarnation, Source};
pub use state::{IncarnationId, Message, Offset, Pair, Process, Rank, Record, Sequence, State};

/// How far the lane is explored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many messages are committed, those that a failover loses included.
    pub messages: u8,
    /// How many faults happen at the most.
    pub faults: u8,
    /// Which faults may happen.
    pub kinds: Vec<Fault>,
}

/// The model: its bounds, and the mechanism that is taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// How far it is explored.
    pub bounds: Bounds,
    /// What does not work.
    pub broken: Option<Broken>,
}

impl Lanes {
    fn lacks(&self, mechanism: Broken) -> bool {
        self.broken == Some(mechanism)
    }
}
