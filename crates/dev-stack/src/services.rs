//! The service processes of a stack.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::guardian::Guardian;
use crate::process::{Ending, Process, ProcessSpec};
use crate::process_table::{ProcessTable, StopSignal, stop_leftovers};

/// Deaths before the first readiness after which a service is given up.
const DEATHS_MAX: u64 = 3;
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// A process that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Its name.
    pub name: String,
    /// Its process id.
    pub pid: u32,
}

/// Starts services, starts them again when they die, and stops them all.
#[derive(Debug)]
pub struct Supervisor {
    table: Arc<ProcessTable>,
    /// Stops what is left when this is dropped.
    _guardian: Option<Guardian>,
    /// In the order of their start.
    processes: Mutex<Vec<Arc<Process>>>,
}

impl Supervisor {
    /// A supervisor whose processes somebody else's guardian knows by `table`.
    pub(crate) fn new(table: Arc<ProcessTable>) -> Self {
        Self { table, _guardian: None, processes: Mutex::default() }
    }

    /// A supervisor of its own, without a stack: its services end with it, or with this process, however that ends.
    /// `folder` is for it alone; what an earlier one has left behind there is stopped first.
    pub async fn guarded(folder: &Path) -> Result<Self> {
        stop_leftovers(folder).await?;
        let table = Arc::new(ProcessTable::create(folder)?);
        let guardian = Guardian::watch_owner(&table)?;
        Ok(Self { table, _guardian: Some(guardian), processes: Mutex::default() })
    }

    /// Starts a service and returns its process id.
    pub async fn start(&self, spec: ProcessSpec) -> Result<u32> {
        if self.process(&spec.name).is_ok() {
            return Err(Error::Duplicate { name: spec.name });
        }
        let process = Arc::new(Process::new(spec, self.table.clone()));
        let pid = process.start().await?;
        self.lock().push(process);
        Ok(pid)
    }

    /// Starts a service again that was stopped.
    pub async fn start_again(&self, name: &str) -> Result<u32> {
        self.process(name)?.start().await
    }

    /// Stops one service cleanly; it stays down until [`Supervisor::start_again`].
    pub async fn stop(&self, name: &str) -> Result<Ending> {
        Ok(self.process(name)?.stop().await)
    }

    /// Kills a service with SIGKILL and returns the process id it had, if it ran. It is started again by supervision.
    pub async fn kill(&self, name: &str) -> Result<Option<u32>> {
        Ok(self.process(name)?.kill().await)
    }

    /// Kills a service with SIGKILL; it stays down until [`Supervisor::start_again`].
    pub async fn kill_for_good(&self, name: &str) -> Result<Ending> {
        Ok(self.process(name)?.stop_with(StopSignal::Kill).await)
    }

    /// Pauses a service with SIGSTOP and returns its process id, if it runs. It hangs until [`Supervisor::go_on`].
    pub fn pause(&self, name: &str) -> Result<Option<u32>> {
        Ok(self.process(name)?.set_paused(true))
    }

    /// Lets a paused service go on with SIGCONT and returns its process id, if it runs.
    pub fn go_on(&self, name: &str) -> Result<Option<u32>> {
        Ok(self.process(name)?.set_paused(false))
    }

    /// The process id of a service, if it runs.
    pub fn pid(&self, name: &str) -> Result<Option<u32>> {
        Ok(self.process(name)?.pid())
    }

    /// Waits until `url` (a service's `/readyz`) answers 200. Fails when the process keeps dying, or after `limit`.
    pub async fn wait_ready(&self, name: &str, url: &str, limit: Duration) -> Result<()> {
        let process = self.process(name)?;
        let ready = async {
            let client = reqwest::Client::new();
            loop {
                let answer = client.get(url).timeout(Duration::from_secs(2)).send().await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::select! {
            () = ready => Ok(()),
            error = process.keeps_dying(DEATHS_MAX) => Err(error),
            () = tokio::time::sleep(limit) => Err(process.not_ready(limit)),
        }
    }

    /// The services that run now, in the order of their start.
    pub fn running(&self) -> Vec<Running> {
        let named =
            |process: &Arc<Process>| Some(Running { name: process.name().to_owned(), pid: process.pid()? });
        self.lock().iter().filter_map(named).collect()
    }

    /// How often each service died and was started again, by name.
    pub fn restarts(&self) -> BTreeMap<String, u64> {
        self.lock().iter().map(|process| (process.name().to_owned(), process.restarts())).collect()
    }

    /// Stops all services at once and tells how each went. They all get the signal before any is waited for.
    pub async fn stop_all(&self) -> Vec<(String, Ending)> {
        let processes = self.lock().clone();
        let mut endings = tokio::task::JoinSet::new();
        for process in processes {
            endings.spawn(async move { (process.name().to_owned(), process.stop().await) });
        }
        endings.join_all().await
    }

    fn process(&self, name: &str) -> Result<Arc<Process>> {
        let found = self.lock().iter().find(|process| process.name() == name).cloned();
        found.ok_or_else(|| Error::Unknown { name: name.to_owned() })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Process>>> {
        self.processes.lock().expect("no panic while the lock is held")
    }
}

#[cfg(test)]
mod tests;
