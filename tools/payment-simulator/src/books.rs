//! The books in memory: every charge and every decided operation. Changed only by applying records, so that reading
//! the journal again gives the same books.

use std::collections::HashMap;

use crate::amount::Amount;
use crate::decide;
use crate::records::{ChargeId, Outcome, Reason, Record, Request};
use crate::wire::{BookEntry, BooksPage, Charge, ChargeState, Operation};

/// All charges, in the order in which they were made.
#[derive(Default)]
pub(crate) struct Books {
    entries: Vec<Entry>,
    records: Vec<Record>,
    by_key: HashMap<String, usize>,
    by_reference: HashMap<String, Vec<ChargeId>>,
}

/// One charge.
pub(crate) struct Entry {
    pub(crate) merchant_reference: String,
    pub(crate) token: String,
    pub(crate) asked: Amount,
    pub(crate) refusal: Option<Reason>,
    pub(crate) settled: u64,
    pub(crate) released: u64,
    /// A settlement was refused by rule; no later one is accepted.
    pub(crate) settlement_barred: bool,
    records: Vec<usize>,
}

/// What a request comes to.
pub(crate) enum Decision {
    /// Its key was used for the same request before.
    Known(Operation),
    /// To be applied, and answered once it is durable.
    New(Record),
}

/// A request that is not decided at all. Its key stays free.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("there is no charge {0}")]
    UnknownCharge(ChargeId),
    #[error("amount: the charge is in {charge}, not in {request}")]
    OtherCurrency { charge: &'static str, request: &'static str },
}

/// A record that cannot follow the ones before it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Inconsistent(&'static str);

impl Books {
    /// Decides without changing anything. `draw` is asked, with the merchant reference, whether a settlement that
    /// could be made is refused for good.
    pub(crate) fn decide(
        &self,
        key: &str,
        request: Request,
        draw: impl FnOnce(&str) -> bool,
    ) -> Result<Decision, Rejection> {
        if let Some(index) = self.by_key.get(key) {
            let known = &self.records[*index];
            return if known.request == request {
                Ok(Decision::Known(self.operation_of(known)))
            } else {
                Err(Rejection::KeyReused)
            };
        }
        let (charge, outcome) = match &request {
            Request::Hold { token, amount, .. } => {
                (ChargeId::from_index(self.entries.len()), decide::hold(token, *amount))
            }
            Request::Settle { charge_id, amount } => {
                let entry = self.entry(*charge_id).ok_or(Rejection::UnknownCharge(*charge_id))?;
                if let Some(amount) = amount.filter(|amount| !amount.same_currency(entry.asked)) {
                    return Err(Rejection::OtherCurrency {
                        charge: entry.asked.iso(),
                        request: amount.iso(),
                    });
                }
                (*charge_id, decide::settle(entry, *amount, draw(&entry.merchant_reference)))
            }
            Request::Release { charge_id } => {
                let entry = self.entry(*charge_id).ok_or(Rejection::UnknownCharge(*charge_id))?;
                (*charge_id, decide::release(entry))
            }
        };
        Ok(Decision::New(Record { idempotency_key: key.to_owned(), charge, request, outcome }))
    }

    /// Enters a record. One that does not follow from the books is refused and changes nothing.
    pub(crate) fn apply(&mut self, record: Record) -> Result<Operation, Inconsistent> {
        if self.by_key.contains_key(&record.idempotency_key) {
            return Err(Inconsistent("the idempotency key was used before"));
        }
        match &record.request {
            Request::Hold { merchant_reference, token, amount } => {
                if record.charge != ChargeId::from_index(self.entries.len()) {
                    return Err(Inconsistent("the charge is not the next one"));
                }
                self.entries.push(Entry::new(merchant_reference, token, *amount, record.outcome));
                self.by_reference.entry(merchant_reference.clone()).or_default().push(record.charge);
            }
            Request::Settle { .. } => self.entry_mut(record.charge)?.settle(record.outcome)?,
            Request::Release { .. } => self.entry_mut(record.charge)?.release(record.outcome)?,
        }
        let index = self.records.len();
        self.entries[record.charge.index()].records.push(index);
        self.by_key.insert(record.idempotency_key.clone(), index);
        let operation = self.operation_of(&record);
        self.records.push(record);
        Ok(operation)
    }

