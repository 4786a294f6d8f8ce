//! A replica that can stand still as a whole, as a process does that is paused or starved.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use bowline_messaging::{Batch, Commands, ExecuteError, Executed, Handler, KafkaOptions, LaneOptions, Owned};
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::ledger::{Ask, Ledger, Script};
use crate::stage::{PATIENCE, Service};

/// A replica on a thread and a runtime of its own. While the thread stands still, so do executor, relay and heartbeat.
pub(crate) struct Process {
    commands: Commands<Ask, i64>,
    owned: watch::Receiver<Owned>,
    stall: Arc<AtomicBool>,
    stalled: watch::Receiver<bool>,
    resume: mpsc::Sender<()>,
    end: oneshot::Sender<()>,
    tasks: JoinSet<()>,
}

impl Process {
    pub(crate) async fn start(service: &Arc<Service>, kafka: &KafkaOptions, lanes: LaneOptions) -> Self {
        let (stall, (stalls, stalled)) = (Arc::new(AtomicBool::new(false)), watch::channel(false));
        let (resume, resumed) = mpsc::channel();
        let (start, started) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let (service, kafka, told) = (Arc::clone(service), kafka.clone(), Arc::clone(&stall));
        let mut tasks = JoinSet::new();
        tasks.spawn_blocking(move || {
            Builder::new_current_thread().enable_all().build().unwrap().block_on(async move {
                let registered = service.register(&kafka, lanes).await;
                let topic = service.wiring().sends[0];
                let ledger =
                    Ledger::new(registered.database(), registered.outbox(), topic, Script::default());
                let node = registered.start(Stalling { ledger, told, stalls, resumed }).unwrap();
                start.send((node.commands(), node.owned())).unwrap();
                // A test that has failed ends it without a word.
                if ended.await.is_ok() {
                    node.drain(PATIENCE).await;
                }
            });
        });
        let (commands, owned) = started.await.unwrap();
        Self { commands, owned, stall, stalled, resume, end, tasks }
    }

    /// Waits until so many partitions are owned, and returns one of them.
    pub(crate) async fn owns(&mut self, count: usize) -> u16 {
        let owned = self.owned.wait_for(|owned| owned.len() == count);
        *tokio::time::timeout(PATIENCE, owned).await.unwrap().unwrap().keys().next().unwrap()
    }

    /// Executes a command and returns its reply.
    pub(crate) async fn execute(&self, ask: Ask) -> i64 {
        self.commands.execute(ask).await.unwrap()
    }

    /// Executes a command and stands still behind its commit: nothing of it is published, no lease is renewed.
    pub(crate) async fn stall_behind(&mut self, ask: Ask) {
        self.stall.store(true, Ordering::SeqCst);
        let commands = self.commands.clone();
        self.tasks.spawn(async move {
            commands.execute(ask).await.unwrap();
        });
        let stalled = self.stalled.wait_for(|stalled| *stalled);
        tokio::time::timeout(PATIENCE, stalled).await.unwrap().unwrap();
    }

    /// Goes on where it stood still, knowing nothing of the time between.
    pub(crate) fn resume(&self) {
        self.resume.send(()).unwrap();
    }

    pub(crate) async fn drain(self) {
        self.end.send(()).unwrap();
        self.tasks.join_all().await;
    }
}

/// The ledger, which stands still behind a commit when told to.
struct Stalling {
    ledger: Ledger,
    told: Arc<AtomicBool>,
    stalls: watch::Sender<bool>,
    resumed: mpsc::Receiver<()>,
}

impl Handler for Stalling {
    type Command = Ask;
    type Reply = i64;

    fn concerns(&self, message_type: &str) -> bool {
        self.ledger.concerns(message_type)
    }

    async fn execute(&mut self, batch: &Batch<Ask>) -> Result<Executed<i64>, ExecuteError> {
        let executed = self.ledger.execute(batch).await?;
        if self.told.swap(false, Ordering::SeqCst) {
            self.stalls.send_replace(true);
            // Blocks the thread on purpose; a test that has failed has dropped the sender.
            let _ = self.resumed.recv();
        }
        Ok(executed)
    }

    fn discard(&mut self) {
        self.ledger.discard();
    }
}
