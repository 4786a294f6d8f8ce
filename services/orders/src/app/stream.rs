//! How an order is stored.

use bowline_event_store::Persistent;
use bowline_orders_domain::OrderDecider;

/// The event stream of one order, named by the order's id.
#[derive(Debug, Clone, Copy)]
pub struct OrderStream;

impl Persistent for OrderStream {
    type Decider = OrderDecider;
}
