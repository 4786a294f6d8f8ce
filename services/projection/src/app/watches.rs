//! Who waits for changes of which order.
//!
//! One reader serves all watchers: it reads the rows that a commit of this process has touched, and every so often all
//! watched rows for what other replicas have committed. So a thousand watchers cost one statement, an order's watchers
//! see its states in one order, and a slow watcher gets the latest state instead of a queue.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bowline_database::Database;
use bowline_kernel::OrderId;
use bowline_projection_domain::OrderView;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::config::WatchSettings;
use crate::infra::order_views;
use crate::infra::row::ReadError;

/// Orders that are read in one statement.
const READ_AT_ONCE: usize = 1_000;

/// The watched orders. Clones share them.
#[derive(Debug, Clone)]
pub struct Watches {
    shared: Arc<Shared>,
}

/// One caller's watch of one order; dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    order: OrderId,
    latest: watch::Receiver<State>,
    ended: bool,
    shared: Arc<Shared>,
    _place: OwnedSemaphorePermit,
}

/// Why an order cannot be watched, or not any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwatchable {
    /// All places are taken.
    #[error("{watchers_max} callers are watching already")]
    TooMany {
        /// The number of places.
        watchers_max: usize,
    },
    /// The order could not be read: what happened to it meanwhile is not known here.
    #[error("the read model is away")]
    Away,
}

/// As last read; `None` until the order may be shown.
type State = Option<Arc<OrderView>>;

#[derive(Debug)]
struct Shared {
    reads: Database,
    settings: WatchSettings,
    places: Arc<Semaphore>,
    watched: Mutex<Watched>,
    /// Something became due.
    due: Notify,
}

#[derive(Debug, Default)]
struct Watched {
    orders: HashMap<OrderId, watch::Sender<State>>,
    /// Those of `orders` that are to be read now.
    due: HashSet<OrderId>,
}

impl Watches {
    /// Nobody watches yet; rows are read from `reads`.
    pub fn new(reads: Database, settings: WatchSettings) -> Self {
        Self {
            shared: Arc::new(Shared {
                reads,
                settings,
                places: Arc::new(Semaphore::new(settings.watchers_max)),
                watched: Mutex::default(),
                due: Notify::new(),
            }),
        }
    }

    /// Begins to watch an order, which need not be known yet. Needs [`Watches::run`].
    pub fn watch(&self, order: OrderId) -> Result<Watch, Unwatchable> {
        let too_many = Unwatchable::TooMany { watchers_max: self.shared.settings.watchers_max };
        let place = Arc::clone(&self.shared.places).try_acquire_owned().map_err(|_| too_many)?;
        let mut watched = self.shared.lock();
        let mut latest = watched.orders.entry(order).or_insert_with(|| watch::Sender::new(None)).subscribe();
        latest.mark_changed();
        watched.due.insert(order);
        drop(watched);
        self.shared.due.notify_one();
        Ok(Watch { order, latest, ended: false, shared: Arc::clone(&self.shared), _place: place })
    }

    /// These orders have changed, and the change is committed.
    pub(crate) fn committed(&self, orders: impl IntoIterator<Item = OrderId>) {
        let mut watched = self.shared.lock();
        let Watched { orders: known, due } = &mut *watched;
        if known.is_empty() {
            return;
        }
        due.extend(orders.into_iter().filter(|order| known.contains_key(order)));
        let any = !due.is_empty();
        drop(watched);
        if any {
            self.shared.due.notify_one();
        }
    }

    /// Reads what is watched until `stopping` is cancelled.
    pub async fn run(&self, stopping: CancellationToken) {
        let mut poll = tokio::time::interval(self.shared.settings.poll);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = tokio::select! {
                () = stopping.cancelled() => return,
                () = self.shared.due.notified() => self.shared.take_due(),
                _ = poll.tick() => self.shared.take_all(),
            };
            if let Err(error) = self.shared.read(&due).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "watched orders cannot be read");
                self.shared.give_up();
            }
        }
    }
}

impl Watch {
    /// The order as it is now, then as it is after every change that is noticed; `None` after its end was told.
    pub async fn next(&mut self) -> Option<Result<Arc<OrderView>, Unwatchable>> {
        if self.ended {
            return None;
        }
        loop {
            if self.latest.changed().await.is_err() {
                self.ended = true;
                return Some(Err(Unwatchable::Away));
            }
            let latest = self.latest.borrow_and_update().clone();
            if let Some(view) = latest {
                self.ended = view.finished();
                return Some(Ok(view));
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.shared.lock();
        // After a failure the order may have a new sender, with watchers of its own. This watch's receiver still counts.
        let ours = self.latest.has_changed().is_ok();
        if ours && watched.orders.get(&self.order).is_some_and(|sender| sender.receiver_count() <= 1) {
            watched.orders.remove(&self.order);
            watched.due.remove(&self.order);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().expect("nothing panics while it is locked")
    }

    fn take_due(&self) -> Vec<OrderId> {
        self.lock().due.drain().collect()
    }

    fn take_all(&self) -> Vec<OrderId> {
        let mut watched = self.lock();
        watched.due.clear();
        watched.orders.keys().copied().collect()
    }

    async fn read(&self, orders: &[OrderId]) -> Result<(), ReadError> {
        for orders in orders.chunks(READ_AT_ONCE) {
            let mut connection = self.reads.acquire().await?;
            let rows = order_views::stored(&mut connection, orders).await?;
            let watched = self.lock();
            for (order, row) in rows {
                let Some(sender) = watched.orders.get(&order) else { continue };
                let view = row.view();
                sender.send_if_modified(|latest| {
                    let changed = latest.as_deref() != view.as_ref();
                    if changed {
                        *latest = view.map(Arc::new);
                    }
                    changed
                });
            }
        }
        Ok(())
    }

    /// Ends every watch: without reading, nobody can say what they miss.
    fn give_up(&self) {
        *self.lock() = Watched::default();
    }
}
