//! Whether the way of a step is clear: whether an answer that is owed could come, and would be known.
//!
//! The answer to an order comes from inventory or payment over that service's events, on the partition of the order.
//! The way is clear when the service says through its health that it can do its part (payment: that it and its provider
//! can), and when everything that lies on the partition is applied here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bowline_contracts::health::PROVIDER;
use bowline_contracts::topics::{INVENTORY_EVENTS, PAYMENT_EVENTS, Topic};
use bowline_messaging::Inputs;
use bowline_orders_domain::Awaited;
use url::Url;

use crate::infra::deadlines::Group;
use crate::infra::neighbour::Neighbour;

/// Looks whether the ways are clear.
#[derive(Debug, Clone)]
pub struct Ways {
    inputs: Inputs,
    inventory: Neighbour,
    payment: Neighbour,
    patience: Duration,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The groups whose way is clear.
    pub(super) clear: BTreeSet<Group>,
    /// What is in the way of the others, in words, by step.
    pub(super) obstacles: BTreeMap<Awaited, String>,
}

impl Ways {
    /// Nobody is asked before it matters. Every look takes `patience` at most.
    pub fn new(
        inputs: Inputs,
        inventory: &Url,
        payment: &Url,
        patience: Duration,
    ) -> Result<Self, tonic::transport::Error> {
        Ok(Self {
            inputs,
            inventory: Neighbour::new("inventory", inventory, &[""], patience)?,
            payment: Neighbour::new("payment", payment, &["", PROVIDER], patience)?,
            patience,
        })
    }

    /// Looks at the ways of these groups; each service is asked once.
    pub(super) async fn look(&self, groups: &[Group]) -> Seen {
        let of = |awaited| -> BTreeSet<u16> {
            groups.iter().filter(|group| group.awaited == awaited).map(|group| group.partition).collect()
        };
        let (stock, payment) = (of(Awaited::Stock), of(Awaited::Payment));
        let mut seen = Seen::default();
        let looks = tokio::join!(
            self.look_at(&self.inventory, &INVENTORY_EVENTS, &stock),
            self.look_at(&self.payment, &PAYMENT_EVENTS, &payment),
        );
        for (awaited, (clear, obstacle)) in [(Awaited::Stock, looks.0), (Awaited::Payment, looks.1)] {
            seen.clear.extend(clear.into_iter().map(|partition| Group { partition, awaited }));
            seen.obstacles.extend(obstacle.map(|obstacle| (awaited, obstacle)));
        }
        seen
    }

    async fn look_at(
        &self,
        neighbour: &Neighbour,
        topic: &'static Topic,
        partitions: &BTreeSet<u16>,
    ) -> (BTreeSet<u16>, Option<String>) {
        if partitions.is_empty() {
            return (BTreeSet::new(), None);
        }
        // The health first: what was published while it was bad is read before anything is cancelled.
        if let Some(obstacle) = neighbour.obstacle().await {
            return (BTreeSet::new(), Some(obstacle));
        }
        let clear = self.inputs.caught_up(topic, partitions, self.patience).await;
        let obstacle = (clear.len() < partitions.len())
            .then(|| format!("messages on {} are not applied yet, or kafka is away", topic.name));
        (clear, obstacle)
    }
}
