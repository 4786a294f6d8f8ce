//! The wire between a service and its database, which can be cut at a commit.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The largest message that passes in one piece is far smaller: a commit is a few bytes.
const PIECE_BYTES: usize = 64 << 10;
/// How a commit ends on the wire (`bowline_database::Transaction::commit`).
const COMMIT: &[u8] = b"COMMIT\0";
/// The end of the server's answer: it is ready for the next statement, in no transaction.
const READY: &[u8] = b"Z\0\0\0\x05I";

/// What happens to the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommitFault {
    /// It does not reach the database.
    Cut,
    /// It takes effect, and its answer gets lost.
    Unanswered,
    /// It is answered, and did not take effect: what no database may do.
    Forgotten,
}

/// A forwarder in front of one database.
pub(crate) struct Wire {
    address: SocketAddr,
    next: Arc<Mutex<Option<CommitFault>>>,
    _task: JoinSet<()>,
}

impl Wire {
    pub(crate) async fn to(target: String) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port for the wire")?;
        let address = listener.local_addr()?;
        let next = Arc::new(Mutex::new(None));
        let mut task = JoinSet::new();
        let faults = Arc::clone(&next);
        task.spawn(async move {
            let mut wires = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (target, faults) = (target.clone(), Arc::clone(&faults));
                wires.spawn(async move {
                    // An end that goes away ends the wire, as it should.
                    let _ = forward(client, &target, &faults).await;
                });
                while wires.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, next, _task: task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says what happens to the next commit; `None`: it passes.
    pub(crate) fn arm(&self, fault: Option<CommitFault>) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

async fn forward(
    mut client: TcpStream,
    target: &str,
    faults: &Mutex<Option<CommitFault>>,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut asked, mut answered) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let piece = &asked[..read?];
                if piece.is_empty() {
                    return Ok(());
                }
                let is_commit = piece[0] == b'Q' && piece.ends_with(COMMIT);
                let fault = is_commit.then(|| faults.lock().unwrap_or_else(PoisonError::into_inner).take());
                match fault.flatten() {
                    None => server.write_all(piece).await?,
                    Some(CommitFault::Cut) => return Ok(()),
                    Some(CommitFault::Unanswered) => {
                        server.write_all(piece).await?;
                        return swallow(&mut server, &mut answered).await;
                    }
                    Some(CommitFault::Forgotten) => server.write_all(&rolled_back()).await?,
                }
            }
            read = server.read(&mut answered) => {
                let piece = &answered[..read?];
                if piece.is_empty() {
                    return Ok(());
                }
                client.write_all(piece).await?;
            }
        }
    }
}

/// Waits until the server has committed.
async fn swallow(server: &mut TcpStream, answered: &mut [u8]) -> std::io::Result<()> {
    let mut tail = Vec::new();
    while !tail.ends_with(READY) {
        let read = server.read(answered).await?;
        if read == 0 {
            return Ok(());
        }
        tail.extend_from_slice(&answered[..read]);
    }
    Ok(())
}

/// A statement whose answer looks like that of a commit.
fn rolled_back() -> Vec<u8> {
    let statement = b"SELECT 1; ROLLBACK\0";
    let length = u32::try_from(statement.len() + 4).expect("it is short");
    [b"Q".as_slice(), &length.to_be_bytes(), statement].concat()
}
