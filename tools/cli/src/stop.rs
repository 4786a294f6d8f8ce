//! Ctrl-C and SIGTERM: the first ends the command in order, the second at once.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The user wants the command to end.
#[derive(Debug, thiserror::Error)]
#[error("stopped on request before it was done")]
pub(crate) struct Stopped;

/// Whether the command is to end.
#[derive(Debug, Clone)]
pub(crate) struct Stop(CancellationToken);

impl Stop {
    /// Listens for signals from here on. Must be called within a runtime.
    pub(crate) fn on_signals() -> anyhow::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let token = CancellationToken::new();
        let stop = Self(token.clone());
        // It lives as long as the runtime; nobody waits for it.
        TaskTracker::new().spawn(async move {
            let mut heard =
                async || tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} };
            heard().await;
            token.cancel();
            heard().await;
            crate::screen::say("stopping at once; the guardian process stops what is left");
            std::process::exit(1);
        });
        Ok(stop)
    }

    /// For tests, which are not stopped from outside.
    #[cfg(test)]
    pub(crate) fn never() -> Self {
        Self(CancellationToken::new())
    }

    /// What a signal does.
    pub(crate) fn now(&self) {
        self.0.cancel();
    }

    /// Waits until the command is to end.
    pub(crate) async fn wanted(&self) {
        self.0.cancelled().await;
    }

    /// Does `work` unless the command is to end before it is done.
    pub(crate) async fn or<T, E>(&self, work: impl Future<Output = Result<T, E>>) -> anyhow::Result<T>
    where
        anyhow::Error: From<E>,
    {
        tokio::select! {
            biased;
            () = self.wanted() => Err(Stopped.into()),
            done = work => Ok(done?),
        }
    }
}
