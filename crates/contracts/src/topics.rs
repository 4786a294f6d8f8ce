//! The registry of topics.

/// What a topic carries, which decides how long it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TopicKind {
    /// Facts of the service that owns the topic; kept for ever, so that read models can be rebuilt.
    Events,
    /// Requests to the service that owns the topic; kept longer than any outbox.
    Commands,
}

/// A topic. All saga topics are keyed by the order id and have the same number of partitions.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Topic {
    /// The name without a deployment's namespace.
    pub name: &'static str,
    /// The service that creates it: the sender of events, the receiver of commands.
    pub owner: &'static str,
    /// What it carries.
    pub kind: TopicKind,
    /// The sources whose messages lie on it; each has a lane of its own in every partition.
    pub sources: &'static [&'static str],
    /// The number of partitions; never changes (more of them are a new version of the topic).
    pub partitions: u16,
}

/// The number of partitions of every saga topic.
pub const PARTITIONS: u16 = 8;

/// The name under which `orders` sends.
pub const ORDERS: &str = "orders";
/// The name under which `inventory` sends.
pub const INVENTORY: &str = "inventory";
/// The name under which `payment` sends.
pub const PAYMENT: &str = "payment";

/// What happened to orders.
pub static ORDERS_EVENTS: Topic = events("orders.events.v1", ORDERS, &[ORDERS]);
/// What happened to stock.
pub static INVENTORY_EVENTS: Topic = events("inventory.events.v1", INVENTORY, &[INVENTORY]);
/// What happened to payments.
pub static PAYMENT_EVENTS: Topic = events("payment.events.v1", PAYMENT, &[PAYMENT]);
/// What inventory is asked to undo.
pub static INVENTORY_COMMANDS: Topic = commands("inventory.commands.v1", INVENTORY, &[ORDERS]);
/// What payment is asked to undo.
pub static PAYMENT_COMMANDS: Topic = commands("payment.commands.v1", PAYMENT, &[ORDERS]);

/// Every topic there is.
pub static ALL: [&Topic; 5] =
    [&ORDERS_EVENTS, &INVENTORY_EVENTS, &PAYMENT_EVENTS, &INVENTORY_COMMANDS, &PAYMENT_COMMANDS];

const fn events(name: &'static str, owner: &'static str, sources: &'static [&'static str]) -> Topic {
    Topic { name, owner, kind: TopicKind::Events, sources, partitions: PARTITIONS }
}

const fn commands(name: &'static str, owner: &'static str, sources: &'static [&'static str]) -> Topic {
    Topic { name, owner, kind: TopicKind::Commands, sources, partitions: PARTITIONS }
}
