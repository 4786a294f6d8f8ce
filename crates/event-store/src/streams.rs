//! The aggregates of a batch executor, kept in memory from batch to batch.

use std::collections::{BTreeSet, HashMap};
use std::marker::PhantomData;
use std::num::{NonZeroU32, NonZeroUsize};

use bowline_kernel::stored::Stored as _;
use bowline_kernel::{Decider, EventId, IdSource};
use chrono::{DateTime, Utc};
use lru::LruCache;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::replay::{Stream, replay};
use crate::snapshot::{self, Snapshot};
use crate::{Error, EventOf, Metadata, NewEvent, Persistent, RejectionOf, StateOf, append};

/// After how many events of a stream its next snapshot is taken, unless a service says otherwise.
pub const SNAPSHOT_EVERY: NonZeroU32 = NonZeroU32::new(50).expect("not zero");

/// The aggregates of one kind that a batch executor works on.
///
/// One batch lives like this: [`load`](Self::load) what its commands need, [`decide`](Self::decide) them in order,
/// [`append`](Self::append) what they led to, commit, then [`confirm`](Self::confirm) if the commit is known to have
/// succeeded, else [`discard`](Self::discard). Whoever drops a batch half-way, or is not sure, discards.
///
/// A stream is either cached or part of the running batch, never both. A batch changes its streams in place, copying
/// nothing; only a confirmed batch gives them back to the cache, so a failed one leaves nothing behind that the
/// database does not have.
///
/// The cache is right as long as nobody else writes to its partitions. The executor learns of that under the lock of
/// the partition, and says so with [`forget`](Self::forget) before it decides.
pub struct Streams<P: Persistent> {
    cached: LruCache<Uuid, Cached<StateOf<P>>>,
    /// How often each partition was forgotten; what was cached before is not used again.
    generations: HashMap<u16, u64>,
    open: HashMap<Uuid, Stream<StateOf<P>>>,
    staged: Vec<NewEvent>,
    snapshot_every: NonZeroU32,
    kind: PhantomData<fn() -> P>,
}

struct Cached<S> {
    generation: u64,
    stream: Stream<S>,
}

/// The circumstances of a decision, which its events carry as metadata.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The message or the request that is being answered.
    pub causation: Option<Uuid>,
    /// What all messages of the conversation have in common.
    pub correlation: Option<Uuid>,
    /// The W3C trace context.
    pub traceparent: Option<&'a str>,
    /// Now.
    pub recorded_at: DateTime<Utc>,
    /// Where the ids of the events come from.
    pub ids: &'a dyn IdSource,
}

/// An event that was decided and will be appended, for the caller to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided<E> {
    /// Its id; whatever is published for it carries the same.
    pub id: EventId,
    /// Its place in the stream.
    pub version: u32,
    /// What has happened.
    pub event: E,
}

impl<P: Persistent> Streams<P> {
    /// Remembers up to `capacity` streams from batch to batch, least recently used ones leave first. The streams of
    /// the running batch come on top.
    pub fn new(capacity: NonZeroUsize) -> Self {
        Self {
            cached: LruCache::new(capacity),
            generations: HashMap::new(),
            open: HashMap::new(),
            staged: Vec::new(),
            snapshot_every: SNAPSHOT_EVERY,
            kind: PhantomData,
        }
    }

    /// Takes a snapshot of a stream whenever it has grown by so many events, if streams of this kind have snapshots
    /// ([`Persistent::SNAPSHOTS`]). Reading such a stream then takes its snapshot and at most so many events.
    #[must_use]
    pub fn snapshot_every(mut self, events: NonZeroU32) -> Self {
        self.snapshot_every = events;
        self
    }

    /// Brings `streams`, each with its partition, into the running batch. What is not cached is read in one statement;
    /// what belongs to the batch already is left as it is. A stream without events is in its initial state, version 0.
    ///
    /// After an error none of the streams that had to be read belongs to the batch.
    pub async fn load(
        &mut self,
        connection: &mut PgConnection,
        streams: &[(u16, Uuid)],
    ) -> Result<(), Error> {
        let mut missing = HashMap::new();
        for &(partition, id) in streams {
            if self.open.contains_key(&id) {
                continue;
            }
            match self.take_cached(id) {
                Some(stream) => {
                    self.open.insert(id, stream);
                }
                None => {
                    missing.insert(id, Stream::initial::<P>(partition));
                }
            }
        }
        if !missing.is_empty() {
            replay::<P>(connection, &mut missing).await?;
            self.open.extend(missing);
        }
        Ok(())
    }

    /// The state of a stream, with all that the running batch has decided so far.
    ///
    /// # Panics
    /// If the stream was not loaded in this batch.
    pub fn state(&self, id: Uuid) -> &StateOf<P> {
        &self.opened(id).state
    }

