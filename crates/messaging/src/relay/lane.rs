//! One lane of the relay.

use bowline_contracts::envelope::{Envelope, HEAD_TYPE};
use bowline_kernel::error_text;
use chrono::DateTime;
use tokio::time::Instant;
use uuid::Uuid;

use crate::LaneOptions;
use crate::outbox::{LaneId, Sequenced};
use crate::producer::{Producer, Publication, Taken};

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) id: LaneId,
    pub(super) topic: String,
    pub(super) partition: u16,
    pub(super) owned: bool,
    /// The last sequence that the producer has taken.
    pub(super) enqueued: i64,
    /// The last sequence noted as published.
    pub(super) noted: i64,
    /// There is more in the outbox.
    pub(super) behind: bool,
    /// The last sequence that was reported as lacking in the outbox.
    lacking: Option<i64>,
    changed_at: Instant,
    announced: Option<(i64, Instant)>,
}

impl Lane {
    pub(super) fn new(id: LaneId, topic: String, partition: u16) -> Self {
        Self {
            id,
            topic,
            partition,
            owned: false,
            enqueued: 0,
            noted: 0,
            behind: false,
            lacking: None,
            changed_at: Instant::now(),
            announced: None,
        }
    }

    /// This process publishes the lane from now on, behind `published` and behind what its producer still has from an
    /// earlier ownership.
    pub(super) fn take_over(&mut self, published: i64) {
        self.owned = true;
        self.enqueued = self.enqueued.max(published);
        self.noted = published;
        self.behind = true;
        self.announced = None;
        self.changed_at = Instant::now();
    }

    /// The database continues as another history, in which `enqueued` is as noted there.
    pub(super) fn begin_history(&mut self) {
        self.noted = self.enqueued;
        self.announced = None;
        self.changed_at = Instant::now();
    }

    /// Gives a message to the producer; false when it did not take it, and the lane has to come back to it.
    pub(super) fn send(
        &mut self,
        producer: &Producer,
        index: usize,
        key: Uuid,
        envelope: &Envelope,
        payload: &[u8],
    ) -> bool {
        let publication = Publication {
            topic: &self.topic,
            partition: self.partition,
            lane_index: index,
            key: Some(key),
            envelope,
            payload,
        };
        let taken = match producer.send(&publication) {
            Ok(taken) => taken == Taken::Yes,
            Err(error) => {
                tracing::error!(
                    topic = self.topic,
                    error = error_text(&error),
                    "message cannot be published"
                );
                false
            }
        };
        if taken {
            self.enqueued = envelope.sequence;
            self.changed_at = Instant::now();
        }
        self.behind |= !taken;
        taken
    }

    /// The outbox does not have the next message. Said once: only a person can bring it back.
    pub(super) fn report_lack(&mut self) {
        let missing = self.enqueued + 1;
        if self.lacking.replace(missing) != Some(missing) {
            tracing::error!(
                topic = self.topic,
                partition = self.partition,
                missing,
                "the outbox lacks a message of this lane: nothing behind it is published; restore the row"
            );
        }
    }

    /// True when everything is acknowledged, the lane has been quiet for long enough, and its head has not been
    /// announced, or not for long.
    pub(super) fn is_announcement_due(&self, now: Instant, acknowledged: i64, options: &LaneOptions) -> bool {
        // A lane that has said nothing yet has nothing to announce.
        let has_sent = self.enqueued > 0;
        let quiet = now.duration_since(self.changed_at) >= options.head_announcement_after;
        let settled = self.owned && !self.behind && acknowledged == self.enqueued;
        let unannounced = self.announced.is_none_or(|(sequence, at)| {
            sequence != self.enqueued || now.duration_since(at) >= options.head_announcement_every
        });
        has_sent && settled && quiet && unannounced
    }

    /// Publishes the head: the last sequence given out, on a message that takes none. It says what the present history
    /// has, in whichever one the sequence was given.
    pub(super) fn announce(
        &mut self,
        producer: &Producer,
        index: usize,
        source: &str,
        incarnation: Uuid,
        now: Instant,
    ) {
        let envelope = Envelope {
            id: Uuid::from_u64_pair(index as u64, self.enqueued.cast_unsigned()),
            source: source.to_owned(),
            message_type: HEAD_TYPE.to_owned(),
            time: DateTime::UNIX_EPOCH,
            sequence: self.enqueued,
            incarnation,
            causation: None,
            traceparent: None,
        };
        let publication = Publication {
            topic: &self.topic,
            partition: self.partition,
            lane_index: index,
            key: None,
            envelope: &envelope,
            payload: &[],
        };
        if matches!(producer.send(&publication), Ok(Taken::Yes)) {
            self.announced = Some((self.enqueued, now));
        }
    }
}

/// The envelope of a message that has its sequence.
pub(crate) fn envelope(source: &str, sequenced: &Sequenced) -> Envelope {
    let message = &sequenced.message;
    Envelope {
        id: message.id,
        source: source.to_owned(),
        message_type: message.message_type.to_owned(),
        time: message.time,
        sequence: sequenced.sequence,
        incarnation: sequenced.incarnation,
        causation: message.causation,
        traceparent: message.traceparent.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_taken_over_again_goes_on_behind_what_is_on_its_way() {
        let mut lane = Lane::new(1, "orders.events.v1".into(), 0);
        lane.take_over(4);
        assert_eq!((lane.enqueued, lane.noted), (4, 4));
        // Given to the producer, but not yet acknowledged: it must not be noted as published.
        lane.enqueued = 9;
        lane.take_over(6);
        assert_eq!((lane.enqueued, lane.noted), (9, 6));
        // Somebody else has published beyond that meanwhile.
        lane.take_over(20);
        assert_eq!((lane.enqueued, lane.noted), (20, 20));
    }
}
