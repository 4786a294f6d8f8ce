//! What can happen next: steps, which lead on, and faults, which may come at any time and need not come at all.

use bowline_orders_domain::Canceller;
use bowline_payment_domain::OperationKind;

use super::lane::{Admission, Lane};
use super::model::{Action, SagaModel};
use super::payment::{self, Worker};
use super::world::{Input, Saga, Service, World};

const SERVICES: [Service; 3] = [Service::Orders, Service::Inventory, Service::Payment];
const OPERATIONS: [OperationKind; 3] =
    [OperationKind::Authorize, OperationKind::Capture, OperationKind::Void];

impl SagaModel {
    /// What services and provider do by themselves, sooner or later.
    pub(crate) fn steps(world: &World, actions: &mut Vec<Action>) {
        for service in SERVICES {
            if world.is_deciding(service) {
                actions.push(Action::Commit(service));
            }
        }
        for (order, saga) in world.sagas.iter().enumerate() {
            for lane in Lane::ALL {
                if let Some(sequence) = saga.lane(lane).next()
                    && !world.is_deciding(lane.consumer())
                {
                    actions.push(Action::Decide { order, input: Input::Message { lane, sequence } });
                }
            }
            Self::steps_of_worker(world, order, saga, actions);
            let verdicts = saga.provider.verdicts().iter();
            actions.extend(verdicts.map(|verdict| Action::Provider { order, verdict: *verdict }));
        }
    }

    fn steps_of_worker(world: &World, order: usize, saga: &Saga, actions: &mut Vec<Action>) {
        let Some(kind) = payment::open(saga) else { return };
        match (saga.worker, saga.provider.decided(kind)) {
            (Worker::Idle, _) => actions.push(Action::TakeUp { order }),
            (Worker::Ask, None) => actions.push(Action::AskInVain { order }),
            (Worker::Send, _) => actions.push(Action::Send { order }),
            (Worker::Ask | Worker::Wait, Some(_)) if !world.is_deciding(Service::Payment) => {
                actions.push(Action::Decide { order, input: Input::Outcome(kind) });
            }
            (Worker::Ask, Some(_)) | (Worker::Wait, _) => {}
        }
    }

    /// What happens to them, and what others ask for. Which of it has an effect, the services decide.
    pub(crate) fn faults(world: &World, actions: &mut Vec<Action>) {
        actions.extend(SERVICES.map(Action::Crash));
        for (order, saga) in world.sagas.iter().enumerate() {
            if saga.worker == Worker::Wait {
                actions.push(Action::TimeOut { order });
            }
            if !world.is_deciding(Service::Orders) {
                let cancel = |canceller| Action::Decide { order, input: Input::Cancel(canceller) };
                actions.extend(cancellers(world, order).iter().copied().map(cancel));
            }
            if !world.is_deciding(Service::Payment) {
                // A worker that has lost its partition has heard it, and does not know better.
                let known = OPERATIONS.into_iter().filter(|kind| saga.provider.decided(*kind).is_some());
                let late = known.map(|kind| Action::Decide { order, input: Input::Outcome(kind) });
                actions.extend(late.filter(|late| !Self::is_step(world, *late)));
            }
            for lane in Lane::ALL.into_iter().filter(|lane| !world.is_deciding(lane.consumer())) {
                let inbox = saga.lane(lane);
                let again = inbox.sequences().filter(|sequence| inbox.next() != Some(*sequence));
                actions.extend(again.map(|sequence| {
                    let input = Input::Message { lane, sequence };
                    Action::Decide { order, input }
                }));
            }
        }
    }

    /// Whether `action` is a step in `world`.
    pub(crate) fn is_step(world: &World, action: Action) -> bool {
        match action {
            Action::Commit(_)
            | Action::TakeUp { .. }
            | Action::AskInVain { .. }
            | Action::Send { .. }
            | Action::Provider { .. } => true,
            Action::Crash(_) | Action::TimeOut { .. } => false,
            Action::Decide { order, input } => {
                let saga = &world.sagas[order];
                match input {
                    Input::Message { lane, sequence } => {
                        saga.lane(lane).admission(sequence) == Admission::Apply
                    }
                    Input::Outcome(kind) => {
                        payment::open(saga) == Some(kind) && matches!(saga.worker, Worker::Ask | Worker::Wait)
                    }
                    Input::Cancel(_) => false,
                }
            }
        }
    }
}

/// An order alone is cancelled by either. Of several, each is cancelled by one: their difference is in the words of
/// orders alone, and to try both for each squares it.
fn cancellers(world: &World, order: usize) -> &'static [Canceller] {
    match (world.sagas.len(), order % 2) {
        (1, _) => &[Canceller::Customer, Canceller::Deadline],
        (_, 0) => &[Canceller::Customer],
        (_, _) => &[Canceller::Deadline],
    }
}
