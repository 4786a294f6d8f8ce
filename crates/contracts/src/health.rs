//! What a service tells through the gRPC health protocol beside the health of itself and of its gRPC services.

/// Of payment: whether it calls the payment provider. Not serving while its circuit breaker is not closed.
pub const PROVIDER: &str = "provider";
