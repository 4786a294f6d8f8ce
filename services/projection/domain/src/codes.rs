//! The closed vocabularies of the read model, with the text under which each value is stored.

use std::fmt;
use std::str::FromStr;

/// Stored text that is no value of its vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {vocabulary}")]
pub struct UnknownCode {
    /// What the text should have been one of.
    pub vocabulary: &'static str,
    /// The text.
    pub text: String,
}

/// Declares an enum whose values are stored as text that never changes.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident, $vocabulary:literal, { $($(#[$value_doc:meta])* $value:ident = $code:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$value_doc])* $value,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$value,)+];

            /// The text under which the value is stored.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $code,)+
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownCode;

            fn from_str(text: &str) -> Result<Self, UnknownCode> {
                match text {
                    $($code => Ok(Self::$value),)+
                    _ => Err(UnknownCode { vocabulary: $vocabulary, text: text.to_owned() }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

codes! {
    /// The service that reported an event.
    Source, "source", {
        /// Orders.
        Orders = "orders",
        /// Inventory.
        Inventory = "inventory",
        /// Payment.
        Payment = "payment",
    }
}
codes! {
    /// Where an order stands. Orders alone decides it.
    OrderStatus, "order status", {
        /// Accepted; stock and payment are being arranged.
        Pending = "pending",
        /// Stock is reserved and the payment authorised.
        Confirmed = "confirmed",
        /// Given up.
        Cancelled = "cancelled",
    }
}
codes! {
    /// Why an order was cancelled.
    CancelReason, "cancel reason", {
        /// At least one line could not be reserved.
        OutOfStock = "out_of_stock",
        /// The payment provider declined the authorisation.
        PaymentDeclined = "payment_declined",
        /// The customer asked for it before confirmation.
        Customer = "customer",
        /// The provider refused the capture for good.
        CaptureFailed = "capture_failed",
        /// A deadline passed before confirmation.
        Deadline = "deadline",
    }
}
codes! {
    /// What inventory last reported for an order.
    StockStatus, "stock status", {
        /// Reserved.
        Reserved = "reserved",
        /// Not enough stock.
        Rejected = "rejected",
        /// Sold.
        Committed = "committed",
        /// Released.
        Released = "released",
        /// Put back after a failed capture.
        Restocked = "restocked",
    }
}
codes! {
    /// What payment last reported for an order.
    PaymentState, "payment state", {
        /// Authorised.
        Authorized = "authorized",
        /// Declined.
        Declined = "declined",
        /// Captured.
        Captured = "captured",
        /// The capture was refused for good.
        CaptureFailed = "capture_failed",
        /// Voided.
        Voided = "voided",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads_back<T: FromStr<Err = UnknownCode> + fmt::Display + PartialEq + fmt::Debug>(values: &[T]) {
        for value in values {
            assert_eq!(&value.to_string().parse::<T>().unwrap(), value);
        }
        assert!("".parse::<T>().is_err());
    }

    #[test]
    fn every_stored_text_reads_back() {
        reads_back(Source::ALL);
        reads_back(OrderStatus::ALL);
        reads_back(CancelReason::ALL);
        reads_back(StockStatus::ALL);
        reads_back(PaymentState::ALL);
        let unknown = "shipped".parse::<OrderStatus>().unwrap_err();
        assert_eq!(unknown.to_string(), r#""shipped" is no order status"#);
    }
}
