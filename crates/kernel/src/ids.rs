//! Ids that cross service borders. Each is a type of its own, so that none can be taken for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Text that is not an id of the kind expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be {expected}")]
pub struct InvalidId {
    /// What would have been right, as a clause that follows "must be".
    pub expected: &'static str,
}

/// Declares an id that is a UUID, written lower-case and hyphenated.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID.
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The UUID inside.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let malformed = InvalidId { expected: "a hyphenated UUID" };
                if text.len() != 36 {
                    return Err(malformed);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| malformed)
            }
        }
    };
}

/// Declares an id that is text of a limited length, without control characters or white space at its ends.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The longest text accepted, in characters.
            pub const MAX_CHARS: usize = $max;

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if is_plain_text(text, $max) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId {
                        expected: concat!(
                            "1 to ",
                            stringify!($max),
                            " characters without control characters or white space at the ends"
                        ),
                    })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }
    };
}

fn is_plain_text(text: &str, max_chars: usize) -> bool {
    !text.is_empty()
        && text.chars().count() <= max_chars
        && text.trim().len() == text.len()
        && !text.chars().any(char::is_control)
}

uuid_id! {
    /// An order, and everything that belongs to it in every service: its saga, its reservation, its payment.
    OrderId
}
uuid_id! {
    /// One try-until-it-works of a caller (AIP-155): the same for every repetition of the same request.
    RequestId
}
uuid_id! {
    /// An event or a command on its way, unique over all services.
    EventId
}
text_id! {
    /// A customer, in the form that the caller uses.
    CustomerId, 64
}
text_id! {
    /// A stock-keeping unit; case-sensitive, may hold spaces inside.
    Sku, 64
}
text_id! {
    /// A payment method as the payment provider named it. Never printed: it can be as good as money.
    PaymentToken, 128
}

impl fmt::Debug for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for PaymentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PaymentToken(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_id_reads_only_the_hyphenated_form() {
        let id: OrderId = "0192f0c1-7e2a-7bbb-8ccc-0123456789ab".parse().unwrap();
        assert_eq!(id.to_string(), "0192f0c1-7e2a-7bbb-8ccc-0123456789ab");
        for malformed in ["", "0192f0c17e2a7bbb8ccc0123456789ab", "0192f0c1-7e2a-7bbb-8ccc-0123456789aX"] {
            assert!(malformed.parse::<OrderId>().is_err(), "{malformed:?} must be refused");
        }
    }

    #[test]
    fn a_sku_keeps_case_and_inner_spaces() {
        let sku: Sku = "gift 0001 a".parse().unwrap();
        assert_ne!(sku, "GIFT 0001 A".parse().unwrap());
        assert_eq!(sku.as_str(), "gift 0001 a");
        for malformed in ["", " a", "a ", "a\nb", &"x".repeat(65)] {
            assert!(malformed.parse::<Sku>().is_err(), "{malformed:?} must be refused");
        }
    }

    #[test]
    fn a_payment_token_does_not_show_itself() {
        let token: PaymentToken = "tok_secret".parse().unwrap();
        assert_eq!(format!("{token:?}"), "PaymentToken(***)");
        assert_eq!(serde_json::to_string(&token).unwrap(), "\"tok_secret\"");
    }

    #[test]
    fn stored_text_is_checked_when_it_is_read() {
        assert!(serde_json::from_str::<Sku>("\" padded\"").is_err());
    }
}
