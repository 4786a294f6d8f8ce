//! What comes of what happens.

use std::sync::Arc;

use bowline_kernel::Decider;
use bowline_orders_domain::{self as domain, Rejection};
use bowline_payment_domain::{Operation, OperationKind, PaymentDecider};

use super::bounds::Defect;
use super::lane::Admission;
use super::message::Message;
use super::model::{Action, SagaModel};
use super::payment::Worker;
use super::reactions::reactions;
use super::world::{AT, Deciding, Fault, Input, Saga, Service, World};
use super::{inventory, orders, payment};

impl SagaModel {
    /// The world after `action`; `None` if it changes nothing.
    pub(crate) fn after(self, world: &World, action: Action) -> Option<World> {
        match action {
            Action::Decide { order, input } => self.decided(world, Deciding { order, input }),
            Action::Commit(service) => {
                let mut next = world.clone();
                let deciding = next.deciding[service as usize].take()?;
                self.commit(&mut next, deciding, decide(world, deciding));
                Some(next)
            }
            Action::Crash(service) => crashed(world, service),
            Action::TakeUp { order } | Action::TimeOut { order } => Some(working(world, order, Worker::Ask)),
            Action::AskInVain { order } => Some(working(world, order, Worker::Send)),
            Action::Send { order } => self.sent(world, order),
            Action::Provider { order, verdict } => {
                let mut next = world.clone();
                next.saga_mut(order).provider.decide(verdict);
                Some(next)
            }
        }
    }

    /// An input is decided in memory, and committed at once if nothing may come between. What has no effect changes
    /// nothing, unless it is the message that a lane has come to: then the watermark moves.
    fn decided(self, world: &World, deciding: Deciding) -> Option<World> {
        if !self.admits(world, deciding) {
            return None;
        }
        let decision = decide(world, deciding);
        if decision.as_ref().is_ok_and(Decision::is_empty) && !Self::is_step(world, Action::of(deciding)) {
            return None;
        }
        let mut next = world.clone();
        if self.bounds.transactions {
            next.deciding[deciding.input.service() as usize] = Some(deciding);
            if self.bounds.broken_by(Defect::SentBeforeCommit) {
                let messages = store(&mut next.clone(), deciding.order, decision.ok()?);
                next.saga_mut(deciding.order).publish(&messages);
            }
        } else {
            self.commit(&mut next, deciding, decision);
        }
        Some(next)
    }

    /// The watermark lets only the next message of a lane through.
    fn admits(self, world: &World, deciding: Deciding) -> bool {
        let Input::Message { lane, sequence } = deciding.input else { return true };
        match world.sagas[deciding.order].lane(lane).admission(sequence) {
            Admission::Apply => true,
            Admission::Drop => {
                self.bounds.broken_by(Defect::Repetition) || self.bounds.broken_by(Defect::NoWatermark)
            }
            Admission::Hold => self.bounds.broken_by(Defect::NoWatermark),
        }
    }

    /// What was decided, what is published and how far the lane is applied: all of it, or none.
    fn commit(self, world: &mut World, deciding: Deciding, decision: Result<Decision, String>) {
        let decision = match decision {
            Ok(decision) => decision,
            Err(reason) => {
                world.fault = Some(Fault::Impossible { service: deciding.input.service(), reason });
                return;
            }
        };
        let mut messages = store(world, deciding.order, decision);
        if self.bounds.broken_by(Defect::ForgottenVoid) {
            messages.retain(|message| *message != Message::VoidPayment);
        }
        let saga = world.saga_mut(deciding.order);
        if !self.bounds.broken_by(Defect::SentBeforeCommit) {
            saga.publish(&messages);
        }
        if let Input::Message { lane, sequence } = deciding.input {
            saga.lane_mut(lane).applied(sequence);
        }
    }

    /// The worker's request goes out. One that the provider has decided already has no effect there, as its key is known.
    fn sent(self, world: &World, order: usize) -> Option<World> {
        let operation = world.sagas[order].payment.open_operation()?;
        let mut next = working(world, order, Worker::Wait);
        let saga = next.saga_mut(order);
        let (kind, amount) = match operation {
            Operation::Authorize { amount, .. } => (OperationKind::Authorize, amount),
            Operation::Capture { amount, .. } => (OperationKind::Capture, amount),
            Operation::Void { amount, .. } => (OperationKind::Void, amount),
        };
        if self.is_keyless(kind) || saga.provider.decided(kind).is_none() {
            saga.provider.send(kind, amount);
        }
        Some(next)
    }

