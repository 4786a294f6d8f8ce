//! Publishes the owned lanes, in sequence: from memory what this process has just committed, from the outbox the rest.

mod lane;
mod reading;

use std::sync::Arc;
use std::time::Duration;

use bowline_database::Database;
use bowline_kernel::error_text;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::lane::Lane;
pub(crate) use self::lane::envelope;
use crate::lease::Owned;
use crate::outbox::{Outbox, Sequenced};
use crate::producer::{Broker, Producer, Progress};
use crate::{Error, LaneOptions};

/// The most messages that may be on their way to the broker; more stay in the outbox.
const UNACKNOWLEDGED_MAX: i64 = 100_000;
/// How often it is noted how far the lanes are published.
const NOTE_EVERY: Duration = Duration::from_millis(150);
/// How long a new producer waits after the last one failed, so that a topic that refuses is not asked all the time.
const REBUILD_PAUSE: Duration = Duration::from_millis(50);
/// How many hand-overs of the executor may wait; what does not fit is read from the outbox.
pub(crate) const OFFERS_WAITING_MAX: usize = 64;

/// Everything the relay needs.
pub(crate) struct RelayParts {
    pub(crate) broker: Broker,
    /// Put in front of every topic's name.
    pub(crate) namespace: String,
    pub(crate) lanes: LaneOptions,
    pub(crate) source: &'static str,
    /// For reading the outbox and its heads.
    pub(crate) database: Database,
    /// For noting what is published; need not survive a crash.
    pub(crate) notes: Database,
    pub(crate) outbox: Outbox,
    pub(crate) owned: watch::Receiver<Owned>,
    pub(crate) offers: mpsc::Receiver<Vec<Sequenced>>,
}

/// Publishes until told to stop.
pub(crate) struct Relay {
    parts: RelayParts,
    producer: Producer,
    progress: Arc<Progress>,
    lanes: Vec<Lane>,
    /// The history that is being published; unknown before the first look at the heads.
    incarnation: Option<Uuid>,
    /// Something is to be read from the outbox.
    behind: bool,
    /// The note that is being written, one at the most: what it says of which lanes.
    noting: JoinSet<Vec<(usize, i64)>>,
}

impl Relay {
    pub(crate) fn start(parts: RelayParts) -> Result<Self, Error> {
        let mut lanes: Vec<Lane> = parts
            .outbox
            .lanes()
            .map(|(id, topic, partition)| Lane::new(id, format!("{}{topic}", parts.namespace), partition))
            .collect();
        lanes.sort_unstable_by_key(|lane| lane.id);
        let producer = Producer::start(&parts.broker, &vec![0; lanes.len()])?;
        let progress = Arc::clone(producer.progress());
        Ok(Self {
            parts,
            producer,
            progress,
            lanes,
            incarnation: None,
            behind: false,
            noting: JoinSet::new(),
        })
    }

