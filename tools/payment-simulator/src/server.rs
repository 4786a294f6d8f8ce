//! A running simulator: its socket, its books, its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{self, App};
use crate::faults::FaultPlanner;
use crate::journal::{Journal, JournalError};
use crate::keeper::Keeper;
use crate::options::Options;
use crate::switches::Switches;
use crate::wire::BookEntry;

/// Why a simulator does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder of the books is not usable, in use, or holds something else.
    #[error("cannot use the books")]
    Books(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The journal could not be written. What was answered before is safe; nothing more is accepted.
    #[error("cannot write the books")]
    Journal(#[source] io::Error),
}

/// A running simulator. Dropping it stops it without waiting.
pub struct Simulator {
    address: SocketAddr,
    app: Arc<App>,
    drain_timeout: Duration,
    /// How the journal's writer ended; taken when it was heard.
    journal_end: Option<oneshot::Receiver<io::Result<()>>>,
}

impl Simulator {
    /// Opens the books, binds the address and serves on the current runtime. It answers once requests are accepted.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let (journal, books) = open(&options)?;
        let listener = TcpListener::bind(options.listen).await;
        let listener = listener.map_err(|source| Error::Listen { address: options.listen, source })?;
        let address =
            listener.local_addr().map_err(|source| Error::Listen { address: options.listen, source })?;
        tracing::info!(%address, charges = books.len(), sync = options.sync, switches = %options.switches, "serving");
        let (keeper, journal_end) = Keeper::start(journal, books).map_err(Error::Journal)?;
        let app = Arc::new(App {
            keeper,
            faults: FaultPlanner::new(options.switches),
            draining: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "nodelay not set");
            }
        });
        let draining = app.draining.clone();
        let serving = axum::serve(listener, api::router(Arc::clone(&app)))
            .with_graceful_shutdown(async move { draining.cancelled().await });
        app.tasks.spawn(serving.into_future());
        Ok(Self { address, app, drain_timeout: options.drain_timeout, journal_end: Some(journal_end) })
    }

    /// Where it listens; the real port if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a base for requests, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All charges with their operations, oldest first; only what is durable.
    pub async fn books(&self) -> Result<Vec<BookEntry>, Error> {
        let all = self.app.keeper.read(|books| books.page(None, usize::MAX).entries).await;
        all.map_err(|error| Error::Books(Box::new(error)))
    }

    /// The faults being played.
    pub fn switches(&self) -> Switches {
        Switches::clone(&self.app.faults.switches())
    }

    /// Plays other faults from the next request on.
    pub fn set_switches(&self, switches: Switches) {
        self.app.faults.set(switches);
    }

    /// Waits until it stops by itself, which it does only when the journal cannot be written.
    pub async fn failed(&mut self) -> Error {
        // Awaited in place: a caller that stops waiting leaves the end for `shutdown` to hear.
        let ended = match &mut self.journal_end {
            Some(end) => written(end.await),
            None => Err(gone()),
        };
        self.journal_end = None;
        Error::Journal(ended.err().unwrap_or_else(gone))
    }

    /// Stops accepting, answers what is under way (simulated delays are cut short) and closes the books. What is not
    /// answered within the drain timeout is cut off; its effect, if any, is in the books.
    pub async fn shutdown(mut self) -> Result<(), Error> {
        self.app.draining.cancel();
        self.app.tasks.close();
        if tokio::time::timeout(self.drain_timeout, self.app.tasks.wait()).await.is_err() {
            tracing::warn!(timeout = ?self.drain_timeout, "drain timed out, requests cut off");
        }
        self.app.keeper.close();
        match self.journal_end.take() {
            Some(end) => written(end.await).map_err(Error::Journal)?,
            None => return Err(Error::Journal(gone())),
        }
        tracing::info!("stopped");
        Ok(())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.app.draining.cancel();
        self.app.keeper.close();
    }
}

fn open(options: &Options) -> Result<(Journal, crate::books::Books), Error> {
    Journal::open(&options.data_dir, options.sync)
        .map_err(|error: JournalError| Error::Books(Box::new(error)))
}

/// How the writer ended; without a word only if it panicked.
fn written(end: Result<io::Result<()>, oneshot::error::RecvError>) -> io::Result<()> {
    end.unwrap_or_else(|_| Err(gone()))
}

fn gone() -> io::Error {
    io::Error::other("the journal's writer is gone")
}
