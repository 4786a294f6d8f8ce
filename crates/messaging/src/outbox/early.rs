//! An outbox that publishes in front of the commit: for a proof that such an outbox is found out.

use std::sync::Arc;
use std::time::Duration;

use bowline_kernel::error_text;

use super::Sequenced;
use crate::producer::{Broker, Producer, Publication};
use crate::relay::envelope;
use crate::{Error, KafkaOptions};

/// How long the transaction waits for the broker.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(1);

/// Where messages go before their transaction commits, if it does.
#[derive(Clone)]
pub(super) struct Early {
    producer: Arc<Producer>,
    source: &'static str,
    namespace: String,
}

impl std::fmt::Debug for Early {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Early").finish_non_exhaustive()
    }
}

impl Early {
    pub(super) fn start(source: &'static str, kafka: &KafkaOptions) -> Result<Self, Error> {
        // Nobody asks it how far a lane is acknowledged: one index does for all.
        let producer = Producer::start(&Broker::Kafka(kafka.clone()), &[0])?;
        Ok(Self { producer: Arc::new(producer), source, namespace: kafka.namespace.clone() })
    }

    /// Returns when the broker has the messages: whatever befalls the transaction now comes too late for them.
    pub(super) async fn publish(&self, messages: &[Sequenced]) {
        for message in messages {
            let publication = Publication {
                topic: &format!("{}{}", self.namespace, message.message.topic.name),
                partition: message.message.partition,
                lane_index: 0,
                key: Some(message.message.key),
                envelope: &envelope(self.source, message),
                payload: &message.message.payload,
            };
            if let Err(error) = self.producer.send(&publication) {
                tracing::warn!(error = error_text(&error), "message cannot be published early");
            }
        }
        let producer = Arc::clone(&self.producer);
        let flushed = tokio::task::spawn_blocking(move || producer.flush(ACKNOWLEDGED_WITHIN)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("messages that were published early are not acknowledged");
        }
    }
}
