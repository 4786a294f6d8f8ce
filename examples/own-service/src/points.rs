//! What an order is worth to its customer.

use bowline_kernel::CustomerId;

/// What one event says about the points of an order.
#[derive(Debug)]
pub struct Points {
    /// Whose they are, and how many; `OrderPlaced` tells.
    pub worth: Option<(CustomerId, i64)>,
    /// How far they have come.
    pub step: Step,
}

/// Steps are only taken forward, so of two the later one holds, in whatever order they are heard of.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// The order is placed.
    Pending = 1,
    /// It is confirmed: the points may be spent.
    Granted = 2,
    /// It was given up, before or after its confirmation.
    Withdrawn = 3,
}