    fn is_keyless(self, kind: OperationKind) -> bool {
        match kind {
            OperationKind::Authorize => self.bounds.broken_by(Defect::KeylessHold),
            OperationKind::Capture => self.bounds.broken_by(Defect::KeylessCapture),
            OperationKind::Void => false,
        }
    }
}

/// What a service has decided, in memory.
#[derive(Debug)]
enum Decision {
    Orders(Vec<domain::Event>),
    Inventory(Option<inventory::Decided>),
    Payment(Vec<bowline_payment_domain::Event>),
}

impl Decision {
    fn is_empty(&self) -> bool {
        match self {
            Self::Orders(events) => events.is_empty(),
            Self::Inventory(decided) => decided.is_none(),
            Self::Payment(events) => events.is_empty(),
        }
    }
}

/// What the service makes of its input. The error says what must not happen.
fn decide(world: &World, deciding: Deciding) -> Result<Decision, String> {
    let saga = &world.sagas[deciding.order];
    match deciding.input {
        Input::Message { lane, sequence } => {
            let message = saga.lane(lane).message(sequence).expect("what is delivered was published");
            let reactions = reactions(saga.order_id, message);
            match lane.consumer() {
                Service::Orders => by_orders(saga, reactions.orders),
                Service::Inventory => inventory::decide(saga, &world.stock, message, reactions.inventory)
                    .map(Decision::Inventory)
                    .map_err(|rejection| rejection.to_string()),
                Service::Payment => by_payment(saga, reactions.payment),
            }
        }
        Input::Cancel(canceller) => by_orders(saga, Some(domain::Command::CancelOrder { canceller, at: AT })),
        Input::Outcome(kind) => {
            by_payment(saga, saga.provider.decided(kind).map(|verdict| payment::outcome(kind, verdict)))
        }
    }
}

fn by_orders(saga: &Saga, command: Option<domain::Command>) -> Result<Decision, String> {
    let Some(command) = command else { return Ok(Decision::Orders(Vec::new())) };
    let is_report = !matches!(command, domain::Command::CancelOrder { .. });
    match orders::decide(saga, command) {
        Ok(events) => Ok(Decision::Orders(events)),
        // Answers for the customer.
        Err(Rejection::AlreadyConfirmed | Rejection::AlreadyCancelled { .. }) if !is_report => {
            Ok(Decision::Orders(Vec::new()))
        }
        Err(rejection) => Err(rejection.to_string()),
    }
}

fn by_payment(saga: &Saga, command: Option<bowline_payment_domain::Command>) -> Result<Decision, String> {
    let Some(command) = command else { return Ok(Decision::Payment(Vec::new())) };
    let decided = PaymentDecider::decide(&saga.payment, command).map_err(|rejection| rejection.to_string());
    decided.map(Decision::Payment)
}

/// Keeps what was decided and returns what is to be published with it.
fn store(world: &mut World, order: usize, decision: Decision) -> Vec<Message> {
    let World { sagas, stock, .. } = world;
    let saga = Arc::make_mut(&mut sagas[order]);
    match decision {
        Decision::Orders(events) => orders::store(saga, &events),
        Decision::Inventory(decided) => {
            decided.map_or_else(Vec::new, |decided| inventory::store(saga, stock, decided))
        }
        Decision::Payment(events) => payment::store(saga, &events),
    }
}

/// What was only in memory is gone; `None` if there was nothing.
fn crashed(world: &World, service: Service) -> Option<World> {
    let working = service == Service::Payment && world.sagas.iter().any(|saga| saga.worker != Worker::Idle);
    if !working && !world.is_deciding(service) {
        return None;
    }
    let mut next = world.clone();
    next.deciding[service as usize] = None;
    if service == Service::Payment {
        for order in 0..next.sagas.len() {
            next.saga_mut(order).worker = Worker::Idle;
        }
    }
    Some(next)
}

fn working(world: &World, order: usize, worker: Worker) -> World {
    let mut next = world.clone();
    next.saga_mut(order).worker = worker;
    next
}
