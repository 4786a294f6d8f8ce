//! Lanes, and what a consumer makes of what it is handed.

use super::message::Message;
use super::world::Service;

/// One consumer's view of one topic. The consumers of a topic move independently. The original of what is listed here is
/// `wiring` in `services/*/src/bootstrap.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// `orders.events.v1`, heard by inventory.
    OrdersToInventory,
    /// `orders.events.v1`, heard by payment.
    OrdersToPayment,
    /// `inventory.commands.v1`.
    InventoryCommands,
    /// `payment.commands.v1`.
    PaymentCommands,
    /// `inventory.events.v1`, heard by orders.
    InventoryToOrders,
    /// `inventory.events.v1`, heard by payment.
    InventoryToPayment,
    /// `payment.events.v1`, heard by orders.
    PaymentToOrders,
}

impl Lane {
    pub(crate) const ALL: [Self; 7] = [
        Self::OrdersToInventory,
        Self::OrdersToPayment,
        Self::InventoryCommands,
        Self::PaymentCommands,
        Self::InventoryToOrders,
        Self::InventoryToPayment,
        Self::PaymentToOrders,
    ];

    pub(crate) const fn consumer(self) -> Service {
        match self {
            Self::OrdersToInventory | Self::InventoryCommands => Service::Inventory,
            Self::OrdersToPayment | Self::PaymentCommands | Self::InventoryToPayment => Service::Payment,
            Self::InventoryToOrders | Self::PaymentToOrders => Service::Orders,
        }
    }
}

/// What was published on a lane, and how far its consumer has applied it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Inbox {
    published: Vec<Message>,
    watermark: u8,
}

/// What a consumer does with what it is handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// A duplicate.
    Drop,
    /// The next one.
    Apply,
    /// Something before it is missing.
    Hold,
}

impl Inbox {
    pub(crate) fn publish(&mut self, message: Message) {
        self.published.push(message);
    }

    pub(crate) fn watermark(&self) -> u8 {
        self.watermark
    }

    /// Sequences begin with 1.
    pub(crate) fn message(&self, sequence: u8) -> Option<&Message> {
        self.published.get(usize::from(sequence).checked_sub(1)?)
    }

    pub(crate) fn admission(&self, sequence: u8) -> Admission {
        if sequence <= self.watermark {
            Admission::Drop
        } else if sequence == self.watermark + 1 {
            Admission::Apply
        } else {
            Admission::Hold
        }
    }

    /// The sequence that is applied next, if it has been published.
    pub(crate) fn next(&self) -> Option<u8> {
        let next = self.watermark + 1;
        self.message(next).map(|_| next)
    }

    /// How many messages were published.
    pub(crate) fn published(&self) -> usize {
        self.published.len()
    }

    /// Their sequences.
    pub(crate) fn sequences(&self) -> impl Iterator<Item = u8> + use<> {
        (1_u8..).take(self.published.len())
    }

    /// The watermark advances with the message after it; what is applied again or too early does not move it.
    pub(crate) fn applied(&mut self, sequence: u8) {
        if sequence == self.watermark + 1 {
            self.watermark = sequence;
        }
    }

    /// Every message that was published, in order.
    pub(crate) fn messages(&self) -> &[Message] {
        &self.published
    }
}
