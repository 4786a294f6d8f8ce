//! How the consumer of these tests and benchmarks is wired.

use bowline_contracts::topics::{INVENTORY, INVENTORY_EVENTS, ORDERS_EVENTS};
use bowline_messaging::Wiring;

/// Inventory, which hears orders. It creates what it hears as well, for tests in which nobody plays the speaker.
pub(crate) fn inventory() -> Wiring {
    Wiring {
        source: INVENTORY,
        owns: vec![&INVENTORY_EVENTS, &ORDERS_EVENTS],
        sends: vec![&INVENTORY_EVENTS],
        hears: vec![&ORDERS_EVENTS],
        derived: false,
    }
}
