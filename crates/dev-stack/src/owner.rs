//! The process that runs a stack: known by the lock of the stack's folder, and told from another process to end.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::error::{Error, FileContext as _, Result};
use crate::process::Ending;
use crate::process_table::{Leftover, StopSignal, birth, living, stop_leftovers};

/// How long a process that was killed may take to be gone.
const GONE_MAX: Duration = Duration::from_secs(10);
/// How long a starter may take from its lock to its name in it.
const NAMED_MAX: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// Who runs the stack in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    folder: PathBuf,
    pid: u32,
    birth: String,
}

impl Owner {
    /// The owner of the stack in `folder`; `None` if nobody runs one there.
    pub async fn of(folder: &Path) -> Result<Option<Self>> {
        let named = async {
            while is_locked(folder) {
                if let Some(owner) = Self::named_in(folder) {
                    return Some(owner);
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            None
        };
        let named = tokio::time::timeout(NAMED_MAX, named).await;
        named.map_err(|_| Error::FolderBusy { folder: folder.to_owned(), owner: None })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Has it stop its stack in order and waits until it is gone. When `patience` is over it is killed: then what it ran is
    /// left to its guardian and to [`sweep`].
    pub async fn stop(&self, patience: Duration) -> Result<Ending> {
        if !self.lives() {
            return Ok(Ending::WasDown);
        }
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::PERM)) {
            return Err(Error::OwnerForeign { folder: self.folder.clone(), pid: self.pid });
        }
        StopSignal::Terminate.send(self.pid);
        if tokio::time::timeout(patience, self.gone()).await.is_ok() {
            return Ok(Ending::Clean);
        }
        StopSignal::Kill.send(self.pid);
        // Only a process that hangs in the kernel outlives this; whoever takes the lock next notices it.
        let _gone = tokio::time::timeout(GONE_MAX, self.gone()).await;
        Ok(Ending::Killed)
    }

    async fn gone(&self) {
        while self.lives() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn lives(&self) -> bool {
        birth(self.pid).as_ref() == Some(&self.birth)
    }

    fn named_in(folder: &Path) -> Option<Self> {
        let note = std::fs::read_to_string(lock_path(folder)).ok()?;
        let (pid, birth) = note.trim().split_once(' ')?;
        let owner = Self { folder: folder.to_owned(), pid: pid.parse().ok()?, birth: birth.to_owned() };
        owner.lives().then_some(owner)
    }
}

/// Stops what a run in `folder` has left behind, of which the owner is gone, and says what it was.
pub async fn sweep(folder: &Path) -> Result<Vec<Leftover>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let _lock = lock(folder)?;
    stop_leftovers(folder).await
}

/// Waits until nothing runs any more of a stack that was given up, and whose guardian is at it; at the most as long as that
/// takes when every process has to be killed.
pub async fn wait_until_gone(folder: &Path) -> Result<()> {
    let gone = async {
        while !living(folder)?.is_empty() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    };
    tokio::time::timeout(3 * GONE_MAX, gone).await.unwrap_or(Ok(()))
}

/// Makes this process the owner of the stack in `folder`, which exists, for as long as the file is open.
pub(crate) fn lock(folder: &Path) -> Result<File> {
    let path = lock_path(folder);
    // What another owner has written there stays unless the lock is ours.
    let file = File::options().write(true).create(true).truncate(false).open(&path);
    let mut file = file.on("write", &path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let owner = Owner::named_in(folder).map(|owner| owner.pid);
            return Err(Error::FolderBusy { folder: folder.to_owned(), owner });
        }
        Err(TryLockError::Error(source)) => return Err(Error::File { action: "lock", path, source }),
    }
    let pid = std::process::id();
    let note = format!("{pid} {}\n", birth(pid).unwrap_or_default());
    file.set_len(0).and_then(|()| file.write_all(note.as_bytes())).on("write", &path)?;
    Ok(file)
}

/// Whether somebody runs a stack in `folder`.
pub(crate) fn is_locked(folder: &Path) -> bool {
    let file = File::open(lock_path(folder));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn lock_path(folder: &Path) -> PathBuf {
    folder.join("lock")
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[tokio::test]
    async fn the_lock_names_its_owner_and_refuses_others() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(Owner::of(folder.path()).await.expect("it can be read"), None);
        let held = lock(folder.path()).expect("it is free");
        let owner = Owner::of(folder.path()).await.expect("it can be read").expect("we have it");
        assert_eq!(owner.pid(), std::process::id());
        let refused = lock(folder.path()).expect_err("it is held").to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        assert!(refused.contains("`bowline down`"), "{refused}");
        drop(held);
        assert_eq!(Owner::of(folder.path()).await.expect("it can be read"), None);
    }

    #[tokio::test]
    async fn an_owner_that_does_not_hear_is_killed_when_patience_is_over() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let deaf = "trap '' TERM; echo deaf; while :; do sleep 0.1; done";
        let mut child =
            Command::new("sh").args(["-c", deaf]).stdout(Stdio::piped()).spawn().expect("a shell");
        let mut heard = [0];
        std::io::Read::read_exact(child.stdout.as_mut().expect("it is piped"), &mut heard)
            .expect("it is deaf");
        let birth = birth(child.id()).expect("it lives");
        let owner = Owner { folder: folder.path().to_owned(), pid: child.id(), birth };
        let ending = owner.stop(Duration::from_millis(200)).await.expect("it is ours");
        assert_eq!(ending, Ending::Killed);
        assert_eq!(owner.stop(Duration::ZERO).await.expect("it is gone"), Ending::WasDown);
        child.wait().expect("ours");
    }
}
