//! The documents that the provider answers with. They can be read as well as written, for whoever checks the books.

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::records::{ChargeId, Outcome, Reason, Record, Request};

/// Where a charge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeState {
    /// Something is still held; part of it may have been settled.
    Held,
    /// Nothing is held any more, and at least a part was settled.
    Settled,
    /// Nothing is held any more, and nothing was settled.
    Released,
    /// The hold was refused.
    Refused,
}

/// A charge as it stands now. `held` = `settled` + `released` + `outstanding`, always.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Given by the provider.
    pub id: ChargeId,
    /// Given by the merchant; several charges may carry the same one.
    pub merchant_reference: String,
    /// Where it stands.
    pub state: ChargeState,
    /// Why the hold was refused; none in any other state.
    pub reason: Option<Reason>,
    /// What the merchant asked to hold.
    pub asked: Amount,
    /// What was put on hold: all that was asked, or zero if refused.
    pub held: Amount,
    /// What was taken from the hold.
    pub settled: Amount,
    /// What was given back from the hold.
    pub released: Amount,
    /// What is still on hold.
    pub outstanding: Amount,
}

/// The charges of one merchant reference, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charges {
    /// Empty if the reference was never used.
    pub charges: Vec<Charge>,
}

/// Which kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Put an amount on hold.
    Hold,
    /// Take all or a part of what is held.
    Settle,
    /// Give back what is still held.
    Release,
}

/// How an operation was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationResult {
    /// It took effect.
    Done,
    /// It was refused for good and had no effect.
    Refused,
}

/// A decided operation. It never changes: the same key gets the same document for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The merchant's key of the write.
    pub idempotency_key: String,
    /// What was asked.
    pub kind: OperationKind,
    /// What was decided.
    pub result: OperationResult,
    /// Why it was refused; none if done.
    pub reason: Option<Reason>,
    /// The charge that was made or acted upon.
    pub charge_id: ChargeId,
    /// That charge's reference.
    pub merchant_reference: String,
    /// If done, what was put on hold, settled or released; if refused, what was asked for.
    pub amount: Amount,
}

/// A charge with all that was decided about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookEntry {
    /// The charge as it stands now.
    #[serde(flatten)]
    pub charge: Charge,
    /// Its operations, oldest first, the refused ones too.
    pub operations: Vec<Operation>,
}

/// A page of the books, oldest charge first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BooksPage {
    /// At most as many as were asked for.
    pub entries: Vec<BookEntry>,
    /// What to send as `after` for the next page; none on the last page.
    pub next_after: Option<ChargeId>,
}

impl Operation {
    pub(crate) fn new(record: &Record, merchant_reference: &str) -> Self {
        let kind = match record.request {
            Request::Hold { .. } => OperationKind::Hold,
            Request::Settle { .. } => OperationKind::Settle,
            Request::Release { .. } => OperationKind::Release,
        };
        let (result, reason, amount) = match record.outcome {
            Outcome::Done { amount } => (OperationResult::Done, None, amount),
            Outcome::Refused { amount, reason } => (OperationResult::Refused, Some(reason), amount),
        };
        Self {
            idempotency_key: record.idempotency_key.clone(),
            kind,
            result,
            reason,
            charge_id: record.charge,
            merchant_reference: merchant_reference.to_owned(),
            amount,
        }
    }
}
