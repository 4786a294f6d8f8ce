//! A small shell process that stops a stack's processes when the stack's owner is gone, however it went.
//!
//! It holds the read end of a pipe whose write end we hold: the system closes it when we end, by SIGKILL too.

use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::error::{Error, Result};
use crate::process_table::{ProcessTable, StopSignal};

const SCRIPT: &str = include_str!("guardian.sh");

/// The guardian of a stack that ends with this process. Dropping it has the processes in the table stopped.
#[derive(Debug)]
pub(crate) struct Guardian {
    child: Child,
}

impl Guardian {
    pub(crate) fn watch_owner(table: &ProcessTable) -> Result<Self> {
        let mut command = shell(table);
        command.arg("owner").stdin(Stdio::piped());
        Ok(Self { child: spawn(&mut command)? })
    }

    /// Lets the guardian go when everything is stopped.
    pub(crate) async fn release(mut self) {
        drop(self.child.stdin.take());
        let _ended = self.child.wait().await;
    }
}

/// Leaves a guardian behind that stops the stack in `folder` after `idle_seconds` without a live user. A user is a
/// file `users/<process id>` in the folder. It notes itself in the table as `guardian`.
pub fn leave_guardian(table: &ProcessTable, folder: &Path, idle_seconds: u32) -> Result<()> {
    let mut command = shell(table);
    command.arg("users").arg(folder).arg(idle_seconds.to_string()).stdin(Stdio::null());
    let child = spawn(&mut command)?;
    table.add("guardian", child.id().expect("it was not waited for"), StopSignal::Kill)
}

fn shell(table: &ProcessTable) -> Command {
    let mut command = Command::new("sh");
    // A group of its own: Ctrl-C at the terminal is for the owner alone.
    command.arg("-c").arg(SCRIPT).arg("bowline-guardian").arg(table.path()).arg(table.id());
    command.process_group(0);
    command.current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn spawn(command: &mut Command) -> Result<Child> {
    command.spawn().map_err(|source| Error::Spawn { program: "sh".into(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[tokio::test]
    async fn what_the_owner_leaves_behind_is_stopped() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let table = ProcessTable::create(folder.path()).expect("created");
        let mut child = Command::new("sleep").arg("600").spawn().expect("sleep is everywhere");
        // Not the interrupt, which a test run in the background of a script has told its children to ignore.
        table.add("sleeper", child.id().expect("it runs"), StopSignal::Terminate).expect("noted");

        // Dropping closes the pipe, as the death of the owner does.
        drop(Guardian::watch_owner(&table).expect("started"));

        assert_eq!(child.wait().await.expect("ours").signal(), Some(15));
    }

    #[tokio::test]
    async fn a_later_stack_in_the_same_folder_is_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let old = ProcessTable::create(folder.path()).expect("created");
        let guardian = Guardian::watch_owner(&old).expect("started");
        let new = ProcessTable::create(folder.path()).expect("created");
        let mut child = Command::new("sleep").arg("600").spawn().expect("sleep is everywhere");
        new.add("sleeper", child.id().expect("it runs"), StopSignal::Terminate).expect("noted");

        guardian.release().await;

        assert!(child.try_wait().expect("ours").is_none(), "it must still run");
        child.kill().await.expect("ours");
    }

    #[tokio::test]
    async fn what_nobody_uses_is_stopped() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let table = ProcessTable::create(folder.path()).expect("created");
        std::fs::create_dir_all(folder.path().join("users")).expect("our folder");
        let mut gone = Command::new("true").spawn().expect("true is everywhere");
        let user = folder.path().join("users").join(gone.id().expect("it runs").to_string());
        gone.wait().await.expect("ours");
        std::fs::write(&user, "").expect("our folder");
        let mut child = Command::new("sleep").arg("600").spawn().expect("sleep is everywhere");
        table.add("sleeper", child.id().expect("it runs"), StopSignal::Terminate).expect("noted");

        leave_guardian(&table, folder.path(), 0).expect("started");

        assert_eq!(child.wait().await.expect("ours").signal(), Some(15));
        assert!(!user.exists(), "the mark of a dead user is swept");
    }
}
