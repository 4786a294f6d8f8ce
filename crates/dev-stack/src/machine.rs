//! What this machine has of what a stack needs, looked at without starting or changing anything.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};
use rustix::process::{Resource, getrlimit};

use crate::account::{Account, check_reachable};
use crate::error::{FileContext as _, Result};
use crate::kafka::parts;
use crate::postgres::programs::Programs;
use crate::postgres::{check_data_version, data_version};

/// A program that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its version.
    pub version: String,
    /// Where it lies.
    pub place: PathBuf,
}

/// Whether Kafka has to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KafkaParts {
    /// It lies here.
    Fetched(PathBuf),
    /// It is fetched at the first start, by this Maven.
    ToFetch(Found),
}

/// The PostgreSQL that a stack would run.
pub fn postgres() -> Result<Found> {
    let programs = Programs::find()?;
    Ok(Found { version: programs.version, place: programs.postgres })
}

/// The Java that a Kafka would run on.
pub fn java() -> Result<Found> {
    parts::java_found()
}

/// The Kafka that a stack would run, by the folder where it is kept once it is fetched.
pub fn kafka_parts(cache: &Path) -> Result<KafkaParts> {
    match parts::fetched(cache) {
        Some(jars) => Ok(KafkaParts::Fetched(jars)),
        None => parts::maven().map(KafkaParts::ToFetch),
    }
}

/// Fails if the data that a stack has kept in `folder` cannot be used by the PostgreSQL of this machine.
pub fn check_kept_data(folder: &Path) -> Result<()> {
    let postgres = folder.join("postgres");
    match data_version(&postgres.join("data"))? {
        Some(found) => check_data_version(&postgres, found, Programs::find()?.major),
        None => Ok(()),
    }
}

/// Fails if a stack could not keep its data in `folder`, which need not exist: we must be able to write there, and the user
/// that the servers run as to get there.
pub fn check_folder(folder: &Path) -> Result<()> {
    let there = nearest(folder);
    access(there, Access::WRITE_OK | Access::EXEC_OK).map_err(std::io::Error::from).on("write to", there)?;
    check_reachable(there, Account::for_servers()?.as_ref())
}

/// How many bytes are free for us where `folder` is or will be.
pub fn free_bytes(folder: &Path) -> Result<u64> {
    let there = nearest(folder);
    let about = statvfs(there).map_err(std::io::Error::from).on("look at the file system of", there)?;
    Ok(about.f_bavail.saturating_mul(about.f_frsize))
}

/// How many files a process may open; `None` for no limit.
pub fn open_files_max() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// The folder itself, or the nearest above it that exists.
fn nearest(folder: &Path) -> &Path {
    folder.ancestors().find(|step| step.exists()).unwrap_or(Path::new("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_what_is_above_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let deep = folder.path().join("a/b/c");
        assert_eq!(nearest(&deep), folder.path());
        assert!(free_bytes(&deep).expect("it has a file system") > 0);
        assert!(!folder.path().join("a").exists(), "looking makes nothing");
        let refused = check_folder(Path::new("/proc/self/up")).expect_err("nothing can be kept there");
        assert!(refused.to_string().starts_with("cannot write to /proc/"), "{refused}");
    }

    #[test]
    fn kept_data_of_another_version_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        check_kept_data(folder.path()).expect("there is none");
        let data = folder.path().join("postgres/data");
        std::fs::create_dir_all(&data).expect("our folder");
        std::fs::write(data.join("PG_VERSION"), "9\n").expect("our folder");
        let refused = check_kept_data(folder.path()).expect_err("it is too old").to_string();
        assert!(refused.contains("belongs to PostgreSQL 9"), "{refused}");
    }
}
