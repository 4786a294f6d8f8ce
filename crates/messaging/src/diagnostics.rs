//! What librdkafka has to say, at the level it deserves: brokers come and go, and nobody has to get up for it.

use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Hears the diagnostics of one client, and says once that the brokers are away and once that they are back.
#[derive(Debug)]
pub(crate) struct Diagnostics {
    client: &'static str,
    away: AtomicBool,
}

impl Diagnostics {
    pub(crate) fn of(client: &'static str) -> Self {
        Self { client, away: AtomicBool::new(false) }
    }

    /// For a client that takes the place of another.
    pub(crate) fn following(before: &Self) -> Self {
        Self { client: before.client, away: AtomicBool::new(before.away.load(Ordering::Relaxed)) }
    }

    /// A broker has answered.
    pub(crate) fn answered(&self) {
        if self.away.load(Ordering::Relaxed) && self.away.swap(false, Ordering::Relaxed) {
            tracing::info!(client = self.client, "kafka is back");
        }
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
        let all_down = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        if all_down && !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!(client = self.client, reason, "kafka is away");
        } else {
            tracing::debug!(client = self.client, %error, reason, "librdkafka");
        }
    }
}

impl ConsumerContext for Diagnostics {}
