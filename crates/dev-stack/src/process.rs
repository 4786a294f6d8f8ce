//! One child process: its log, its clean stop, and its restart when it dies.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::account::Account;
use crate::error::{Error, FileContext as _, Result};
use crate::process_table::{ProcessTable, StopSignal, pause};

/// A process that lived this long has started well: the next restart waits the shortest time again.
const LIVED_WELL: Duration = Duration::from_secs(10);

/// What to start and how to treat it.
#[derive(Debug, Clone)]
pub struct ProcessSpec {
    /// Unique in the stack, without white space: in messages, in the report, in the table of processes.
    pub name: String,
    /// The program: a path, or a name to look for on PATH.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables added to those of this process.
    pub env: Vec<(String, String)>,
    /// Standard output and error are appended here.
    pub log: PathBuf,
    /// What [`Process::stop`] sends.
    pub stop_signal: StopSignal,
    /// How long it may take to stop before it is killed.
    pub stop_grace: Duration,
    /// Whether it is started again when it dies.
    pub restart: bool,
    /// The pause before a restart; it doubles up to `backoff_max` while the process keeps dying young.
    pub backoff_min: Duration,
    /// The longest pause before a restart.
    pub backoff_max: Duration,
    pub(crate) account: Option<Account>,
}

impl ProcessSpec {
    /// A service: stopped by SIGTERM within 15 s, started again after 100 ms to 5 s.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            log: log.into(),
            stop_signal: StopSignal::Terminate,
            stop_grace: Duration::from_secs(15),
            restart: true,
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(5),
            account: None,
        }
    }

    fn spawn(&self) -> Result<Child> {
        let log =
            std::fs::File::options().create(true).append(true).open(&self.log).on("write", &self.log)?;
        let errors = log.try_clone().on("write", &self.log)?;
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        // A group of its own: Ctrl-C at the terminal reaches only us, and we stop things in order.
        command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
        if let Some(account) = &self.account {
            command.uid(account.uid).gid(account.gid).current_dir("/");
        }
        command.spawn().map_err(|source| Error::Spawn { program: self.program.clone(), source })
    }
}

/// What is known of a process at a moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Status {
    pub(crate) pid: Option<u32>,
    /// How often it died and was (or is to be) started again.
    pub(crate) restarts: u64,
    pub(crate) ended: Option<ExitStatus>,
    /// Nobody will start it again by itself.
    pub(crate) settled: bool,
}

/// How a process went when it was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It did not run.
    WasDown,
    /// It stopped within its time.
    Clean,
    /// It had to be killed.
    Killed,
}

/// A process that we start, watch and stop.
#[derive(Debug)]
pub struct Process {
    spec: Arc<ProcessSpec>,
    table: Arc<ProcessTable>,
    status: watch::Sender<Status>,
    watcher: Mutex<Option<Watcher>>,
}

#[derive(Debug)]
struct Watcher {
    stop: mpsc::Sender<StopSignal>,
    task: JoinHandle<Ending>,
}

impl Process {
    /// Describes a process; nothing is started yet.
    pub fn new(spec: ProcessSpec, table: Arc<ProcessTable>) -> Self {
        Self { spec: Arc::new(spec), table, status: watch::Sender::default(), watcher: Mutex::default() }
    }

    /// Starts it, unless it runs, and returns its process id.
    pub async fn start(&self) -> Result<u32> {
        let mut watcher = self.watcher.lock().await;
        if let Some(pid) = self.pid().filter(|_| watcher.is_some()) {
            return Ok(pid);
        }
        if let Some(old) = watcher.take() {
            // It is between a death and its restart: begin anew instead of waiting for that.
            let _gone = old.stop.send(self.spec.stop_signal).await;
            let _ended = old.task.await;
        }
        let child = self.spec.spawn()?;
        let pid = note(&self.spec, &self.table, &self.status, &child)?;
        let (stop, stopped) = mpsc::channel(1);
        let run = Run { spec: self.spec.clone(), table: self.table.clone(), status: self.status.clone() };
        let task = TaskTracker::new().spawn(run.watch(child, stopped));
        *watcher = Some(Watcher { stop, task });
        Ok(pid)
    }

    /// Stops it cleanly; supervision ends. When its time is over it is killed.
    pub async fn stop(&self) -> Ending {
        self.stop_with(self.spec.stop_signal).await
    }

    /// Stops it with a signal of the caller's choice.
    pub async fn stop_with(&self, signal: StopSignal) -> Ending {
        let Some(watcher) = self.watcher.lock().await.take() else { return Ending::WasDown };
        let _ended_before = watcher.stop.send(signal).await;
        watcher.task.await.unwrap_or(Ending::WasDown)
    }

    /// Kills it with SIGKILL, as a crash does, waits until it is gone and returns the id it had. Supervision stays on.
    pub async fn kill(&self) -> Option<u32> {
        let pid = self.pid()?;
        let mut status = self.status();
        StopSignal::Kill.send(pid);
        // The sender is ours, so this cannot end otherwise.
        let _gone = status.wait_for(|now| now.pid != Some(pid)).await;
        Some(pid)
    }

