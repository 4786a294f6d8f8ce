//! The list of live processes of a stack on disk, so that whoever comes later can stop what was left behind.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::account::write_private;
use crate::error::{FileContext as _, Result};
use crate::secrets::random_text;
use crate::services::Running;

/// How long a process that was left behind may take to stop before it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// A stranger's process cannot be waited for, only looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The signal that makes a process stop cleanly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGTERM: services and Kafka.
    Terminate,
    /// SIGINT: PostgreSQL's fast shutdown.
    Interrupt,
    /// SIGQUIT: PostgreSQL's immediate shutdown, which leaves a recovery to the next start.
    Quit,
    /// SIGKILL.
    Kill,
}

impl StopSignal {
    const ALL: [Self; 4] = [Self::Terminate, Self::Interrupt, Self::Quit, Self::Kill];

    /// The name that `kill -s` knows.
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "TERM",
            Self::Interrupt => "INT",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
        }
    }

    /// Sends the signal; a process that is gone already is no fault.
    pub(crate) fn send(self, pid: u32) {
        let signal = match self {
            Self::Terminate => Signal::TERM,
            Self::Interrupt => Signal::INT,
            Self::Quit => Signal::QUIT,
            Self::Kill => Signal::KILL,
        };
        send(pid, signal);
        // A process that is paused hears nothing but SIGKILL until it goes on.
        send(pid, Signal::CONT);
    }
}

/// Pauses a process (SIGSTOP), or lets a paused one go on (SIGCONT); one that is gone already is no fault.
pub(crate) fn pause(pid: u32, paused: bool) {
    send(pid, if paused { Signal::STOP } else { Signal::CONT });
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _gone_already = kill_process(pid, signal);
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: String,
    pid: u32,
    birth: String,
    signal: StopSignal,
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (name, pid, birth, signal) = (words.next()?, words.next()?, words.next()?, words.next()?);
        Some(Self {
            name: name.to_owned(),
            pid: pid.parse().ok()?,
            birth: birth.to_owned(),
            signal: StopSignal::ALL.into_iter().find(|known| known.name() == signal)?,
        })
    }

    fn lives(&self) -> bool {
        birth(self.pid).as_ref() == Some(&self.birth)
    }
}

/// The live processes of one stack, mirrored in `<folder>/processes`.
///
/// Only the process that holds the folder's lock writes it.
#[derive(Debug)]
pub struct ProcessTable {
    path: PathBuf,
    /// Tells this table from that of a later stack in the same folder.
    id: String,
    entries: Mutex<Vec<Entry>>,
}

impl ProcessTable {
    /// An empty table in `folder`. Call [`stop_leftovers`] first.
    pub fn create(folder: &Path) -> Result<Self> {
        let table = Self { path: folder.join("processes"), id: random_text(12), entries: Mutex::default() };
        table.write(&[])?;
        Ok(table)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Notes a process that was just started. Names hold no white space.
    pub fn add(&self, name: &str, pid: u32, signal: StopSignal) -> Result<()> {
        // One that has died since needs no entry: its supervisor takes note.
        let Some(birth) = birth(pid) else { return Ok(()) };
        let mut entries = self.entries.lock().expect("no panic while the lock is held");
        entries.push(Entry { name: name.to_owned(), pid, birth, signal });
        self.write(&entries)
    }

    /// Forgets a process that has ended.
    pub(crate) fn remove(&self, pid: u32) -> Result<()> {
        let mut entries = self.entries.lock().expect("no panic while the lock is held");
        entries.retain(|entry| entry.pid != pid);
        self.write(&entries)
    }

    fn write(&self, entries: &[Entry]) -> Result<()> {
        use std::fmt::Write as _;
        let mut content = format!("table {}\n", self.id);
        for Entry { name, pid, birth, signal } in entries {
            writeln!(content, "{name} {pid} {birth} {}", signal.name()).expect("a String takes all");
        }
        write_private(&self.path, content.as_bytes(), None)
    }
}

/// A process that an earlier run had left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its name in the table.
    pub name: String,
    /// Its process id.
    pub pid: u32,
}

