//! What a caller gets, and how it is stored for a repetition of the request.

use bowline_contracts::orders::v1;
use bowline_idempotency::{Answer, Outcome};
use bowline_kernel::OrderId;
use bowline_orders_domain::Rejection;
use serde::{Deserialize, Serialize};

/// What a caller gets.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The order after the request.
    Done(Box<v1::Order>),
    /// The request was done before.
    DoneBefore(Done),
    /// The state of the order forbids the request, now or when it came first.
    Refused(Refusal),
    /// There is no such order. Not stored: the order may come.
    NotFound,
    /// The key belongs to another request.
    KeyReused,
    /// What a deadline led to; no caller gets it.
    Expired(Expired),
}

/// What a deadline that has passed led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// The order was given up.
    Cancelled,
    /// Nothing: the order had moved on before.
    OutOfDate,
}

/// Which order a request led to, and the version that it had then: enough to answer a repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The order.
    pub order_id: OrderId,
    /// Its version after the request.
    pub version: u32,
}

/// Why a request was refused for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The reason, in upper snake case.
    pub reason: String,
    /// For people.
    pub message: String,
}

impl Reply {
    /// The reply to a repetition.
    pub(crate) fn stored(answer: &Answer) -> Result<Self, serde_json::Error> {
        match answer.outcome {
            Outcome::Accepted => serde_json::from_slice(&answer.bytes).map(Self::DoneBefore),
            Outcome::Refused => serde_json::from_slice(&answer.bytes).map(Self::Refused),
        }
    }
}

impl Done {
    /// As it is stored.
    pub(crate) fn answer(&self) -> Answer {
        Answer { outcome: Outcome::Accepted, bytes: json(self) }
    }
}

impl Refusal {
    /// The refusal that a rejection is for a caller.
    pub(crate) fn of(rejection: &Rejection) -> Self {
        let reason = match rejection {
            Rejection::NotFound => "ORDER_NOT_FOUND",
            Rejection::AlreadyPlaced => "ORDER_ALREADY_PLACED",
            Rejection::AlreadyConfirmed => "ORDER_ALREADY_CONFIRMED",
            Rejection::AlreadyCancelled { .. } => "ORDER_ALREADY_CANCELLED",
            Rejection::Impossible { .. } | Rejection::WrongAmount { .. } => "ORDER_STATE_FORBIDS",
        };
        Self { reason: reason.to_owned(), message: rejection.to_string() }
    }

    /// As it is stored.
    pub(crate) fn answer(&self) -> Answer {
        Answer { outcome: Outcome::Refused, bytes: json(self) }
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("strings and numbers are written without fail")
}