    /// Pauses it with SIGSTOP, or lets it go on with SIGCONT, and returns its process id if it runs. It notices nothing
    /// but the time that has passed.
    pub fn set_paused(&self, paused: bool) -> Option<u32> {
        let pid = self.pid()?;
        pause(pid, paused);
        Some(pid)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Its log.
    pub fn log(&self) -> &Path {
        &self.spec.log
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.status.borrow().pid
    }

    /// How often it died under supervision.
    pub fn restarts(&self) -> u64 {
        self.status.borrow().restarts
    }

    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Ends when the process is down for good, or has died `deaths_max` times since the call; says so with the end of
    /// its log.
    pub(crate) async fn keeps_dying(&self, deaths_max: u64) -> Error {
        let deaths = self.restarts();
        let mut status = self.status();
        let last = status
            .wait_for(|now| {
                (now.settled && now.pid.is_none()) || now.restarts.saturating_sub(deaths) >= deaths_max
            })
            .await;
        self.died_early(last.ok().and_then(|now| now.ended))
    }

    fn died_early(&self, status: Option<ExitStatus>) -> Error {
        Error::DiedEarly {
            name: self.spec.name.clone(),
            status: status.map_or_else(|| "unknown status".to_owned(), |status| status.to_string()),
            log: self.spec.log.clone(),
            tail: tail(&self.spec.log),
        }
    }

    pub(crate) fn not_ready(&self, waited: Duration) -> Error {
        let log = self.spec.log.clone();
        Error::NotReady { name: self.spec.name.clone(), seconds: waited.as_secs(), tail: tail(&log), log }
    }
}

struct Run {
    spec: Arc<ProcessSpec>,
    table: Arc<ProcessTable>,
    status: watch::Sender<Status>,
}

impl Run {
    async fn watch(self, mut child: Child, mut stop: mpsc::Receiver<StopSignal>) -> Ending {
        let mut backoff = self.spec.backoff_min;
        // Whether anybody still holds the handle. Without one the process stays, for the guardian to stop; it must not
        // come back behind the guardian's back.
        let mut held = true;
        loop {
            let born = tokio::time::Instant::now();
            let pid = child.id();
            let ended = loop {
                tokio::select! {
                    biased;
                    order = stop.recv(), if held => match order {
                        Some(signal) => {
                            let ending = self.end(&mut child, signal).await;
                            self.ended(pid, None, true);
                            return ending;
                        }
                        None => held = false,
                    },
                    ended = child.wait() => break ended,
                }
            };
            let settled = !(self.spec.restart && held);
            self.ended(pid, ended.ok(), settled);
            if settled {
                return Ending::WasDown;
            }
            if born.elapsed() >= LIVED_WELL {
                backoff = self.spec.backoff_min;
            }
            child = loop {
                tokio::select! {
                    biased;
                    // Told to stop, or given up.
                    _ = stop.recv() => {
                        self.ended(None, None, true);
                        return Ending::WasDown;
                    }
                    () = tokio::time::sleep(backoff) => {}
                }
                backoff = (backoff * 2).min(self.spec.backoff_max);
                match self.spec.spawn().and_then(|child| {
                    note(&self.spec, &self.table, &self.status, &child)?;
                    Ok(child)
                }) {
                    Ok(child) => break child,
                    Err(error) => tracing::error!(name = self.spec.name, %error, "cannot start it again yet"),
                }
            };
        }
    }

    async fn end(&self, child: &mut Child, signal: StopSignal) -> Ending {
        if let Some(pid) = child.id() {
            signal.send(pid);
        }
        if tokio::time::timeout(self.spec.stop_grace, child.wait()).await.is_ok() {
            return Ending::Clean;
        }
        tracing::warn!(name = self.spec.name, "it did not stop in time and is killed");
        let _ended = child.kill().await;
        Ending::Killed
    }

    fn ended(&self, pid: Option<u32>, ended: Option<ExitStatus>, settled: bool) {
        if let Some(pid) = pid
            && let Err(error) = self.table.remove(pid)
        {
            tracing::warn!(%error, "the table of processes is out of date");
        }
        if !settled {
            let status = ended.map(|status| status.to_string());
            tracing::warn!(name = self.spec.name, pid, status, "it died and is started again");
        }
        self.status.send_modify(|now| {
            now.pid = None;
            now.restarts += u64::from(!settled);
            now.ended = ended;
            now.settled = settled;
        });
    }
}

fn note(
    spec: &ProcessSpec,
    table: &ProcessTable,
    status: &watch::Sender<Status>,
    child: &Child,
) -> Result<u32> {
    let pid = child.id().expect("it was not waited for");
    table.add(&spec.name, pid, spec.stop_signal)?;
    status.send_modify(|now| {
        now.pid = Some(pid);
        now.settled = false;
    });
    Ok(pid)
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let content = std::fs::read(log).unwrap_or_default();
    last_lines(&String::from_utf8_lossy(&content))
}

/// The last lines of some output, indented.
pub(crate) fn last_lines(text: &str) -> String {
    const LINES: usize = 8;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(LINES);
    if lines.is_empty() { "  (nothing)".to_owned() } else { format!("  {}", lines[from..].join("\n  ")) }
}
