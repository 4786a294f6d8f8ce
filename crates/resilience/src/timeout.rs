use std::future::Future;
use std::time::Duration;

/// A call took longer than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} did not end within {} ms", limit.as_millis())]
pub struct Elapsed {
    /// What was waited for.
    pub what: &'static str,
    /// How long it might have taken.
    pub limit: Duration,
}

/// Waits for a call, but no longer than `limit`; then the call is dropped.
pub async fn within<T>(
    what: &'static str,
    limit: Duration,
    call: impl Future<Output = T>,
) -> Result<T, Elapsed> {
    tokio::time::timeout(limit, call).await.map_err(|_| Elapsed { what, limit })
}
