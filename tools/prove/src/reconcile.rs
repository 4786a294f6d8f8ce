//! Reconciliation: orders, reservations, payments and the provider's books are compared while traffic flows.
//!
//! **How it is free of false alarms.** An order is compared once it is at rest: finished, and nothing of it changed for a
//! while. What finishes an order are the answers of inventory and payment, so whoever reads the order first and the others
//! afterwards finds all that the order's end rests on. What differs is looked at again, and counts only if it differs in the
//! same way, nothing of the order has moved in between, and every consumer has applied what its lanes held at the look
//! before. What keeps moving, or waits behind a lane that does not, is *unsettled*: counted, and compared in a later round.
//!
//! **What it costs.** Everything is read in pages by key, so memory does not grow with the books. Each order with a payment
//! costs one question to the provider.

mod difference;
mod reading;
mod sight;
mod sweep;

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use serde::Serialize;
use uuid::Uuid;

pub use self::difference::{Difference, Kind};
use self::reading::{Ask, Books};
use self::sight::Sight;
use self::sweep::Sweep;
use crate::access::Access;
use crate::{Error, lanes};

/// How a reconciliation goes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReconcileOptions {
    /// How long nothing of an order must have changed before it is compared.
    pub grace: Duration,
    /// How long to wait before what differs is looked at again.
    pub confirm_after: Duration,
    /// How often what differs is looked at again before it is left for a later round.
    pub confirm_looks_max: u32,
    /// How many orders are read at once.
    pub page: u16,
    /// The most questions to the provider at once.
    pub provider_questions_max: usize,
    /// The most orders that are looked at again in one round; what is beyond it is left for a later one.
    pub suspects_max: usize,
}

impl Default for ReconcileOptions {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(30),
            confirm_after: Duration::from_secs(2),
            confirm_looks_max: 10,
            page: 500,
            provider_questions_max: 8,
            suspects_max: 10_000,
        }
    }
}

/// What one round has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// Orders at rest, compared with everything that the others say of them.
    pub compared: u64,
    /// Orders that are not at rest, and are compared in a later round.
    pub open: u64,
    /// Orders that differed, but kept moving or waited behind a lane, or were too many: they are compared in a later round.
    pub unsettled: u64,
    /// What differs for good, by order.
    pub differences: Vec<Difference>,
}

/// Compares the books, a round at a time.
#[derive(Debug)]
pub struct Reconciler {
    books: Books,
    options: ReconcileOptions,
}

impl Reconciler {
    /// Connects lazily: what is away is met by the first round.
    pub fn new(access: &Access, options: ReconcileOptions) -> Result<Self, Error> {
        Ok(Self { books: Books::open(access, &options)?, options })
    }

    /// Compares everything once. A difference is no error.
    pub async fn round(&self) -> Result<Reconciled, Error> {
        let Sweep { mut reconciled, mut suspects, .. } = Sweep::of(&self.books, &self.options).await?;
        for _ in 0..self.options.confirm_looks_max {
            if suspects.is_empty() {
                break;
            }
            // What lay in the lanes when the suspects were seen lies below these heads.
            let heads = lanes::Heads::read(&self.books.databases).await?;
            tokio::time::sleep(self.options.confirm_after).await;
            let behind = lanes::behind(&self.books.databases, &heads).await?;
            let level = |reference: &str| partition_of(reference).is_none_or(|of| !behind.contains(&of));
            suspects = self.look_again(suspects, level, &mut reconciled).await?;
        }
        reconciled.unsettled += suspects.len() as u64;
        reconciled.differences.sort_by(|one, other| one.reference.cmp(&other.reference));
        Ok(reconciled)
    }

    /// Returns what is still not known: what has moved, and what waits behind a lane.
    async fn look_again(
        &self,
        suspects: BTreeMap<String, Sight>,
        level: impl Fn(&str) -> bool,
        reconciled: &mut Reconciled,
    ) -> Result<BTreeMap<String, Sight>, Error> {
        let mut open = BTreeMap::new();
        let references: Vec<String> = suspects.keys().cloned().collect();
        for references in references.chunks(self.options.page.into()) {
            for (reference, sight) in self.books.see(references, Ask::All).await? {
                let findings = sight.findings();
                if findings.is_empty() {
                    continue;
                }
                if suspects.get(&reference) == Some(&sight) && level(&reference) {
                    let parked = self.books.parked(&reference).await?;
                    let differs = findings.into_iter().map(|finding| finding.of(&reference, &sight, &parked));
                    reconciled.differences.extend(differs);
                } else {
                    open.insert(reference, sight);
                }
            }
        }
        Ok(open)
    }
}

/// The partition of an order; what is no order has none.
fn partition_of(reference: &str) -> Option<i16> {
    let order = Uuid::try_parse(reference).ok()?;
    Some(partition::of_key(order, PARTITIONS).cast_signed())
}
