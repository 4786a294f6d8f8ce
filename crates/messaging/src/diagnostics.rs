//! What librdkafka has to say, at the level it deserves: brokers come and go, and nobody has to get up for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::time::Instant;

/// Hears the diagnostics of one client, and says once that the brokers are away and once that they are back.
#[derive(Debug)]
pub(crate) struct Diagnostics {
    client: &'static str,
    /// Whether `away_since` is set: asked with every message.
    away: AtomicBool,
    away_since: Mutex<Option<Instant>>,
}

impl Diagnostics {
    pub(crate) fn of(client: &'static str) -> Self {
        Self { client, away: AtomicBool::new(false), away_since: Mutex::new(None) }
    }

    /// For a client that takes the place of another.
    pub(crate) fn following(before: &Self) -> Self {
        let since = *before.away_since();
        Self { client: before.client, away: AtomicBool::new(since.is_some()), away_since: Mutex::new(since) }
    }

    /// A broker has answered.
    pub(crate) fn answered(&self) {
        if !self.away.load(Ordering::Relaxed) {
            return;
        }
        let mut since = self.away_since();
        self.away.store(false, Ordering::Relaxed);
        if since.take().is_some() {
            tracing::info!(client = self.client, "kafka is back");
        }
    }

    /// No broker answers.
    pub(crate) fn silent(&self, reason: &str) {
        let mut since = self.away_since();
        if since.is_none() {
            *since = Some(Instant::now());
            self.away.store(true, Ordering::Relaxed);
            tracing::warn!(client = self.client, reason, "kafka is away");
        }
    }

    /// For how long the brokers have been away; `None` if they are not.
    pub(crate) fn silence(&self) -> Option<Duration> {
        self.away_since().map(|since| since.elapsed())
    }

    fn away_since(&self) -> MutexGuard<'_, Option<Instant>> {
        // A time is whole at every moment.
        self.away_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Diagnostics {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(client = self.client, facility, message, "librdkafka");
            }
            // A refused connection is an error to librdkafka, which goes on trying.
            RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning
            | RDKafkaLogLevel::Notice
            | RDKafkaLogLevel::Info
            | RDKafkaLogLevel::Debug => {
                tracing::debug!(client = self.client, facility, message, "librdkafka");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(client = self.client, %error, reason, "librdkafka");
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.silent(reason);
        }
    }
}

impl ConsumerContext for Diagnostics {}
