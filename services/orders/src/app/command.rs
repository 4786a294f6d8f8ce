//! What the executor is asked to do, beside what lanes bring.

use bowline_idempotency::Request;
use bowline_kernel::OrderId;
use bowline_orders_domain::PlaceOrder;

/// What the executor is asked to do.
#[derive(Debug)]
pub enum Command {
    /// A caller asks for something.
    Call(Call),
    /// The deadline of an order has passed.
    Expire(Expiry),
}

/// What a caller asks for.
#[derive(Debug)]
pub struct Call {
    /// Its idempotency key and what it stands for.
    pub request: Request,
    /// The order; minted for a new one.
    pub order_id: OrderId,
    /// W3C trace context of the call.
    pub traceparent: Option<String>,
    /// What is to be done.
    pub action: Action,
}

/// What is to be done with an order.
#[derive(Debug)]
pub enum Action {
    /// Accept it.
    Place(Box<PlaceOrder>),
    /// Give it up, because the customer says so.
    Cancel,
}

/// A deadline that has passed. Has no idempotency key: the fence makes a repetition harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// The order.
    pub order_id: OrderId,
    /// The version of the order that the deadline was set for; with any other one it is out of date.
    pub fence: u32,
    /// W3C trace context of the event that the deadline was set with.
    pub traceparent: Option<String>,
}

impl Command {
    pub(crate) const fn order_id(&self) -> OrderId {
        match self {
            Self::Call(call) => call.order_id,
            Self::Expire(expiry) => expiry.order_id,
        }
    }

    pub(crate) fn traceparent(&self) -> Option<&str> {
        match self {
            Self::Call(call) => call.traceparent.as_deref(),
            Self::Expire(expiry) => expiry.traceparent.as_deref(),
        }
    }

    pub(crate) const fn call(&self) -> Option<&Call> {
        match self {
            Self::Call(call) => Some(call),
            Self::Expire(_) => None,
        }
    }
}
