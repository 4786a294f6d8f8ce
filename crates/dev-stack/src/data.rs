//! What a stack keeps in its folder.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;

use crate::error::{Error, FileContext as _, Result};
use crate::owner::lock;
use crate::process_table::{birth, living};

/// What servers and services of ours have stored.
const STORED: [&str; 3] = ["postgres", "kafka", "services"];
/// What else is in the folder; the lock goes last.
const BESIDE: [&str; 5] = ["logs", "secrets.json", "stack.json", "processes", "lock"];

/// Removes what servers and services of ours have stored; logs and passwords stay.
pub(crate) fn wipe(folder: &Path) -> Result<()> {
    for name in STORED {
        remove(&folder.join(name))?;
    }
    Ok(())
}

/// Removes all that a stack has kept in `folder`, and says what was removed. Fails, and removes nothing, while a stack runs
/// there or a server that somebody has started on the same data. Files that no stack has made stay.
pub fn remove_data(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let _lock = lock(folder)?;
    if let Some(process) = living(folder)?.first() {
        let by = format!("{} (process {})", process.name, process.pid);
        return Err(Error::DataInUse { folder: folder.to_owned(), by });
    }
    check_unused_by_postgres(&folder.join("postgres/data"))?;
    check_unused_by_kafka(&folder.join("kafka/data"))?;
    let mut removed = Vec::new();
    for name in STORED.into_iter().chain(BESIDE) {
        let part = folder.join(name);
        if remove(&part)? {
            removed.push(part);
        }
    }
    // It stays if somebody else has put something there.
    let _kept = std::fs::remove_dir(folder);
    Ok(removed)
}

/// A server of PostgreSQL writes its process id into its data, and removes it when it stops.
fn check_unused_by_postgres(data: &Path) -> Result<()> {
    let note = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    match note.lines().next().and_then(|pid| pid.trim().parse().ok()).filter(|pid| birth(*pid).is_some()) {
        Some(pid) => {
            Err(Error::DataInUse { folder: data.to_owned(), by: format!("PostgreSQL (process {pid})") })
        }
        None => Ok(()),
    }
}

/// A broker holds a lock on a file in its data.
fn check_unused_by_kafka(data: &Path) -> Result<()> {
    let Ok(file) = File::options().write(true).open(data.join(".lock")) else { return Ok(()) };
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::AGAIN | Errno::ACCESS) => {
            Err(Error::DataInUse { folder: data.to_owned(), by: "a Kafka broker".to_owned() })
        }
        _ => Ok(()),
    }
}

/// Whether it was there.
fn remove(part: &Path) -> Result<bool> {
    let removed = match part.symlink_metadata() {
        Ok(about) if about.is_dir() => std::fs::remove_dir_all(part),
        Ok(_) => std::fs::remove_file(part),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => Err(error),
    };
    removed.on("remove", part).map(|()| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_was_kept_goes_and_what_is_strange_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = folder.path().join("up");
        std::fs::create_dir_all(state.join("postgres/data")).expect("our folder");
        std::fs::write(state.join("secrets.json"), "{}").expect("our folder");
        std::fs::write(state.join("mine.txt"), "").expect("our folder");
        let removed = remove_data(&state).expect("nobody uses it");
        assert_eq!(removed, ["postgres", "secrets.json", "lock"].map(|name| state.join(name)));
        assert!(state.join("mine.txt").exists());
        std::fs::remove_file(state.join("mine.txt")).expect("ours");
        remove_data(&state).expect("nobody uses it");
        assert!(!state.exists());
        assert_eq!(remove_data(&state).expect("there is nothing"), Vec::<PathBuf>::new());
    }

    #[test]
    fn data_that_a_server_uses_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("postgres/data");
        std::fs::create_dir_all(&data).expect("our folder");
        std::fs::write(data.join("postmaster.pid"), format!("{}\n/data\n", std::process::id()))
            .expect("our folder");
        let refused = remove_data(folder.path()).expect_err("it is in use").to_string();
        assert!(refused.contains(&format!("PostgreSQL (process {})", std::process::id())), "{refused}");
        assert!(data.exists());
        std::fs::write(data.join("postmaster.pid"), "4194304999\n").expect("our folder");
        remove_data(folder.path()).expect("no such process lives");
        assert!(!data.exists());
    }

    #[test]
    fn data_in_a_folder_that_is_locked_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("kafka")).expect("our folder");
        let _held = lock(folder.path()).expect("it is free");
        remove_data(folder.path()).expect_err("a stack runs there");
        assert!(folder.path().join("kafka").exists());
    }
}