    /// The operation decided under a key.
    pub(crate) fn operation(&self, key: &str) -> Option<Operation> {
        self.by_key.get(key).map(|index| self.operation_of(&self.records[*index]))
    }

    /// A charge as it stands.
    pub(crate) fn charge(&self, id: ChargeId) -> Option<Charge> {
        self.entry(id).map(|entry| entry.charge(id))
    }

    /// The charges of a merchant reference, oldest first.
    pub(crate) fn charges_of(&self, merchant_reference: &str) -> Vec<Charge> {
        let ids = self.by_reference.get(merchant_reference).map(Vec::as_slice).unwrap_or_default();
        ids.iter().filter_map(|id| self.charge(*id)).collect()
    }

    /// At most `limit` charges that were made after `after`.
    pub(crate) fn page(&self, after: Option<ChargeId>, limit: usize) -> BooksPage {
        let start = after.map_or(0, |id| id.index().saturating_add(1)).min(self.entries.len());
        let end = start.saturating_add(limit).min(self.entries.len());
        let entries = (start..end).map(|index| self.book_entry(index)).collect();
        let next_after = (start < end && end < self.entries.len()).then(|| ChargeId::from_index(end - 1));
        BooksPage { entries, next_after }
    }

    /// How many charges there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn book_entry(&self, index: usize) -> BookEntry {
        let entry = &self.entries[index];
        let operations =
            entry.records.iter().map(|record| self.operation_of(&self.records[*record])).collect();
        BookEntry { charge: entry.charge(ChargeId::from_index(index)), operations }
    }

    fn operation_of(&self, record: &Record) -> Operation {
        Operation::new(record, &self.entries[record.charge.index()].merchant_reference)
    }

    fn entry(&self, id: ChargeId) -> Option<&Entry> {
        self.entries.get(id.index())
    }

    fn entry_mut(&mut self, id: ChargeId) -> Result<&mut Entry, Inconsistent> {
        self.entries.get_mut(id.index()).ok_or(Inconsistent("there is no such charge"))
    }
}

impl Entry {
    fn new(merchant_reference: &str, token: &str, asked: Amount, outcome: Outcome) -> Self {
        let refusal = match outcome {
            Outcome::Done { .. } => None,
            Outcome::Refused { reason, .. } => Some(reason),
        };
        Self {
            merchant_reference: merchant_reference.to_owned(),
            token: token.to_owned(),
            asked,
            refusal,
            settled: 0,
            released: 0,
            settlement_barred: false,
            records: Vec::new(),
        }
    }

    /// What is still on hold.
    pub(crate) fn outstanding(&self) -> Amount {
        self.asked.with_minor(self.held() - self.settled - self.released)
    }

    fn held(&self) -> u64 {
        if self.refusal.is_some() { 0 } else { self.asked.minor() }
    }

    fn settle(&mut self, outcome: Outcome) -> Result<(), Inconsistent> {
        match outcome {
            Outcome::Done { amount } => self.settled += self.within_outstanding(amount)?,
            Outcome::Refused { reason: Reason::SettlementRefused, .. } => self.settlement_barred = true,
            Outcome::Refused { .. } => {}
        }
        Ok(())
    }

    fn release(&mut self, outcome: Outcome) -> Result<(), Inconsistent> {
        if let Outcome::Done { amount } = outcome {
            self.released += self.within_outstanding(amount)?;
        }
        Ok(())
    }

    fn within_outstanding(&self, amount: Amount) -> Result<u64, Inconsistent> {
        let fits = amount.same_currency(self.asked) && amount.minor() <= self.outstanding().minor();
        if fits { Ok(amount.minor()) } else { Err(Inconsistent("the amount is more than the charge holds")) }
    }

    fn state(&self) -> ChargeState {
        if self.refusal.is_some() {
            ChargeState::Refused
        } else if self.outstanding().minor() > 0 {
            ChargeState::Held
        } else if self.settled > 0 {
            ChargeState::Settled
        } else {
            ChargeState::Released
        }
    }

    fn charge(&self, id: ChargeId) -> Charge {
        Charge {
            id,
            merchant_reference: self.merchant_reference.clone(),
            state: self.state(),
            reason: self.refusal,
            asked: self.asked,
            held: self.asked.with_minor(self.held()),
            settled: self.asked.with_minor(self.settled),
            released: self.asked.with_minor(self.released),
            outstanding: self.outstanding(),
        }
    }
}

#[cfg(test)]
mod tests;
