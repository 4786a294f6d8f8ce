//! Every order's messages are those of a run of the model of the saga.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bowline_contracts::topics;
use bowline_messaging::tail::Message;
use bowline_model::saga::{Recorded, Service, explain};
use uuid::Uuid;

use crate::Invariant;
use crate::topics::Fold;

/// What was published about every order, each topic in the order of its lane.
#[derive(Debug, Default)]
pub(crate) struct Sagas {
    by_order: HashMap<Uuid, Vec<Step>>,
    /// One copy of each of the few types that there are.
    types: HashSet<Arc<str>>,
}

/// A message, without what it says.
#[derive(Debug, Clone)]
struct Step {
    id: Uuid,
    cause: Option<Uuid>,
    by: Service,
    topic: &'static str,
    message_type: Arc<str>,
}

impl Fold for Sagas {
    fn fold(&mut self, message: &Message) -> Result<(), String> {
        self.add(message);
        Ok(())
    }
}

impl Sagas {
    fn add(&mut self, message: &Message) {
        let by = match message.envelope.source.as_str() {
            topics::ORDERS => Service::Orders,
            topics::INVENTORY => Service::Inventory,
            topics::PAYMENT => Service::Payment,
            // It takes no part in the saga.
            _ => return,
        };
        let message_type = self.interned(&message.envelope.message_type);
        self.by_order.entry(message.key).or_default().push(Step {
            id: message.envelope.id,
            cause: message.envelope.causation,
            by,
            topic: message.topic.name,
            message_type,
        });
    }

    fn interned(&mut self, message_type: &str) -> Arc<str> {
        if let Some(known) = self.types.get(message_type) {
            return Arc::clone(known);
        }
        let new: Arc<str> = message_type.into();
        self.types.insert(Arc::clone(&new));
        new
    }

    /// Looks for the run of every order, which keeps a processor busy.
    pub(crate) fn check(self) -> Invariant {
        let mut invariant = Invariant::new("every saga is a run of the model");
        // Most orders have had the same course as another one, and what holds of one holds of the other.
        let mut known: HashMap<Vec<Recorded<'_>>, Option<String>> = HashMap::new();
        for (order, steps) in &self.by_order {
            let fault = known.entry(trace(steps)).or_insert_with_key(|trace| explain(trace).err()).clone();
            invariant.check(fault.map(|fault| format!("order {order}: {fault}")));
        }
        invariant
    }
}

/// In an order that depends on their types alone; of one topic, as they lie there.
fn trace<'a>(steps: &'a [Step]) -> Vec<Recorded<'a>> {
    let mut steps: Vec<&Step> = steps.iter().collect();
    steps.sort_by_key(|step| step.topic);
    let index = |id: Uuid| steps.iter().position(|step| step.id == id);
    let recorded = |step: &&'a Step| Recorded {
        by: step.by,
        topic: step.topic,
        name: step.message_type.rsplit('.').next().unwrap_or_default(),
        cause: step.cause.and_then(index),
    };
    steps.iter().map(recorded).collect()
}

#[cfg(test)]
mod tests {
    use bowline_contracts::envelope::Envelope;
    use bowline_contracts::topics::{INVENTORY_EVENTS, ORDERS_EVENTS, Topic};
    use chrono::DateTime;

    use super::*;

    fn message(order: u128, topic: &'static Topic, id: u128, name: &str, cause: Option<u128>) -> Message {
        let envelope = Envelope {
            id: Uuid::from_u128(id),
            source: topic.owner.to_owned(),
            message_type: format!("bowline.{}.v1.{name}", topic.owner),
            time: DateTime::UNIX_EPOCH,
            sequence: 1,
            incarnation: Uuid::nil(),
            causation: cause.map(Uuid::from_u128),
            traceparent: None,
        };
        let key = Uuid::from_u128(order);
        Message { input: (), topic, partition: 0, offset: 0, key, envelope, payload: Vec::new().into() }
    }

    /// An order for which there was no stock; `cause` is what its end came of.
    fn rejected(sagas: &mut Sagas, order: u128, cause: u128) {
        let id = |number| order * 10 + number;
        for message in [
            message(order, &INVENTORY_EVENTS, id(2), "StockRejected", Some(id(1))),
            message(order, &ORDERS_EVENTS, id(1), "OrderPlaced", Some(7_000)),
            message(order, &ORDERS_EVENTS, id(3), "OrderCancelled", Some(id(2))),
            message(order, &ORDERS_EVENTS, id(4), "OrderFinished", Some(id(cause))),
        ] {
            sagas.add(&message);
        }
    }

    #[test]
    fn each_order_is_held_against_the_model() {
        let mut sagas = Sagas::default();
        for order in 1..=3 {
            rejected(&mut sagas, order, 2);
        }
        let invariant = sagas.check();
        assert_eq!((invariant.checked, invariant.violations), (3, 0), "{:?}", invariant.examples);
    }

    #[test]
    fn an_order_that_no_run_explains_is_named() {
        let mut sagas = Sagas::default();
        rejected(&mut sagas, 1, 2);
        rejected(&mut sagas, 2, 1);
        let invariant = sagas.check();
        assert_eq!((invariant.checked, invariant.violations), (2, 1));
        assert!(invariant.examples[0].contains(&Uuid::from_u128(2).to_string()), "{:?}", invariant.examples);
    }
}
