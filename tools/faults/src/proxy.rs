//! A small TCP proxy that can let through, delay, hold back and cut.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// The most bytes that are on their way in one direction of one connection.
const BUFFER_BYTES: usize = 64 * 1024;
/// How long to rest when the system has no more connections to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What happens to bytes and connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everything gets through.
    Pass,
    /// Everything gets through, so much later.
    Delay(Duration),
    /// Nothing gets through and nobody is told; what was sent meanwhile comes when it is over, as with TCP.
    Blackhole,
    /// Connections break, and new ones are closed at once.
    Cut,
}

/// A listener on 127.0.0.1 that stands before one address. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    _end: DropGuard,
}

impl Proxy {
    /// Listens on a free port and connects whoever comes with `upstream` (host:port). Must be called within a runtime.
    pub async fn start(upstream: String) -> io::Result<Self> {
        Self::start_at(0, upstream).await
    }

    /// The same on a port of the caller's choice.
    pub async fn start_at(port: u16, upstream: String) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (mode, watched) = watch::channel(Mode::Pass);
        let end = CancellationToken::new();
        let ended = end.clone();
        let connections = TaskTracker::new();
        // They end with the token, for which nobody needs to wait.
        TaskTracker::new().spawn(async move {
            ended.run_until_cancelled(accept(listener, upstream, watched, &connections, &ended)).await;
        });
        Ok(Self { address, mode, _end: end.drop_guard() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a mode in force, for the connections that there are and for new ones.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn accept(
    listener: TcpListener,
    upstream: String,
    mode: watch::Receiver<Mode>,
    connections: &TaskTracker,
    end: &CancellationToken,
) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (upstream, mode, end) = (upstream.clone(), mode.clone(), end.clone());
        connections.spawn(async move {
            // What ends a connection is told to nobody but its ends, who see it end.
            let _ended = end.run_until_cancelled(connect(client, &upstream, mode)).await;
        });
    }
}

async fn connect(client: TcpStream, upstream: &str, mut mode: watch::Receiver<Mode>) -> io::Result<()> {
    let_through(&mut mode).await?;
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    // The first trouble of either direction ends both.
    tokio::try_join!(pump(from_client, to_server, mode.clone()), pump(from_server, to_client, mode))?;
    Ok(())
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
) -> io::Result<()> {
    let mut cuts = mode.clone();
    let moving = async {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = from.read(&mut buffer).await?;
            let_through(&mut mode).await?;
            if read == 0 {
                return to.shutdown().await;
            }
            to.write_all(&buffer[..read]).await?;
        }
    };
    tokio::select! {
        moved = moving => moved,
        _ = cuts.wait_for(|mode| *mode == Mode::Cut) => Err(io::ErrorKind::ConnectionReset.into()),
    }
}

/// Waits for as long as the mode holds bytes back; fails when it cuts.
async fn let_through(mode: &mut watch::Receiver<Mode>) -> io::Result<()> {
    loop {
        let now = *mode.borrow_and_update();
        match now {
            Mode::Pass => return Ok(()),
            Mode::Delay(delay) => {
                tokio::time::sleep(delay).await;
                return Ok(());
            }
            Mode::Cut => return Err(io::ErrorKind::ConnectionReset.into()),
            Mode::Blackhole => mode.changed().await.map_err(|_| io::ErrorKind::ConnectionAborted)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A server that answers with what it hears, and a proxy before it.
    async fn echo() -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let upstream = listener.local_addr().unwrap().to_string();
        TaskTracker::new().spawn(async move {
            let connections = TaskTracker::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                connections.spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ended = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        Proxy::start(upstream).await.unwrap()
    }

    async fn say(stream: &mut TcpStream, text: &str) -> io::Result<String> {
        stream.write_all(text.as_bytes()).await?;
        let mut answer = vec![0; text.len()];
        stream.read_exact(&mut answer).await?;
        Ok(String::from_utf8(answer).unwrap())
    }

    #[tokio::test]
    async fn everything_gets_through_unchanged() {
        let proxy = echo().await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(say(&mut stream, "hello").await.unwrap(), "hello");
        let (mut from, mut to) = stream.split();
        let much: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let sending = async {
            to.write_all(&much).await.unwrap();
            to.shutdown().await.unwrap();
        };
        let mut heard = Vec::new();
        let ((), read) = tokio::join!(sending, from.read_to_end(&mut heard));
        assert_eq!(read.unwrap(), much.len(), "an end of one direction leaves the other");
        assert!(heard == much);
    }

    #[tokio::test]
    async fn a_delay_holds_for_both_directions() {
        let proxy = echo().await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        say(&mut stream, "warm").await.unwrap();
        proxy.set(Mode::Delay(Duration::from_millis(40)));
        let begun = Instant::now();
        assert_eq!(say(&mut stream, "late").await.unwrap(), "late");
        assert!(begun.elapsed() >= Duration::from_millis(80), "there and back");
    }

    #[tokio::test]
    async fn a_cut_ends_what_there_is_and_what_comes_until_it_is_over() {
        let proxy = echo().await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        say(&mut stream, "hello").await.unwrap();
        proxy.set(Mode::Cut);
        let ended = stream.read(&mut [0; 8]).await;
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
        let mut new = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(say(&mut new, "hello").await.is_err());
        proxy.set(Mode::Pass);
        let mut new = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(say(&mut new, "again").await.unwrap(), "again");
    }

    #[tokio::test]
    async fn a_blackhole_keeps_bytes_until_it_is_over() {
        let proxy = echo().await;
        let mut old = TcpStream::connect(proxy.address()).await.unwrap();
        say(&mut old, "hello").await.unwrap();
        proxy.set(Mode::Blackhole);
        let mut new = TcpStream::connect(proxy.address()).await.unwrap();
        let mut answers =
            std::pin::pin!(async { tokio::try_join!(say(&mut old, "old"), say(&mut new, "new")) });
        // Many ways there and back through another proxy: time enough for an answer, if there was one.
        let other = echo().await;
        let mut witness = TcpStream::connect(other.address()).await.unwrap();
        let meanwhile = async {
            for _ in 0..200 {
                say(&mut witness, "meanwhile").await.unwrap();
            }
        };
        tokio::select! {
            answers = &mut answers => panic!("nothing gets through: {answers:?}"),
            () = meanwhile => {}
        }
        proxy.set(Mode::Pass);
        assert_eq!(answers.await.unwrap(), ("old".to_owned(), "new".to_owned()));
    }
}
