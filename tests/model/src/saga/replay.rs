//! Follows what services were seen to do: the model takes the same steps, if it can.

use std::sync::Arc;

use bowline_kernel::{OrderId, Sku};
use bowline_orders_domain::{Canceller, PlaceOrder, Status};
use bowline_payment_domain::{Operation, OperationKind};
use stateright::Model as _;

use super::bounds::Bounds;
use super::lane::Lane;
use super::message::Message;
use super::model::{Action, SagaModel};
use super::properties;
use super::provider::Verdict;
use super::stock::Stock;
use super::world::{Input, Saga, Service, World};

/// A world of the model that goes where services have gone.
#[derive(Debug, Clone)]
pub struct Replay {
    model: SagaModel,
    pub(crate) world: World,
}

/// What a service has taken up, and committed what it made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken<'a> {
    /// A message, by the name of its type without the package.
    Message(&'a str),
    /// The wish, or the deadline set for this version of the order, to give it up.
    Cancel(Canceller, Option<u32>),
    /// What the provider has decided.
    Outcome(OperationKind, Verdict),
}

impl Replay {
    /// A world without orders, with these units of each SKU.
    pub fn new(stock: impl IntoIterator<Item = (Sku, i64)>) -> Self {
        let stock = stock.into_iter().map(|(sku, units)| Stock::new(sku, units)).collect();
        let bounds = Bounds { orders: 0, skus: 0, stock: None, transactions: false, defect: None };
        let world = World { sagas: Vec::new(), stock, deciding: [None; 3], fault: None };
        Self { model: SagaModel { bounds }, world }
    }

    /// An order is accepted.
    pub fn place(&mut self, order: PlaceOrder) {
        self.world.sagas.push(Arc::new(Saga::placed(order)));
    }

    /// A service has taken something up. Returns the names of the messages that the model publishes with it; the error says
    /// why the model cannot take this step, or what does not hold behind it.
    pub fn take(
        &mut self,
        order: OrderId,
        service: Service,
        taken: Taken<'_>,
    ) -> Result<Vec<&'static str>, String> {
        let Some(index) = self.world.sagas.iter().position(|saga| saga.order_id == order) else {
            return Err("nobody has placed it".to_owned());
        };
        let before = Arc::clone(&self.world.sagas[index]);
        let input = match taken {
            Taken::Message(name) => match next(&before, service, name)? {
                Some(input) => input,
                None => return Ok(Vec::new()),
            },
            Taken::Cancel(_, Some(fence)) if fence != u32::from(before.order_version) => {
                return Ok(Vec::new());
            }
            Taken::Cancel(canceller, _) => Input::Cancel(canceller),
            Taken::Outcome(kind, verdict) => {
                self.ask_the_provider(index, kind, verdict)?;
                Input::Outcome(kind)
            }
        };
        if let Some(next) = self.model.next_state(&self.world, Action::Decide { order: index, input }) {
            self.world = next;
        }
        let violated = properties::violated(self.model, &self.world);
        if !violated.is_empty() {
            return Err(format!("{violated:?} in\n{}", self.world));
        }
        Ok(published(&before, &self.world.sagas[index]))
    }

    /// Where the model's orders stand: the names of the states of order, stock and payment, and whether it is finished.
    pub fn states(&self) -> impl Iterator<Item = (OrderId, [&'static str; 3], bool)> {
        self.world.sagas.iter().map(|saga| {
            let names = [saga.order.name(), saga.reservation.name(), saga.payment.name()];
            (saga.order_id, names, saga.order.is_finished())
        })
    }

    /// What worker and provider have done between them before an outcome comes, nobody has seen; it is done now.
    fn ask_the_provider(
        &mut self,
        index: usize,
        kind: OperationKind,
        verdict: Verdict,
    ) -> Result<(), String> {
        let saga = self.world.saga_mut(index);
        if saga.provider.decided(kind).is_none() {
            let (asked, amount) = match saga.payment.open_operation() {
                Some(Operation::Authorize { amount, .. }) => (OperationKind::Authorize, amount),
                Some(Operation::Capture { amount, .. }) => (OperationKind::Capture, amount),
                Some(Operation::Void { amount, .. }) => (OperationKind::Void, amount),
                None => return Err(format!("nobody has asked the provider to {}", kind.name())),
            };
            saga.provider.send(asked, amount);
            if asked != kind || !saga.provider.verdicts().contains(&verdict) {
                return Err(format!("the provider was asked to {}, not this", asked.name()));
            }
            saga.provider.decide(verdict);
        }
        let decided = saga.provider.decided(kind);
        if decided == Some(verdict) { Ok(()) } else { Err(format!("the provider has decided {decided:?}")) }
    }
}

/// The lane on which a service hears this message next; `None` when nobody there reacts to it.
fn next(saga: &Saga, service: Service, name: &str) -> Result<Option<Input>, String> {
    let lanes = || Lane::ALL.into_iter().filter(|lane| lane.consumer() == service);
    for lane in lanes() {
        if let Some(sequence) = saga.lane(lane).next()
            && saga.lane(lane).message(sequence).is_some_and(|message| message.name() == name)
        {
            return Ok(Some(Input::Message { lane, sequence }));
        }
    }
    if !reacts(service, name) {
        return Ok(None);
    }
    let expected: Vec<_> = lanes()
        .filter_map(|lane| {
            let sequence = saga.lane(lane).next()?;
            saga.lane(lane).message(sequence).map(Message::name)
        })
        .collect();
    Err(format!("{service:?} hears {name}; of what it reacts to, next come {expected:?}"))
}

/// As in [`Message::lanes`], by the names of the types.
fn reacts(service: Service, name: &str) -> bool {
    match service {
        Service::Orders => name.starts_with("Stock") || name.starts_with("Payment"),
        Service::Inventory => {
            ["OrderPlaced", "OrderConfirmed", "ReleaseStock", "RestockOrder"].contains(&name)
        }
        Service::Payment => ["StockReserved", "OrderConfirmed", "VoidPayment"].contains(&name),
    }
}

/// What has come to the lanes, each message once.
fn published(before: &Saga, after: &Saga) -> Vec<&'static str> {
    let mut names = Vec::new();
    for lane in Lane::ALL {
        let known = before.lane(lane).published();
        let new = after.lane(lane).messages()[known..].iter();
        names.extend(new.filter(|message| message.lanes().first() == Some(&lane)).map(Message::name));
    }
    // Nobody reacts to these, so no lane of the model has them.
    names.extend((!is_cancelled(before) && is_cancelled(after)).then_some("OrderCancelled"));
    names.extend(after.ends[before.ends.len()..].iter().map(|_| "OrderFinished"));
    names.sort_unstable();
    names
}

fn is_cancelled(saga: &Saga) -> bool {
    matches!(saga.order.status(), Some(Status::Cancelled(_)))
}
