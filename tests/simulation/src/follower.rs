//! Holds what the services do against the models, transaction by transaction.
//!
//! Of the lanes: a batch is admitted if and only if it goes on where its consumer is, and what is applied of a lane is
//! 1, 2, 3, … Of the saga: the model of `bowline-model` takes the same inputs, can take them, and publishes the same.

use std::collections::{BTreeMap, BTreeSet};

use bowline_kernel::{OrderId, RequestId};
use bowline_model::saga::{self, Replay, Taken};
use bowline_orders_domain::{Canceller, PlaceOrder};
use uuid::Uuid;

use crate::stage::Service;
use crate::witness::number;

/// What a service was asked to do, as far as the model knows of it.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    Place(RequestId, Box<PlaceOrder>),
    Cancel(RequestId, OrderId),
    Expire(OrderId, u32),
    Outcome(OrderId, bowline_payment_domain::OperationKind, saga::Verdict),
}

/// A message that was taken up, on which lane.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) topic: &'static str,
    pub(crate) partition: u16,
    pub(crate) source: String,
    pub(crate) sequence: i64,
    pub(crate) order: Uuid,
    pub(crate) kind: String,
}

/// A transaction as it was seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempt {
    pub(crate) told: Vec<Told>,
    pub(crate) heard: Vec<Heard>,
    /// `None` when the commit was not answered.
    pub(crate) committed: Option<Committed>,
}

/// What is known when the commit was answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Committed {
    /// The messages that were admitted, by their index in what was heard.
    pub(crate) admitted: BTreeSet<usize>,
    /// What was sent: about which order, and of which type.
    pub(crate) sent: Vec<(Uuid, String)>,
}

type LaneOf = (Service, &'static str, u16, String);

/// The models, as far as the services have come.
pub(crate) struct Follower {
    saga: Replay,
    /// Requests that took effect.
    requests: BTreeSet<RequestId>,
    watermarks: BTreeMap<LaneOf, i64>,
    /// Where models and services differ.
    pub(crate) differences: Vec<String>,
}

impl Follower {
    pub(crate) fn new(saga: Replay) -> Self {
        Self { saga, requests: BTreeSet::new(), watermarks: BTreeMap::new(), differences: Vec::new() }
    }

    /// A transaction of a service has taken effect.
    pub(crate) fn follow(&mut self, service: Service, attempt: &Attempt) {
        let admitted = self.admitted(service, attempt);
        let mut expected: BTreeMap<Uuid, Vec<&'static str>> = BTreeMap::new();
        let Some(party) = party(service) else { return };
        for told in attempt.told.iter().filter(|told| !matches!(told, Told::Expire(..))) {
            self.tell(party, told, &mut expected);
        }
        for index in admitted {
            let Heard { order, kind, .. } = &attempt.heard[index];
            self.take(party, *order, Taken::Message(kind), &mut expected);
        }
        for told in attempt.told.iter().filter(|told| matches!(told, Told::Expire(..))) {
            self.tell(party, told, &mut expected);
        }
        if let Some(committed) = &attempt.committed {
            self.compare(service, &committed.sent, expected);
        }
    }

    /// The messages that the lanes admit; each lane of a batch as a whole.
    fn admitted(&mut self, service: Service, attempt: &Attempt) -> BTreeSet<usize> {
        let (mut admitted, mut left_out) = (BTreeSet::new(), BTreeSet::new());
        for (index, heard) in attempt.heard.iter().enumerate() {
            let lane = (service, heard.topic, heard.partition, heard.source.clone());
            let watermark = self.watermarks.entry(lane.clone()).or_default();
            if heard.sequence == *watermark + 1 && !left_out.contains(&lane) {
                *watermark += 1;
                admitted.insert(index);
            } else {
                left_out.insert(lane);
            }
        }
        let seen = attempt.committed.as_ref().map(|committed| &committed.admitted);
        if let Some(seen) = seen.filter(|seen| **seen != admitted) {
            self.differences.push(format!(
                "{} has applied the messages {seen:?} of {:?}, by the lanes it should be {admitted:?}",
                service.name(),
                attempt.heard
            ));
        }
        admitted
    }

    fn tell(&mut self, party: saga::Service, told: &Told, expected: &mut BTreeMap<Uuid, Vec<&'static str>>) {
        match told {
            Told::Place(request, order) => {
                if self.requests.insert(*request) {
                    expected.entry(order.order_id.uuid()).or_default().push("OrderPlaced");
                    self.saga.place((**order).clone());
                }
            }
            Told::Cancel(request, order) => {
                if self.requests.insert(*request) {
                    self.take(party, order.uuid(), Taken::Cancel(Canceller::Customer, None), expected);
                }
            }
            Told::Expire(order, fence) => {
                let taken = Taken::Cancel(Canceller::Deadline, Some(*fence));
                self.take(party, order.uuid(), taken, expected);
            }
            Told::Outcome(order, kind, verdict) => {
                self.take(party, order.uuid(), Taken::Outcome(*kind, *verdict), expected);
            }
        }
    }

    fn take(
        &mut self,
        party: saga::Service,
        order: Uuid,
        taken: Taken<'_>,
        expected: &mut BTreeMap<Uuid, Vec<&'static str>>,
    ) {
        match self.saga.take(OrderId::new(order), party, taken) {
            Ok(names) => expected.entry(order).or_default().extend(names),
            Err(reason) => self.differences.push(format!("order {}: {reason}", number(order))),
        }
    }

    fn compare(
        &mut self,
        service: Service,
        sent: &[(Uuid, String)],
        expected: BTreeMap<Uuid, Vec<&'static str>>,
    ) {
        let mut seen: BTreeMap<Uuid, Vec<&str>> = BTreeMap::new();
        for (order, kind) in sent {
            seen.entry(*order).or_default().push(kind);
        }
        for (order, mut names) in expected {
            let mut kinds = seen.remove(&order).unwrap_or_default();
            names.sort_unstable();
            kinds.sort_unstable();
            if names != kinds {
                let (service, order) = (service.name(), number(order));
                let difference = format!("{service} sends {kinds:?} for order {order}, the model {names:?}");
                self.differences.push(difference);
            }
        }
        if !seen.is_empty() {
            self.differences.push(format!("{} sends {seen:?}, the model nothing", service.name()));
        }
    }

    /// What is not finished in the model.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let open = self.saga.states().filter(|(_, _, finished)| !finished);
        open.map(|(order, names, _)| format!("in the model, order {} is {names:?}", number(order.uuid())))
            .collect()
    }
}

/// The read model is not part of the saga.
fn party(service: Service) -> Option<saga::Service> {
    match service {
        Service::Orders => Some(saga::Service::Orders),
        Service::Inventory => Some(saga::Service::Inventory),
        Service::Payment => Some(saga::Service::Payment),
        Service::Projection => None,
    }
}
