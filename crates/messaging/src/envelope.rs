//! Envelopes in rows: the tables of the outbox and of what is parked have the same columns for them.

/// The envelope in the columns of `$row`, sent by `$source`.
macro_rules! envelope {
    ($row:ident, $source:expr) => {
        bowline_contracts::envelope::Envelope {
            id: $row.id,
            source: $source,
            message_type: $row.message_type,
            time: $row.happened_at,
            sequence: $row.sequence,
            incarnation: $row.incarnation,
            causation: $row.causation,
            traceparent: $row.traceparent,
        }
    };
}

pub(crate) use envelope;
