//! The shape of every domain: state, commands in, events out.

/// A pure state machine whose history is its events.
///
/// `decide` looks at the state and either returns the events that a command leads to (none: nothing to do) or the
/// business reason why not. `evolve` folds one event into the state and cannot fail: what has happened has happened.
/// Neither asks for the time, an id or a price; those arrive inside the command.
///
/// The pattern is known as decide / evolve / initial (Jérémie Chassaing, "Functional Event Sourcing Decider").
pub trait Decider {
    /// What is known; an enum whose variants hold only the data that exists in them.
    type State;
    /// What is asked for, or what another service has reported.
    type Command;
    /// What has happened.
    type Event;
    /// The business reason why a command has no effect.
    type Rejection;

    /// The state of a stream without events.
    fn initial() -> Self::State;

    /// The events that `command` leads to in `state`, in order.
    fn decide(state: &Self::State, command: Self::Command) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// The state after `event`.
    fn evolve(state: Self::State, event: &Self::Event) -> Self::State;

    /// The state after a whole history, oldest event first.
    fn replay<'a>(events: impl IntoIterator<Item = &'a Self::Event>) -> Self::State
    where
        Self::Event: 'a,
    {
        events.into_iter().fold(Self::initial(), Self::evolve)
    }
}