/// Stops what an earlier run in `folder` has left behind, last started first, and says what it was. A process is
/// touched only if it is still the one that was noted: its id may belong to somebody else by now.
pub async fn stop_leftovers(folder: &Path) -> Result<Vec<Leftover>> {
    let mut stopped = Vec::new();
    for entry in entries(folder)?.into_iter().rev().filter(Entry::lives) {
        tracing::warn!(
            name = entry.name,
            pid = entry.pid,
            "stopping a process that an earlier run left behind"
        );
        end(&entry).await;
        stopped.push(Leftover { name: entry.name, pid: entry.pid });
    }
    Ok(stopped)
}

async fn end(entry: &Entry) {
    let gone = async || {
        while entry.lives() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    entry.signal.send(entry.pid);
    if tokio::time::timeout(GRACE, gone()).await.is_err() {
        StopSignal::Kill.send(entry.pid);
        // Only a process that hangs in the kernel outlives this; nothing more can be done about it.
        let _gone = tokio::time::timeout(GRACE, gone()).await;
    }
}

/// The processes of the stack in `folder` that live, in the order of their start, whoever runs it.
pub fn living(folder: &Path) -> Result<Vec<Running>> {
    let entries = entries(folder)?.into_iter().filter(Entry::lives);
    Ok(entries.map(|Entry { name, pid, .. }| Running { name, pid }).collect())
}

fn entries(folder: &Path) -> Result<Vec<Entry>> {
    let path = folder.join("processes");
    match std::fs::read_to_string(&path) {
        Ok(content) => Ok(content.lines().filter_map(Entry::parse).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).on("read", &path),
    }
}

/// When a process was born, in whatever unit the system has; `None` if it is dead, a zombie included.
pub(crate) fn birth(pid: u32) -> Option<String> {
    if Path::new("/proc/self/stat").exists() {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in brackets may hold anything; the fields after it are: state, parent, …, start time (the 20th).
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        (fields.first() != Some(&"Z")).then(|| fields.get(19).map(|&field| field.to_owned()))?
    } else {
        let out = std::process::Command::new("ps")
            .args(["-o", "lstart=", "-p"])
            .arg(pid.to_string())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&out.stdout).split_whitespace().collect::<Vec<_>>().join("_");
        (out.status.success() && !text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn a_leftover_is_stopped_and_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut child = Command::new("sleep").arg("600").spawn().expect("sleep is everywhere");
        let table = ProcessTable::create(folder.path()).expect("created");
        table.add("sleeper", child.id(), StopSignal::Terminate).expect("noted");
        let lives = [Running { name: "sleeper".into(), pid: child.id() }];
        assert_eq!(living(folder.path()).expect("read"), lives);

        let stopped = stop_leftovers(folder.path()).await.expect("stopped");

        assert_eq!(stopped, [Leftover { name: "sleeper".into(), pid: child.id() }]);
        assert_eq!(child.wait().expect("ours").signal(), Some(15));
        assert_eq!(stop_leftovers(folder.path()).await.expect("nothing left"), []);
        assert_eq!(living(folder.path()).expect("read"), []);
    }

    #[tokio::test]
    async fn a_stranger_with_the_same_id_is_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut child = Command::new("sleep").arg("600").spawn().expect("sleep is everywhere");
        let table = format!("sleeper {} 1 TERM\nbroken line\n", child.id());
        std::fs::write(folder.path().join("processes"), table).expect("written");

        assert_eq!(stop_leftovers(folder.path()).await.expect("read"), []);

        assert!(child.try_wait().expect("ours").is_none(), "it must still run");
        child.kill().expect("ours");
        child.wait().expect("ours");
    }
}
