//! A server of the stack: a process of ours, or one that was given and is left alone.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::process::{Ending, Process};

/// Longest wait for the first answer. A recovery after a crash under load takes some seconds.
const START_MAX: Duration = Duration::from_mins(1);
/// Deaths while it is waited for after which a server is given up. After a crash the first few may mean that what the
/// dead one held is not free yet.
const DEATHS_MAX: u64 = 6;

/// What a server runs as.
#[derive(Debug)]
pub struct Server {
    what: &'static str,
    process: Option<Process>,
}

impl Server {
    /// One that somebody else runs; `what` is its name in messages.
    pub(crate) fn given(what: &'static str) -> Self {
        Self { what, process: None }
    }

    /// One that we run as `process`.
    pub(crate) fn ours(what: &'static str, process: Process) -> Self {
        Self { what, process: Some(process) }
    }

    /// Its process id, if it is ours and runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(Process::pid)
    }

    /// How often it died and was started again.
    pub fn restarts(&self) -> u64 {
        self.process.as_ref().map_or(0, Process::restarts)
    }

    /// Stops ours cleanly. A given one is left alone.
    pub async fn stop(&self) -> Ending {
        match &self.process {
            Some(process) => process.stop().await,
            None => Ending::WasDown,
        }
    }

    /// Kills ours with SIGKILL and returns the process id it had. Supervision, if on, starts it again.
    pub async fn kill(&self) -> Result<Option<u32>> {
        Ok(self.process()?.kill().await)
    }

    /// The process, if it is ours.
    pub(crate) fn process(&self) -> Result<&Process> {
        self.process.as_ref().ok_or(Error::NotOurs { what: self.what })
    }

    /// Waits until ours answers, which `answers` finds out; gives up when it keeps dying, or after a minute.
    pub(crate) async fn wait_ready(&self, answers: impl Future<Output = Result<()>>) -> Result<()> {
        let process = self.process()?;
        // Many wait for it, and what they keep meanwhile adds up.
        let answers = Box::pin(answers);
        tokio::select! {
            answer = answers => answer,
            error = process.keeps_dying(DEATHS_MAX) => Err(error),
            () = tokio::time::sleep(START_MAX) => Err(process.not_ready(START_MAX)),
        }
    }
}
