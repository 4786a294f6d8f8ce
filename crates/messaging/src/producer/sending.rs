//! The spans of messages that are on their way to the broker, for those whose trace is sampled.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bowline_traces::{Kind, Span};

use super::Publication;
use crate::spans::{About, of_message};

/// By what librdkafka gives back with the acknowledgement.
#[derive(Debug, Default)]
pub(super) struct Sending {
    open: Mutex<HashMap<usize, Span>>,
    /// How many there are, so that an acknowledgement without any touches no lock.
    count: AtomicUsize,
}

impl Sending {
    /// The message is about to be handed over. Returns the trace context that goes with it in place of its own.
    pub(super) fn begin(&self, opaque: usize, publication: &Publication<'_>) -> Option<String> {
        let Publication { topic, partition, key, envelope, .. } = *publication;
        let span = of_message(Kind::Producer, &About { topic, partition, key: key?, envelope })?;
        let traceparent = span.traceparent().to_owned();
        let mut open = self.open();
        open.insert(opaque, span);
        self.count.store(open.len(), Ordering::Release);
        Some(traceparent)
    }

    /// The message is acknowledged, or has failed for this reason.
    pub(super) fn end(&self, opaque: usize, failed: Option<&'static str>) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut open = self.open();
        let span = open.remove(&opaque);
        self.count.store(open.len(), Ordering::Release);
        drop(open);
        if let (Some(mut span), Some(reason)) = (span, failed) {
            span.fail(reason);
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<usize, Span>> {
        // A map is whole at every moment that a panic can leave it in.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