    /// The version of a stream, counting what the running batch has decided so far; 0 for a stream without events.
    ///
    /// # Panics
    /// If the stream was not loaded in this batch.
    pub fn version(&self, id: Uuid) -> u32 {
        self.opened(id).version
    }

    /// Decides `command`. Its events take effect at once for the later commands of this batch, and are kept for
    /// [`append`](Self::append). A rejected command changes nothing.
    ///
    /// # Panics
    /// If the stream was not loaded in this batch.
    pub fn decide(
        &mut self,
        id: Uuid,
        command: <P::Decider as Decider>::Command,
        context: &Context<'_>,
    ) -> Result<Vec<Decided<EventOf<P>>>, RejectionOf<P>> {
        let stream = self.open.get_mut(&id).expect(NOT_LOADED);
        let events = P::Decider::decide(&stream.state, command)?;
        let mut decided = Vec::with_capacity(events.len());
        for event in events {
            stream.apply::<P>(&event);
            let event_id = EventId::new(context.ids.next_id());
            self.staged.push(NewEvent {
                stream_id: id,
                version: stream.version,
                event_type: event.event_type(),
                schema_version: event.schema_version(),
                payload: event.encode(),
                metadata: context.metadata(event_id),
                recorded_at: context.recorded_at,
            });
            decided.push(Decided { id: event_id, version: stream.version, event });
        }
        Ok(decided)
    }

    /// Writes all events that were decided since the last call, of all streams, in one statement, and in a second one
    /// the snapshots that have come due, if any.
    pub async fn append(&mut self, connection: &mut PgConnection) -> Result<(), Error> {
        append(connection, &self.staged).await?;
        snapshot::write(connection, &self.due_snapshots()).await?;
        self.staged.clear();
        Ok(())
    }

    /// Of the streams that have crossed a multiple of the interval with the events to append, in order of stream.
    fn due_snapshots(&self) -> Vec<Snapshot> {
        let Some(form) = P::SNAPSHOTS else { return Vec::new() };
        let crosses = |event: &&NewEvent| event.version.is_multiple_of(self.snapshot_every.get());
        let due: BTreeSet<Uuid> = self.staged.iter().filter(crosses).map(|event| event.stream_id).collect();
        due.into_iter()
            .map(|id| {
                let stream = self.opened(id);
                form.take(id, stream.version, &stream.state)
            })
            .collect()
    }

    /// Ends the batch after its commit has succeeded: its streams go to the cache.
    ///
    /// # Panics
    /// If there are events that were decided and not appended: the commit did not hold them.
    pub fn confirm(&mut self) {
        assert!(self.staged.is_empty(), "events are appended before their batch is confirmed");
        for (id, stream) in self.open.drain() {
            // Ids that nobody has ever used must not push out streams that exist.
            if stream.version > 0 {
                let generation = generation(&self.generations, stream.partition);
                self.cached.put(id, Cached { generation, stream });
            }
        }
    }

    /// Ends the batch after it failed, or when nobody knows whether it was committed: its events are dropped, and all
    /// its streams are read again when they are next needed. Harmless between batches.
    pub fn discard(&mut self) {
        self.staged.clear();
        self.open.clear();
    }

    /// Drops every stream of `partition`, those loaded in the running batch included: another process has written
    /// there. Load them again, under the lock of the partition.
    ///
    /// Takes the same time however many are cached: they are no longer used from here on, and leave the memory as
    /// others take their place.
    ///
    /// # Panics
    /// If the running batch has decided events for the partition: they were decided from what was no longer so.
    pub fn forget(&mut self, partition: u16) {
        *self.generations.entry(partition).or_default() += 1;
        let open = &mut self.open;
        let decided = self
            .staged
            .iter()
            .any(|event| open.get(&event.stream_id).is_some_and(|s| s.partition == partition));
        assert!(!decided, "a partition is compared before anything is decided in it");
        open.retain(|_, stream| stream.partition != partition);
    }

    fn opened(&self, id: Uuid) -> &Stream<StateOf<P>> {
        self.open.get(&id).expect(NOT_LOADED)
    }

    fn take_cached(&mut self, id: Uuid) -> Option<Stream<StateOf<P>>> {
        let Cached { generation: cached_in, stream } = self.cached.pop(&id)?;
        (cached_in == generation(&self.generations, stream.partition)).then_some(stream)
    }
}

const NOT_LOADED: &str = "a stream is loaded in the batch that uses it";

fn generation(generations: &HashMap<u16, u64>, partition: u16) -> u64 {
    generations.get(&partition).copied().unwrap_or_default()
}

impl Context<'_> {
    fn metadata(&self, event_id: EventId) -> Metadata {
        Metadata {
            event_id,
            causation_id: self.causation,
            correlation_id: self.correlation,
            traceparent: self.traceparent.map(str::to_owned),
        }
    }
}
