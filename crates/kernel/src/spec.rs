//! Given / when / then for deciders: tests that read like the rules they check.
//!
//! ```
//! # use bowline_kernel::{Decider, spec::Given};
//! # struct Switch;
//! # impl Decider for Switch {
//! #     type State = bool; type Command = bool; type Event = bool; type Rejection = &'static str;
//! #     fn initial() -> bool { false }
//! #     fn decide(state: &bool, command: bool) -> Result<Vec<bool>, &'static str> {
//! #         if *state == command { Err("already so") } else { Ok(vec![command]) }
//! #     }
//! #     fn evolve(_: bool, event: &bool) -> bool { *event }
//! # }
//! Given::<Switch>::new([true]).when(false).then([false]);
//! Given::<Switch>::nothing().when(false).then_rejected("already so");
//! ```

mod paths;

use std::fmt::Debug;

use crate::Decider;
pub use paths::Paths;

/// A history, waiting for a command.
pub struct Given<D: Decider> {
    state: D::State,
}

/// What a command led to, waiting to be compared.
pub struct Outcome<D: Decider> {
    state: D::State,
    result: Result<Vec<D::Event>, D::Rejection>,
}

impl<D: Decider> Given<D> {
    /// The state after `history`.
    pub fn new(history: impl IntoIterator<Item = D::Event>) -> Self {
        Self { state: history.into_iter().fold(D::initial(), |state, event| D::evolve(state, &event)) }
    }

    /// The state of a stream without events.
    pub fn nothing() -> Self {
        Self { state: D::initial() }
    }

    /// Decides `command`.
    pub fn when(self, command: D::Command) -> Outcome<D> {
        let result = D::decide(&self.state, command);
        Outcome { state: self.state, result }
    }
}

impl<D: Decider> Outcome<D>
where
    D::Event: PartialEq + Debug,
    D::Rejection: PartialEq + Debug,
{
    /// Exactly these events; returns the state after them as the next given.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = D::Event>) -> Given<D> {
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(self.result.as_ref(), Ok(&expected), "the events differ");
        Given { state: expected.iter().fold(self.state, D::evolve) }
    }

    /// No event and no objection: there was nothing to do.
    #[track_caller]
    pub fn then_nothing(self) -> Given<D> {
        self.then([])
    }

    /// Exactly this objection.
    #[track_caller]
    pub fn then_rejected(self, expected: D::Rejection) {
        assert_eq!(self.result, Err(expected), "the rejection differs");
    }
}
