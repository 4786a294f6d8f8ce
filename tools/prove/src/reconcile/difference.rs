//! A difference, with what may have led to it and what to do.

use serde::Serialize;

use super::sight::Sight;

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A history cannot be read.
    History,
    /// The reservation is not what the order's end asks for.
    Reservation,
    /// The payment is not what the order's end asks for, or not balanced.
    Payment,
    /// The provider's books say something else than payment.
    Provider,
    /// Inventory holds something for an order that orders does not know.
    StrayReservation,
    /// Payment has money of an order that orders does not know.
    StrayPayment,
    /// The provider has money under a reference that payment does not know.
    StrayCharge,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The order, or what the provider was given as one.
    pub reference: String,
    /// What differs.
    pub kind: Kind,
    /// What each party says.
    pub says: String,
    /// What may have led to it.
    pub cause: String,
    /// What to do about it.
    pub remedy: String,
}

/// A difference before anything is known beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    kind: Kind,
    says: String,
}

impl Kind {
    /// Every kind, in the order in which people read them.
    pub const ALL: [Self; 7] = [
        Self::History,
        Self::Reservation,
        Self::Payment,
        Self::Provider,
        Self::StrayReservation,
        Self::StrayPayment,
        Self::StrayCharge,
    ];

    /// The name in metrics and JSON; never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Reservation => "reservation",
            Self::Payment => "payment",
            Self::Provider => "provider",
            Self::StrayReservation => "stray_reservation",
            Self::StrayPayment => "stray_payment",
            Self::StrayCharge => "stray_charge",
        }
    }

    const fn cause(self) -> &'static str {
        match self {
            Self::History => {
                "an event was changed or removed in the table, or written by a newer version than this tool"
            }
            Self::Reservation | Self::Payment => {
                "the service's tables were changed by hand, or restored to another moment than those of orders"
            }
            Self::Provider => {
                "somebody else has worked on the charge, payment's tables were changed or restored, or the provider \
                 does not honour idempotency keys"
            }
            Self::StrayReservation | Self::StrayPayment => {
                "orders was restored to a moment before the order, or has lost its last commits in a failover"
            }
            Self::StrayCharge => {
                "payment has lost its last commits in a failover or a restore, or somebody else charges under this account"
            }
        }
    }

    fn remedy(self, reference: &str, sight: &Sight) -> String {
        let history = format!(
            "grpcurl -plaintext -d '{{\"order_id\":\"{reference}\"}}' ORDERS bowline.orders.v1.OrdersService/GetOrderHistory"
        );
        let charges: Vec<String> = sight.charges.iter().map(|charge| charge.id.to_string()).collect();
        let charges = if charges.is_empty() { "none".to_owned() } else { charges.join(", ") };
        match self {
            Self::History => {
                format!("restore the events of stream {reference} from a backup, then run `bowline check`")
            }
            Self::Reservation => format!(
                "`{history}` says what was decided; have the goods counted, put the levels right with \
                 bowline.inventory.v1.InventoryService/AdjustStock, naming the order as the reason, and the row in \
                 inventory.reservations"
            ),
            Self::Payment => format!(
                "`{history}` says what was decided, `grpcurl -plaintext -d '{{\"order_id\":\"{reference}\"}}' PAYMENT \
                 bowline.payment.v1.PaymentService/GetPayment` what payment did; settle or release the rest at the \
                 provider (charges: {charges}) and restore payment's events from a backup"
            ),
            Self::Provider => format!(
                "at the provider (charges: {charges}): release what is held beside the payment, refund what was settled \
                 beyond it, `POST /v1/charges/CHARGE/release`; if the provider is right, restore payment's events"
            ),
            Self::StrayReservation | Self::StrayPayment => format!(
                "restore orders to a moment behind the order, or undo it: `bowline dead-letters list`, then release the \
                 stock (AdjustStock) and the money (charges: {charges}) of {reference}"
            ),
            Self::StrayCharge => format!(
                "find out whose charge it is (charges: {charges}); release or refund it if it is of a lost order, \
                 `POST /v1/charges/CHARGE/release`"
            ),
        }
    }
}

impl Finding {
    pub(super) fn new(kind: Kind, says: String) -> Self {
        Self { kind, says }
    }

    #[cfg(test)]
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// With cause and remedy. Where messages of the order are parked, that is the cause.
    pub(super) fn of(self, reference: &str, sight: &Sight, parked: &[&'static str]) -> Difference {
        let Self { kind, says } = self;
        let (cause, remedy) = if parked.is_empty() {
            (kind.cause().to_owned(), kind.remedy(reference, sight))
        } else {
            let services = parked.join(" and ");
            (
                format!("messages of this order are parked in {services}"),
                format!("bowline dead-letters list --order {reference}, then edit, retry or drop them"),
            )
        };
        Difference { reference: reference.to_owned(), kind, says, cause, remedy }
    }
}
