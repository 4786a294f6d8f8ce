//! From the executor to the worker, without ever holding the executor up.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

use crate::app::intent::Intent;

/// How many batches may wait for the worker before it has to read them from the table.
const BATCHES_WAITING_MAX: usize = 256;

/// Hands over operations that were opened by a commit.
#[derive(Debug, Clone)]
pub struct IntentSender {
    batches: mpsc::Sender<Vec<Intent>>,
    missed: Arc<Notify>,
}

/// The worker's end.
#[derive(Debug)]
pub struct IntentReceiver {
    batches: mpsc::Receiver<Vec<Intent>>,
    missed: Arc<Notify>,
}

/// What the worker finds at its end.
#[derive(Debug)]
pub(super) enum Handover {
    /// Operations that were opened.
    Opened(Vec<Intent>),
    /// Some operations did not fit: they are in the table.
    Missed,
}

/// Both ends of a bounded channel.
pub fn intents() -> (IntentSender, IntentReceiver) {
    let (sender, receiver) = mpsc::channel(BATCHES_WAITING_MAX);
    let missed = Arc::new(Notify::new());
    (
        IntentSender { batches: sender, missed: Arc::clone(&missed) },
        IntentReceiver { batches: receiver, missed },
    )
}

impl IntentSender {
    /// Hands over what was opened, after the commit that stored it is confirmed. Never waits: what does not fit is read
    /// from the table.
    pub fn offer(&self, opened: Vec<Intent>) {
        if !opened.is_empty() && self.batches.try_send(opened).is_err() {
            self.missed.notify_one();
        }
    }
}

impl IntentReceiver {
    /// What has been handed over so far; what did not fit is not among it.
    pub fn waiting(&mut self) -> Vec<Intent> {
        std::iter::from_fn(|| self.batches.try_recv().ok()).flatten().collect()
    }

    /// Waits for the next handover. A sender that is gone sends nothing more, which is no reason to end.
    pub(super) async fn next(&mut self) -> Handover {
        tokio::select! {
            biased;
            () = self.missed.notified() => Handover::Missed,
            Some(opened) = self.batches.recv() => Handover::Opened(opened),
            else => std::future::pending().await,
        }
    }
}
