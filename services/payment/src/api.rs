//! What callers can ask over gRPC.

mod payment_service;

pub use payment_service::PaymentApi;