    /// Runs until `cancelled`, then publishes what is committed, within `patience` as it is then, and notes it.
    pub(crate) async fn run(mut self, cancelled: CancellationToken, patience: impl Fn() -> Duration) {
        let mut poll = ticks(self.parts.lanes.outbox_poll);
        let mut note = ticks(NOTE_EVERY);
        self.take_over().await;
        loop {
            let failure = Arc::clone(&self.progress);
            tokio::select! {
                biased;
                () = cancelled.cancelled() => break,
                () = failure.failure.notified() => self.rebuild().await,
                changed = self.parts.owned.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    self.take_over().await;
                }
                Some(noted) = self.noting.join_next() => self.end_note(noted.unwrap_or_default()),
                // Before the offers, which may come without a pause.
                _ = note.tick() => self.begin_note(),
                _ = poll.tick() => self.look().await,
                offer = self.parts.offers.recv() => match offer {
                    Some(messages) => self.publish_from_memory(messages),
                    None => break,
                },
            }
        }
        self.drain(patience()).await;
    }

    /// Hands messages to the producer that continue what it has; marks the lane as behind for the others.
    fn publish_from_memory(&mut self, messages: Vec<Sequenced>) {
        let full = self.unacknowledged() > UNACKNOWLEDGED_MAX;
        for message in messages {
            let index = self.index_of(message.lane);
            let other_history = self.incarnation != Some(message.incarnation);
            let lane = &mut self.lanes[index];
            // What another history has given a sequence is compared with nothing of this one: the next look tells.
            if !lane.owned || (message.sequence <= lane.enqueued && !other_history) {
                continue;
            }
            if full || other_history || lane.behind || message.sequence != lane.enqueued + 1 {
                lane.behind = true;
                self.behind = true;
                continue;
            }
            let envelope = envelope(self.parts.source, &message);
            let sent =
                lane.send(&self.producer, index, message.message.key, &envelope, &message.message.payload);
            self.behind |= !sent;
        }
    }

    /// Compares the heads with what was handed to the producer, and reads what is missing.
    pub(crate) async fn look(&mut self) {
        if let Err(error) = self.try_look().await {
            tracing::warn!(error = error_text(&error), "outbox cannot be read");
        }
    }

    async fn try_look(&mut self) -> Result<(), Error> {
        while let Ok(messages) = self.parts.offers.try_recv() {
            self.publish_from_memory(messages);
        }
        let (incarnation, heads) = self.heads().await?;
        let incarnation = match incarnation {
            Some(current) if !current.is_of_this_timeline => Some(self.record_history().await?),
            current => current.map(|current| current.incarnation),
        };
        self.follow_history(incarnation.or(self.incarnation)).await?;
        for (index, head) in heads {
            let lane = &mut self.lanes[index];
            lane.behind = head > lane.enqueued;
            self.behind |= lane.behind;
        }
        if self.behind {
            self.catch_up().await?;
        }
        self.announce();
        Ok(())
    }

    /// Announces the heads of lanes that have been quiet, so that a lost last message shows as well.
    fn announce(&mut self) {
        let now = Instant::now();
        for index in 0..self.lanes.len() {
            let acknowledged = self.progress.acknowledged(index);
            let lane = &mut self.lanes[index];
            if let Some(incarnation) = self.incarnation
                && lane.is_announcement_due(now, acknowledged, &self.parts.lanes)
            {
                lane.announce(&self.producer, index, self.parts.source, incarnation, now);
            }
        }
    }

    /// Follows the leases: new lanes go on behind what is noted as published.
    pub(crate) async fn take_over(&mut self) {
        let owned = self.parts.owned.borrow_and_update().clone();
        let mut gained = Vec::new();
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let owns = owned.contains_key(&lane.partition);
            if owns && !lane.owned {
                gained.push(index);
            }
            lane.owned &= owns;
        }
        if gained.is_empty() {
            return;
        }
        match self.published(&gained).await {
            Ok(published) => {
                for published in published {
                    self.lanes[published.index].take_over(published.sequence);
                    self.progress.raise(published.index, published.sequence);
                }
            }
            Err(error) => {
                tracing::warn!(error = error_text(&error), "lanes cannot be taken over yet");
                self.parts.owned.mark_changed();
                tokio::time::sleep(self.parts.lanes.outbox_poll).await;
            }
        }
    }

    /// Begins anew behind what is noted when the database continues as another history: sequences that this process has
    /// published may be given out again. With a new producer, because what the old one still acknowledges is of the
    /// history before.
    async fn follow_history(&mut self, incarnation: Option<Uuid>) -> Result<(), Error> {
        if self.incarnation == incarnation {
            return Ok(());
        }
        if let Some(before) = self.incarnation {
            tracing::warn!(%before, now = ?incarnation, "publishing goes on under another incarnation");
            let all: Vec<usize> = (0..self.lanes.len()).collect();
            let mut published = vec![0; self.lanes.len()];
            for noted in self.published(&all).await? {
                published[noted.index] = noted.sequence;
            }
            self.go_on_behind(published).await?;
            self.noting.abort_all();
            for lane in &mut self.lanes {
                lane.begin_history();
            }
        }
        self.incarnation = incarnation;
        Ok(())
    }

    /// After a failed delivery: a new producer, which goes on behind the last acknowledged message of every lane.
    async fn rebuild(&mut self) {
        if !self.progress.has_failed() {
            return;
        }
        tokio::time::sleep(REBUILD_PAUSE).await;
        self.go_on_behind_acknowledged().await;
    }

    pub(crate) async fn go_on_behind_acknowledged(&mut self) {
        let acknowledged: Vec<i64> =
            (0..self.lanes.len()).map(|index| self.progress.acknowledged(index)).collect();
        if let Err(error) = self.go_on_behind(acknowledged).await {
            tracing::error!(error = error_text(&error), "producer cannot be rebuilt");
            self.progress.failure.notify_one();
        }
    }

    /// Notes how far the owned lanes are acknowledged, and waits until it is noted.
    pub(crate) async fn note(&mut self) {
        self.begin_note();
        while let Some(noted) = self.noting.join_next().await {
            self.end_note(noted.unwrap_or_default());
        }
    }

    /// A delivery has failed: a new producer is due.
    pub(crate) fn has_failed(&self) -> bool {
        self.progress.has_failed()
    }

    /// Replaces the producer by one that goes on behind these sequences, by index of lane.
    async fn go_on_behind(&mut self, sequences: Vec<i64>) -> Result<(), Error> {
        let producer = Producer::start(&self.parts.broker, &sequences)?;
        let before = std::mem::replace(&mut self.producer, producer);
        // Dropping a producer waits for its threads.
        let _ = tokio::task::spawn_blocking(move || drop(before)).await;
        self.progress = Arc::clone(self.producer.progress());
        for (lane, sequence) in self.lanes.iter_mut().zip(sequences) {
            lane.enqueued = sequence;
            lane.behind = lane.owned;
        }
        self.behind = true;
        Ok(())
    }

    /// Publishes what is left, waits for the acknowledgements and notes them.
    async fn drain(mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            self.look().await;
            self.rebuild().await;
            let waiting = self.behind || self.unacknowledged() > 0;
            if !waiting || Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.note_by(deadline).await;
        let left = self.unacknowledged();
        if left > 0 {
            tracing::warn!(
                messages = left,
                "stopping before everything is acknowledged; the next owner publishes it"
            );
        }
        let producer = self.producer;
        let flushed = tokio::task::spawn_blocking(move || producer.flush(Duration::from_millis(100))).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::debug!("producer was not flushed");
        }
    }

    /// Notes the rest, behind what is being noted already.
    async fn note_by(&mut self, deadline: Instant) {
        let noted = async {
            // What was begun before does not say the rest.
            for _ in 0..2 {
                self.note().await;
            }
        };
        if tokio::time::timeout_at(deadline, noted).await.is_err() {
            tracing::debug!("progress was not noted in time");
        }
    }

    fn unacknowledged(&self) -> i64 {
        self.lanes
            .iter()
            .enumerate()
            .filter(|(_, lane)| lane.owned)
            .map(|(index, lane)| (lane.enqueued - self.progress.acknowledged(index)).max(0))
            .sum()
    }

    fn index_of(&self, lane: i32) -> usize {
        self.lanes
            .binary_search_by_key(&lane, |lane| lane.id)
            .expect("the outbox numbers only lanes it has registered")
    }
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(every);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
