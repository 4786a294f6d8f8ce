//! Commands: how callers hand them to the executor, and what they get.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};

/// Why a command got no reply. Whether it took effect is unknown in every case but [`CommandError::Busy`]: try again
/// with the same idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Too many commands are waiting.
    #[error("too many requests are waiting")]
    Busy,
    /// The database is away, or the process is stopping.
    #[error("the database is away or the service is stopping")]
    Unavailable,
    /// Another process was in the way for too long.
    #[error("another request with the same key is being worked on")]
    Conflict,
    /// The program or the data is wrong; it has been logged.
    #[error("the command could not be executed")]
    Failed,
}

/// A command with the place for its reply.
#[derive(Debug)]
pub(crate) struct Call<C, R> {
    pub(crate) command: C,
    pub(crate) reply: oneshot::Sender<Result<R, CommandError>>,
}

/// Where the reply to a command comes; closed without one when the executor is gone.
pub type Answer<R> = oneshot::Receiver<Result<R, CommandError>>;

/// Counts the batches in which an executor has begun to work on commands: those that are handed over while it shows the
/// same number go together. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<AtomicU64>);

impl Turns {
    /// The number of such batches so far.
    pub fn so_far(&self) -> u64 {
        // Nothing is read by it but the number itself.
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn next(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Hands commands to the executor.
#[derive(Debug)]
pub struct Commands<C, R> {
    calls: mpsc::Sender<Call<C, R>>,
    turns: Turns,
}

impl<C, R> Clone for Commands<C, R> {
    fn clone(&self) -> Self {
        Self { calls: self.calls.clone(), turns: self.turns.clone() }
    }
}

impl<C, R> Commands<C, R> {
    pub(crate) fn new(waiting_max: usize) -> (Self, mpsc::Receiver<Call<C, R>>) {
        let (calls, receiver) = mpsc::channel(waiting_max);
        (Self { calls, turns: Turns::default() }, receiver)
    }

    /// Which commands go together.
    pub fn turns(&self) -> &Turns {
        &self.turns
    }

    /// Executes a command in the next batch and waits for the commit. A caller that goes away before its batch begins
    /// takes the command with it.
    pub async fn execute(&self, command: C) -> Result<R, CommandError> {
        self.submit(command)?.await.unwrap_or(Err(CommandError::Unavailable))
    }

    /// Has a command executed in the next batch; the receiver gets its reply.
    pub(crate) fn submit(&self, command: C) -> Result<Answer<R>, CommandError> {
        let (reply, answer) = oneshot::channel();
        self.calls.try_send(Call { command, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CommandError::Busy,
            mpsc::error::TrySendError::Closed(_) => CommandError::Unavailable,
        })?;
        Ok(answer)
    }

    /// As [`Commands::execute`], but waits for a place instead of being told to come again; for a service's own
    /// workers, whose number is limited anyway.
    pub async fn execute_patiently(&self, command: C) -> Result<R, CommandError> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(Call { command, reply }).await.map_err(|_| CommandError::Unavailable)?;
        answer.await.unwrap_or(Err(CommandError::Unavailable))
    }
}
