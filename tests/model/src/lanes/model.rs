//! The steps, as the checker takes them.

use stateright::{Model, Property as Checked};

use super::state::count;
use super::{Fault, Lanes, Offset, Process, Property, State};

/// A step of the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the step of the same name, documented there")]
pub enum Action {
    Number(Process),
    Commit(Process),
    RecordIncarnation,
    TakeOffer(Process),
    ReadOutbox(Process),
    Append(Process),
    AppendDelayed,
    Acknowledge(Process),
    Note(Process),
    Announce(Process),
    NoticeLoss(Process),
    TakeOver(Process),
    FollowHistory(Process),
    Read(Process),
    AskSource(Process),
    Apply(Process),
    Leave(Process),
    RollBack(Process),
    Crash { process: Process, delayed: bool },
    Expire,
    HandOver,
    FailProducer { process: Process, delayed: bool },
    Delete { before: Offset },
    FailOver { kept: u8 },
    MoveConsumer,
    CrashConsumer,
    LoseAnswer(Process),
}

impl Action {
    /// The kind of fault that it is, if it is one.
    pub fn fault(self) -> Option<Fault> {
        match self {
            Self::Number(_)
            | Self::Commit(_)
            | Self::RecordIncarnation
            | Self::TakeOffer(_)
            | Self::ReadOutbox(_)
            | Self::Append(_)
            | Self::AppendDelayed
            | Self::Acknowledge(_)
            | Self::Note(_)
            | Self::Announce(_)
            | Self::NoticeLoss(_)
            | Self::TakeOver(_)
            | Self::FollowHistory(_)
            | Self::Read(_)
            | Self::AskSource(_)
            | Self::Apply(_)
            | Self::Leave(_) => None,
            Self::RollBack(_) => Some(Fault::Rollback),
            Self::Crash { .. } => Some(Fault::Crash),
            Self::Expire => Some(Fault::Expiry),
            Self::HandOver => Some(Fault::HandOver),
            Self::FailProducer { .. } => Some(Fault::Producer),
            Self::Delete { .. } => Some(Fault::Deletion),
            Self::FailOver { .. } => Some(Fault::Failover),
            Self::MoveConsumer => Some(Fault::ConsumerExpiry),
            Self::CrashConsumer => Some(Fault::ConsumerCrash),
            Self::LoseAnswer(_) => Some(Fault::LostAnswer),
        }
    }
}

/// What a process does by itself.
const OF_PROCESS: [fn(Process) -> Action; 15] = [
    Action::Number,
    Action::Commit,
    Action::TakeOffer,
    Action::ReadOutbox,
    Action::Append,
    Action::Acknowledge,
    Action::Note,
    Action::Announce,
    Action::NoticeLoss,
    Action::TakeOver,
    Action::FollowHistory,
    Action::Read,
    Action::AskSource,
    Action::Apply,
    Action::Leave,
];

/// The steps that are no faults, possible or not.
fn steps() -> impl Iterator<Item = Action> {
    let of_process = Process::BOTH.into_iter().flat_map(|process| OF_PROCESS.map(|step| step(process)));
    of_process.chain([Action::RecordIncarnation, Action::AppendDelayed])
}

/// The faults, possible or not.
fn faults(state: &State) -> impl Iterator<Item = Action> {
    let of_process = Process::BOTH.into_iter().flat_map(|process| {
        [
            Action::RollBack(process),
            Action::Crash { process, delayed: false },
            Action::Crash { process, delayed: true },
            Action::FailProducer { process, delayed: false },
            Action::FailProducer { process, delayed: true },
            Action::LoseAnswer(process),
        ]
    });
    let deletions =
        (state.broker.start..count(&state.broker.log)).map(|last| Action::Delete { before: last + 1 });
    let failovers = (0..=count(&state.source.outbox)).map(|kept| Action::FailOver { kept });
    of_process.chain(deletions).chain(failovers).chain([
        Action::Expire,
        Action::HandOver,
        Action::MoveConsumer,
        Action::CrashConsumer,
    ])
}

impl Lanes {
    /// The state behind a step, if the step is possible.
    fn step(&self, state: &State, action: Action) -> Option<State> {
        match action {
            Action::Number(process) => self.number(state, process),
            Action::Commit(process) => Self::commit(state, process),
            Action::RecordIncarnation => self.record_incarnation(state),
            Action::TakeOffer(process) => self.take_offer(state, process),
            Action::ReadOutbox(process) => self.read_outbox(state, process),
            Action::Append(process) => Self::append(state, process),
            Action::AppendDelayed => Self::append_delayed(state),
            Action::Acknowledge(process) => Self::acknowledge(state, process),
            Action::Note(process) => self.note(state, process),
            Action::Announce(process) => self.announce(state, process),
            Action::NoticeLoss(process) => Self::notice_loss(state, process),
            Action::TakeOver(process) => self.take_over(state, process),
            Action::FollowHistory(process) => self.follow_history(state, process),
            Action::Read(process) => self.read(state, process),
            Action::AskSource(process) => self.ask_source(state, process),
            Action::Apply(process) => self.apply(state, process, true),
            Action::Leave(process) => Self::leave(state, process),
            Action::RollBack(process) => Self::roll_back(state, process),
            Action::Crash { process, delayed } => Self::crash(state, process, delayed),
            Action::Expire => Self::expire(state),
            Action::HandOver => Self::hand_over(state),
            Action::FailProducer { process, delayed } => self.fail_producer(state, process, delayed),
            Action::Delete { before } => Some(Self::delete(state, before)),
            Action::FailOver { kept } => Some(Self::fail_over(state, kept)),
            Action::MoveConsumer => Some(Self::move_consumer(state)),
            Action::CrashConsumer => Self::crash_consumer(state),
            Action::LoseAnswer(process) => self.apply(state, process, false),
        }
    }

    /// Whether nothing but another fault is possible.
    pub(super) fn is_final(&self, state: &State) -> bool {
        steps().all(|action| self.step(state, action).is_none())
    }
}

impl Model for Lanes {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::initial()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(steps());
        if state.faults < self.bounds.faults {
            let wanted =
                |action: &Action| action.fault().is_some_and(|kind| self.bounds.kinds.contains(&kind));
            actions.extend(faults(state).filter(wanted));
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = self.step(state, action)?;
        next.faults += u8::from(action.fault().is_some());
        next.forget_read();
        // Else a run might go on for ever and never be judged by a final state.
        assert!(self.broken.is_some() || next.rank() > state.rank(), "{action:?} must raise the rank");
        Some(next)
    }

    fn properties(&self) -> Vec<Checked<Self>> {
        Property::ALL.iter().map(|property| property.checked()).collect()
    }
}
