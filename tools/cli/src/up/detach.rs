//! A stack in the background. `bowline up --detach` starts itself once more, in a session of its own and with its own
//! streams, so that all there is to say until the stack is ready is said where the user sees it. Then the other one says so
//! over standard input, which is a socket, and turns to its log; this one ends.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as Socket;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process, setsid};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::screen::say;
use crate::stop::{Stop, Stopped};

/// The hidden option of the one in the background.
const DETACHED: &str = "--detached";
/// What it says when everything is ready.
const READY: &[u8] = b"ready";

/// Starts the one in the background and waits until it is ready, or has failed and said why.
pub(super) async fn start(stop: &Stop) -> anyhow::Result<ExitCode> {
    let (ours, theirs) = Socket::pair().context("cannot make a socket")?;
    let mut child = spawn(theirs)?;
    let mut ours = tokio(ours)?;
    let mut word = [0; READY.len()];
    let ready = tokio::select! {
        biased;
        read = ours.read_exact(&mut word) => read.is_ok(),
        () = stop.wanted() => {
            // At any time, also after it has said that it is ready: nobody has heard it.
            terminate(&child);
            false
        }
    };
    if ready {
        return Ok(ExitCode::SUCCESS);
    }
    let status = child.wait().await.context("cannot wait for what was started")?;
    match status.code() {
        Some(0) => Err(Stopped.into()),
        Some(code) => Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)),
        None => anyhow::bail!("what was started in the background has died: {status}"),
    }
}

fn spawn(line: Socket) -> anyhow::Result<Child> {
    let program = std::env::current_exe().context("cannot find out where this program lies")?;
    // The command is dropped here, and with it our copy of their end: when they end, we notice.
    let child =
        Command::new(&program).args(arguments(std::env::args_os())).stdin(OwnedFd::from(line)).spawn();
    child.with_context(|| format!("cannot start {} once more", program.display()))
}

/// The arguments of this command with the hidden option right behind `up`: a `--` may follow.
fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = given.skip(1).collect();
    arguments.insert(1.min(arguments.len()), DETACHED.into());
    arguments
}

fn terminate(child: &Child) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw) {
        // It may have ended by itself just now.
        let _gone_already = kill_process(pid, Signal::TERM);
    }
}

fn tokio(socket: Socket) -> anyhow::Result<UnixStream> {
    let made = socket.set_nonblocking(true).and_then(|()| UnixStream::from_std(socket));
    made.context("cannot use the socket")
}

/// The one that waits at the other end, as seen from the background.
#[derive(Debug)]
pub(super) struct Caller {
    line: OwnedWriteHalf,
    /// Stops everything when the caller goes before it was told that all is ready.
    watch: JoinHandle<()>,
}

impl Caller {
    /// Gives this process a session of its own, which Ctrl-C and the end of the terminal do not reach, and finds its caller.
    pub(super) fn find(stop: &Stop) -> anyhow::Result<Self> {
        let line = io::stdin().as_fd().try_clone_to_owned().context("cannot use standard input")?;
        let line = Socket::from(line);
        line.peer_addr().with_context(|| format!("{DETACHED} is for `bowline up --detach` alone"))?;
        setsid().context("cannot begin a session")?;
        let (mut reader, line) = tokio(line)?.into_split();
        let stop = stop.clone();
        let watch = TaskTracker::new().spawn(async move {
            // A caller says nothing: this ends when it is gone.
            let _gone = reader.read(&mut [0]).await;
            stop.now();
        });
        Ok(Self { line, watch })
    }

    /// Lets the caller go. From here on what there is to say is said in `log`.
    pub(super) async fn let_go(mut self, log: &Path) -> anyhow::Result<()> {
        io::stdout().flush()?;
        let nothing = File::open("/dev/null").context("cannot open /dev/null")?;
        let file = File::options().create(true).append(true).open(log);
        let file = file.with_context(|| format!("cannot write {}", log.display()))?;
        // So that no folder of the user's is held.
        std::env::set_current_dir("/").context("cannot go to /")?;
        self.watch.abort();
        dup2_stdin(nothing).and_then(|()| dup2_stdout(&file)).and_then(|()| dup2_stderr(&file))?;
        say(&format!("process {} runs the stack from here on", std::process::id()));
        // One that has gone in this very moment will not hear of it, so it counts as gone before.
        self.line.write_all(READY).await.map_err(|_| Stopped)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_in_the_background_gets_the_same_options() {
        let line = ["./bowline", "up", "--detach", "--replicas", "2"].map(OsString::from);
        assert_eq!(arguments(line.into_iter()), ["up", "--detached", "--detach", "--replicas", "2"]);
    }
}
