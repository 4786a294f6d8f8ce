//! Keeps the books in memory and on disk in step, with group commit.
//!
//! A request is decided, applied and encoded under one lock, so the journal has the order of the decisions. A thread
//! of its own takes what has gathered, writes it and syncs it once, while the next group gathers. Nothing is answered
//! before the group that it depends on is durable; reading waits for it too, so that no one is told what a crash
//! could take back.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use tokio::sync::{oneshot, watch};

use crate::books::{Books, Decision, Rejection};
use crate::faults::SettlementLot;
use crate::journal::Journal;
use crate::records::Request;
use crate::wire::Operation;

/// The one that keeps the books.
pub(crate) struct Keeper {
    desk: Mutex<Desk>,
    work: Condvar,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeeperError {
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The journal cannot be written, or is closed. What became of the request is unknown.
    #[error("the books are closed")]
    Closed,
}

struct Desk {
    books: Books,
    gathering: Group,
    /// Tells when the last group that has anything in it is durable.
    last: Durable,
    closed: bool,
}

/// Lines that are written together.
struct Group {
    lines: Vec<u8>,
    durable: watch::Sender<bool>,
}

/// Waits for a group. A sender that is gone without having said `true` means that the group was not written.
struct Durable(watch::Receiver<bool>);

impl Keeper {
    /// Takes over books and the journal they were read from. The receiver hears how the writing ended: fine after
    /// [`Keeper::close`], or with the error after which nothing more is accepted.
    pub(crate) fn start(
        journal: Journal,
        books: Books,
    ) -> io::Result<(Arc<Self>, oneshot::Receiver<io::Result<()>>)> {
        let keeper = Arc::new(Self::new(books));
        let (ended, end) = oneshot::channel();
        let writer = Arc::clone(&keeper);
        std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
            let result = writer.write_groups(journal);
            writer.refuse_further();
            // No one listens any more if the simulator was dropped.
            ended.send(result).ok();
        })?;
        Ok((keeper, end))
    }

    /// Decides a request, once for each key, and answers when the decision is durable.
    pub(crate) async fn execute(
        &self,
        key: &str,
        request: Request,
        lot: SettlementLot,
    ) -> Result<Operation, KeeperError> {
        let (operation, durable) = self.decide(key, request, lot)?;
        durable.wait().await?;
        Ok(operation)
    }

    /// Reads the books, and answers when all that was read is durable.
    pub(crate) async fn read<T>(&self, look: impl FnOnce(&Books) -> T) -> Result<T, KeeperError> {
        let (seen, durable) = {
            let desk = self.desk();
            (look(&desk.books), desk.last.another())
        };
        durable.wait().await?;
        Ok(seen)
    }

    /// Accepts nothing more, and lets the writer end after what has gathered.
    pub(crate) fn close(&self) {
        self.desk().closed = true;
        self.work.notify_one();
    }

    fn new(books: Books) -> Self {
        let last = Durable(watch::Sender::new(true).subscribe());
        let desk = Desk { books, gathering: Group::new(), last, closed: false };
        Self { desk: Mutex::new(desk), work: Condvar::new() }
    }

    fn decide(
        &self,
        key: &str,
        request: Request,
        lot: SettlementLot,
    ) -> Result<(Operation, Durable), KeeperError> {
        let mut desk = self.desk();
        if desk.closed {
            return Err(KeeperError::Closed);
        }
        let record = match desk.books.decide(key, request, |reference| lot.falls_on(reference))? {
            Decision::Known(operation) => return Ok((operation, desk.last.another())),
            Decision::New(record) => record,
        };
        let mut line = serde_json::to_vec(&record).expect("a record is plain data");
        line.push(b'\n');
        let operation = desk.books.apply(record).expect("it was decided on these books");
        desk.gathering.lines.append(&mut line);
        desk.last = Durable(desk.gathering.durable.subscribe());
        let durable = desk.last.another();
        drop(desk);
        self.work.notify_one();
        Ok((operation, durable))
    }

    fn write_groups(&self, mut journal: Journal) -> io::Result<()> {
        while let Some(group) = self.next_group() {
            journal.append(&group.lines)?;
            group.durable.send_replace(true);
        }
        Ok(())
    }

    /// Waits for something to write; none once the books are closed and all is written.
    fn next_group(&self) -> Option<Group> {
        let idle = |desk: &mut Desk| desk.gathering.lines.is_empty() && !desk.closed;
        let mut desk = self.work.wait_while(self.desk(), idle).expect(NO_PANIC);
        (!desk.gathering.lines.is_empty()).then(|| std::mem::replace(&mut desk.gathering, Group::new()))
    }

    /// After a failed write: whoever waits for what has gathered hears that it is not durable.
    fn refuse_further(&self) {
        let mut desk = self.desk();
        desk.closed = true;
        desk.gathering = Group::new();
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().expect(NO_PANIC)
    }
}

const NO_PANIC: &str = "nothing panics while it holds the books";

impl Group {
    fn new() -> Self {
        Self { lines: Vec::new(), durable: watch::Sender::new(false) }
    }
}

impl Durable {
    fn another(&self) -> Self {
        Self(self.0.clone())
    }

    async fn wait(mut self) -> Result<(), KeeperError> {
        self.0.wait_for(|durable| *durable).await.map(|_| ()).map_err(|_| KeeperError::Closed)
    }
}

#[cfg(test)]
mod tests;
