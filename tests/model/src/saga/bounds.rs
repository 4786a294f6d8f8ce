//! How much is explored, and what is broken on purpose.

/// How much is explored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Orders placed, competing for the same SKUs; order *n*, from 1, wants *n* units of the first SKU and one of each
    /// other.
    pub orders: u8,
    /// SKUs that every order wants.
    pub skus: u8,
    /// Units of each SKU at the beginning; if `None`, every number from none to enough for all orders is tried.
    pub stock: Option<u8>,
    /// Whether deciding and committing are two steps, so that a process can die between them.
    pub transactions: bool,
    /// What is broken on purpose.
    pub defect: Option<Defect>,
}

/// A mechanism that is taken away, to see that the model notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Defect {
    /// Orders forgets the command `VoidPayment` of a cancellation.
    ForgottenVoid,
    /// Consumers apply whatever they are handed, whenever that is.
    NoWatermark,
    /// Consumers apply again what they are handed again, but keep the order of the first time.
    Repetition,
    /// The provider takes a hold that it is told again for another one.
    KeylessHold,
    /// The provider takes a capture that it is told again for another one.
    KeylessCapture,
    /// Messages are sent when they are decided, not when the decision is committed.
    SentBeforeCommit,
}

impl Default for Bounds {
    /// Two orders and stock for either of them, but not for both: the smallest world in which orders are in each other's
    /// way.
    fn default() -> Self {
        Self { orders: 2, skus: 1, stock: Some(2), transactions: false, defect: None }
    }
}

impl Bounds {
    /// One order, every stock, and processes that also die between deciding and committing.
    pub const fn one_order() -> Self {
        Self { orders: 1, skus: 1, stock: None, transactions: true, defect: None }
    }

    pub(crate) fn broken_by(self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }
}
