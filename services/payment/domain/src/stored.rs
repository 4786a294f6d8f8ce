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
            Self::AuthorizationRequested(_) => "authorization_requested",
            Self::PaymentAuthorized(_) => "payment_authorized",
            Self::PaymentDeclined(_) => "payment_declined",
            Self::CaptureRequested(_) => "capture_requested",
            Self::PaymentCaptured(_) => "payment_captured",
            Self::CaptureFailed(_) => "capture_failed",
            Self::VoidDeferred(_) => "void_deferred",
            Self::VoidRequested(_) => "void_requested",
            Self::PaymentVoided(_) => "payment_voided",
        }
    }

    fn schema_version(&self) -> u16 {
        match self {
            Self::AuthorizationRequested(_)
            | Self::PaymentAuthorized(_)
            | Self::PaymentDeclined(_)
            | Self::CaptureRequested(_)
            | Self::PaymentCaptured(_)
            | Self::CaptureFailed(_)
            | Self::VoidDeferred(_)
            | Self::VoidRequested(_)
            | Self::PaymentVoided(_) => 1,
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::AuthorizationRequested(event) => json(event),
            Self::PaymentAuthorized(event) => json(event),
            Self::PaymentDeclined(event) => json(event),
            Self::CaptureRequested(event) => json(event),
            Self::PaymentCaptured(event) => json(event),
            Self::CaptureFailed(event) => json(event),
            Self::VoidDeferred(event) => json(event),
            Self::VoidRequested(event) => json(event),
            Self::PaymentVoided(event) => json(event),
        }
    }

    fn decode(event_type: &str, schema_version: u16, payload: &[u8]) -> Result<Self, DecodeError> {
        let payload = Payload { event_type, schema_version, json: payload };
        match (event_type, schema_version) {
            ("authorization_requested", 1) => payload.read(Self::AuthorizationRequested),
            ("payment_authorized", 1) => payload.read(Self::PaymentAuthorized),
            ("payment_declined", 1) => payload.read(Self::PaymentDeclined),
            ("capture_requested", 1) => payload.read(Self::CaptureRequested),
            ("payment_captured", 1) => payload.read(Self::PaymentCaptured),
            ("capture_failed", 1) => payload.read(Self::CaptureFailed),
            ("void_deferred", 1) => payload.read(Self::VoidDeferred),
            ("void_requested", 1) => payload.read(Self::VoidRequested),
            ("payment_voided", 1) => payload.read(Self::PaymentVoided),
            _ => Err(payload.unknown()),
        }
    }
}
