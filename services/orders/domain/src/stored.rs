//! The stored form of events. Names and forms, once stored, stay.

use bowline_kernel::stored::{DecodeError, Payload, Stored, json};

use crate::Event;

impl Event {
    /// The types under which events are stored: the names of the variants.
    pub const TYPES: &'static [&'static str] = <Self as strum::VariantNames>::VARIANTS;
}

impl Stored for Event {
    fn event_type(&self) -> &'static str {
        match self {
            Self::OrderPlaced(_) => "order_placed",
            Self::StockReservationNoted(_) => "stock_reservation_noted",
            Self::OrderConfirmed(_) => "order_confirmed",
            Self::OrderCancelled(_) => "order_cancelled",
            Self::StockCommitNoted(_) => "stock_commit_noted",
            Self::StockReleaseNoted(_) => "stock_release_noted",
            Self::StockRestockNoted(_) => "stock_restock_noted",
            Self::CaptureNoted(_) => "capture_noted",
            Self::VoidNoted(_) => "void_noted",
            Self::OrderFinished(_) => "order_finished",
        }
    }

    fn schema_version(&self) -> u16 {
        match self {
            Self::OrderPlaced(_)
            | Self::StockReservationNoted(_)
            | Self::OrderConfirmed(_)
            | Self::OrderCancelled(_)
            | Self::StockCommitNoted(_)
            | Self::StockReleaseNoted(_)
            | Self::StockRestockNoted(_)
            | Self::CaptureNoted(_)
            | Self::VoidNoted(_)
            | Self::OrderFinished(_) => 1,
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::OrderPlaced(event) => json(event),
            Self::StockReservationNoted(event) => json(event),
            Self::OrderConfirmed(event) => json(event),
            Self::OrderCancelled(event) => json(event),
            Self::StockCommitNoted(event) => json(event),
            Self::StockReleaseNoted(event) => json(event),
            Self::StockRestockNoted(event) => json(event),
            Self::CaptureNoted(event) => json(event),
            Self::VoidNoted(event) => json(event),
            Self::OrderFinished(event) => json(event),
        }
    }

    fn decode(event_type: &str, schema_version: u16, payload: &[u8]) -> Result<Self, DecodeError> {
        let payload = Payload { event_type, schema_version, json: payload };
        match (event_type, schema_version) {
            ("order_placed", 1) => payload.read(Self::OrderPlaced),
            ("stock_reservation_noted", 1) => payload.read(Self::StockReservationNoted),
            ("order_confirmed", 1) => payload.read(Self::OrderConfirmed),
            ("order_cancelled", 1) => payload.read(Self::OrderCancelled),
            ("stock_commit_noted", 1) => payload.read(Self::StockCommitNoted),
            ("stock_release_noted", 1) => payload.read(Self::StockReleaseNoted),
            ("stock_restock_noted", 1) => payload.read(Self::StockRestockNoted),
            ("capture_noted", 1) => payload.read(Self::CaptureNoted),
            ("void_noted", 1) => payload.read(Self::VoidNoted),
            ("order_finished", 1) => payload.read(Self::OrderFinished),
            _ => Err(payload.unknown()),
        }
    }
}
