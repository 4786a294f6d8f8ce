//! What can happen next, and what comes of it.

use stateright::{Model, Property};

use super::bounds::Bounds;
use super::properties;
use super::provider::Verdict;
use super::rank::Rank;
use super::world::{Deciding, Fault, Input, Service, World};

/// The saga within bounds.
#[derive(Debug, Clone, Copy)]
pub struct SagaModel {
    pub(crate) bounds: Bounds,
}

/// One thing that happens. Orders are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A service takes up an input, and decides it in memory.
    Decide {
        /// The order that it is about.
        order: usize,
        /// What is decided.
        input: Input,
    },
    /// What a service has decided is stored and published.
    Commit(Service),
    /// A process dies and is started again.
    Crash(Service),
    /// The worker finds an open operation in the table.
    TakeUp {
        /// The order.
        order: usize,
    },
    /// The worker asks what became of the operation, and the provider has decided nothing.
    AskInVain {
        /// The order.
        order: usize,
    },
    /// The worker tells the provider the operation.
    Send {
        /// The order.
        order: usize,
    },
    /// The worker has waited long enough, whatever has become of its request.
    TimeOut {
        /// The order.
        order: usize,
    },
    /// A request reaches the provider, perhaps long after anybody waits for it.
    Provider {
        /// The order.
        order: usize,
        /// What the provider decides.
        verdict: Verdict,
    },
}

impl Action {
    pub(crate) const fn of(deciding: Deciding) -> Self {
        Self::Decide { order: deciding.order, input: deciding.input }
    }
}

impl Model for SagaModel {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        World::beginnings(self.bounds)
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.fault.is_none() {
            Self::steps(world, actions);
            Self::faults(world, actions);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = self.after(world, action)?;
        if Self::is_step(world, action) && Rank::of(&next) <= Rank::of(world) && next.fault.is_none() {
            next.fault = Some(Fault::Backwards);
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
