//! One passage over all books, in pages by key.

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;

use super::reading::{Ask, Books, Listed};
use super::sight::Sight;
use super::{ReconcileOptions, Reconciled};
use crate::Error;

/// What one passage has found.
pub(super) struct Sweep {
    pub(super) reconciled: Reconciled,
    /// What did not fit together when it was seen.
    pub(super) suspects: BTreeMap<String, Sight>,
    suspects_max: usize,
}

impl Sweep {
    /// Orders against everybody, then everybody's own books for what orders, or payment, does not know.
    pub(super) async fn of(books: &Books, options: &ReconcileOptions) -> Result<Self, Error> {
        let mut sweep = Self {
            reconciled: Reconciled::default(),
            suspects: BTreeMap::new(),
            suspects_max: options.suspects_max,
        };
        for listed in [Listed::Orders, Listed::Reservations, Listed::Payments] {
            let mut after = Uuid::nil();
            loop {
                let page = books.page(listed, after).await?;
                let Some(last) = page.last() else { break };
                after = *last;
                let page =
                    if listed == Listed::Orders { page } else { books.unknown(Listed::Orders, page).await? };
                sweep
                    .compare(books, page.into_iter().map(|id| id.to_string()).collect(), Ask::Payments)
                    .await?;
            }
        }
        let mut after = None;
        loop {
            let page = books.charges(after.as_deref()).await?;
            let mut strange: HashSet<String> = HashSet::new();
            let mut orders = Vec::new();
            for entry in &page.entries {
                let reference = &entry.charge.merchant_reference;
                match Uuid::try_parse(reference) {
                    Ok(order) => orders.push(order),
                    Err(_) => strange.extend([reference.clone()]),
                }
            }
            // Payment stores what it asks for before it asks, so a charge that is listed is known to it by now.
            strange.extend(books.unknown(Listed::Payments, orders).await?.iter().map(Uuid::to_string));
            sweep.compare(books, strange.into_iter().collect(), Ask::All).await?;
            let Some(next) = page.next_after else { break };
            after = Some(next.to_string());
        }
        Ok(sweep)
    }

    async fn compare(&mut self, books: &Books, references: Vec<String>, ask: Ask) -> Result<(), Error> {
        if references.is_empty() {
            return Ok(());
        }
        for (reference, sight) in books.see(&references, ask).await? {
            if sight.is_at_rest() {
                self.reconciled.compared += 1;
            } else if sight.order.is_some() {
                self.reconciled.open += 1;
            }
            if sight.findings().is_empty() {
                continue;
            }
            if self.suspects.len() < self.suspects_max || self.suspects.contains_key(&reference) {
                self.suspects.insert(reference, sight);
            } else {
                self.reconciled.unsettled += 1;
            }
        }
        Ok(())
    }
}
