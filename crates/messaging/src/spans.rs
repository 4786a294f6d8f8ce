//! What the spans of messages say, by OpenTelemetry's conventions for messaging where there is one.

use bowline_contracts::envelope::Envelope;
use bowline_traces::{Kind, Span, follow};
use uuid::Uuid;

/// A message that is sent or applied.
pub(crate) struct About<'a> {
    /// Its name at the broker.
    pub(crate) topic: &'a str,
    pub(crate) partition: u16,
    pub(crate) key: Uuid,
    pub(crate) envelope: &'a Envelope,
}

/// Begins the span of sending or applying a message, if its trace is sampled. It is called by what is done and the type:
/// `send OrderPlaced`.
pub(crate) fn of_message(kind: Kind, about: &About<'_>) -> Option<Span> {
    let About { topic, partition, key, envelope } = about;
    let operation = if kind == Kind::Producer { "send" } else { "process" };
    let message_type = &envelope.message_type;
    let short = || message_type.rsplit('.').next().unwrap_or(message_type);
    let mut span = follow(envelope.traceparent.as_deref(), kind, || format!("{operation} {}", short()))?;
    span.set("messaging.system", "kafka");
    span.set("messaging.operation.name", operation);
    span.set("messaging.operation.type", operation);
    span.set("messaging.destination.name", (*topic).to_owned());
    span.set("messaging.destination.partition.id", partition.to_string());
    span.set("messaging.message.id", envelope.id.to_string());
    span.set("messaging.kafka.message.key", key.to_string());
    span.set("bowline.message_type", message_type.clone());
    span.set("bowline.source", envelope.source.clone());
    span.set("bowline.sequence", envelope.sequence);
    Some(span)
}
