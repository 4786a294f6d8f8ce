use std::error::Error;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use bowline_kernel::error_text;
use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::error::ServiceError;

/// The long-running tasks of a service. Clones share them.
///
/// A task runs until [`Background::stopping`] is cancelled, which happens after the drain steps, and then ends with `Ok`. If
/// it fails, panics, or ends before a drain has begun, the process ends with an error.
#[derive(Clone, Debug)]
pub struct Background {
    tracker: TaskTracker,
    draining: CancellationToken,
    stopping: CancellationToken,
    failures: mpsc::UnboundedSender<ServiceError>,
}

impl Background {
    pub(crate) fn new(draining: CancellationToken) -> (Self, mpsc::UnboundedReceiver<ServiceError>) {
        let (failures, failed) = mpsc::unbounded_channel();
        let stopping = CancellationToken::new();
        (Self { tracker: TaskTracker::new(), draining, stopping, failures }, failed)
    }

    /// Starts a task. `name` stands in the error if it fails.
    pub fn spawn<E>(&self, name: &'static str, task: impl Future<Output = Result<(), E>> + Send + 'static)
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let (draining, failures) = (self.draining.clone(), self.failures.clone());
        let watched = async move {
            let reason = match AssertUnwindSafe(task).catch_unwind().await {
                Ok(Ok(())) if draining.is_cancelled() => return,
                Ok(Ok(())) => "it ended although nobody stopped it".to_owned(),
                Ok(Err(error)) => error_text(error.into().as_ref()),
                Err(_) => "it panicked".to_owned(),
            };
            // Nobody listens any more once the service has ended, and then it does not matter.
            let _ = failures.send(ServiceError::TaskFailed { name, reason });
        };
        self.tracker.spawn(watched.in_current_span());
    }

    /// Cancelled when tasks shall end: after the last call was answered and every drain step is done.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
