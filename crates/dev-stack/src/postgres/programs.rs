//! Finding the server programs of PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};

/// The oldest major version that the services' SQL runs on.
pub(crate) const MAJOR_MIN: u32 = 15;

/// Server programs of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Programs {
    pub(crate) initdb: PathBuf,
    pub(crate) postgres: PathBuf,
    /// Lies beside the others; looked for only where it is run.
    pub(crate) basebackup: PathBuf,
    pub(crate) major: u32,
    pub(crate) version: String,
}

/// Folders with one sub-folder per version, as distributions and installers lay them out.
const VERSIONED: [(&str, &str, &str); 9] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/usr/lib64", "postgresql", "bin"),
    ("/usr/lib", "postgresql", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

impl Programs {
    /// Looks on PATH, then where `pg_config` points, then in the usual folders, the newest version first.
    pub(crate) fn find() -> Result<Self> {
        let mut folders = vec![PathBuf::new()];
        if let Ok(out) = Command::new("pg_config").arg("--bindir").output() {
            folders.push(PathBuf::from(String::from_utf8_lossy(&out.stdout).trim()));
        }
        for (parent, start, rest) in VERSIONED {
            folders
                .extend(versions_below(Path::new(parent), start).into_iter().map(|folder| folder.join(rest)));
        }
        folders.push("/usr/local/pgsql/bin".into());
        Self::among(&folders)
    }

    /// The first usable installation among `folders`; an empty path means PATH.
    pub(crate) fn among(folders: &[PathBuf]) -> Result<Self> {
        let mut too_old: Option<(u32, String)> = None;
        for folder in folders {
            let (initdb, postgres) = (folder.join("initdb"), folder.join("postgres"));
            if version_text(&initdb).is_none() {
                continue;
            }
            let Some(version) = version_text(&postgres) else { continue };
            let Some(major) = major(&version) else { continue };
            if major >= MAJOR_MIN {
                let basebackup = folder.join("pg_basebackup");
                return Ok(Self { initdb, postgres, basebackup, major, version });
            }
            if too_old.as_ref().is_none_or(|(newest, _)| major > *newest) {
                too_old = Some((major, version));
            }
        }
        Err(too_old.map_or(Error::PostgresMissing, |(_, found)| Error::PostgresTooOld { found }))
    }
}

fn versions_below(parent: &Path, start: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name();
            let digits = name.to_str()?.strip_prefix(start)?;
            Some((digits.split('.').next()?.parse().ok()?, entry.path()))
        })
        .collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// `16.4` out of `postgres (PostgreSQL) 16.4 (Debian 16.4-1)`.
fn version_text(program: &Path) -> Option<String> {
    let out = Command::new(program).arg("--version").output().ok().filter(|out| out.status.success())?;
    let line = String::from_utf8_lossy(&out.stdout).into_owned();
    Some(line.split_once("(PostgreSQL)")?.1.split_whitespace().next()?.to_owned())
}

/// Also of `18beta1` and `17devel`.
fn major(version: &str) -> Option<u32> {
    let end = version.find(|character: char| !character.is_ascii_digit()).unwrap_or(version.len());
    version[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn pretend(folder: &Path, version: &str) {
        for name in ["initdb", "postgres"] {
            let path = folder.join(name);
            std::fs::write(&path, format!("#!/bin/sh\necho '{name} (PostgreSQL) {version} (Test 1)'\n"))
                .expect("our folder");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("our file");
        }
    }

    #[test]
    fn nothing_there_says_how_to_get_it() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        let error = Programs::among(&[empty.path().to_owned()]).expect_err("nothing there");
        assert_eq!(
            error.to_string(),
            "PostgreSQL 15 or newer is not on this machine: install it (Debian: apt-get install postgresql) or give --postgres-url"
        );
    }

    #[test]
    fn an_old_one_is_passed_over_and_named_if_it_is_the_only_one() {
        let (old, new) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        pretend(old.path(), "14.13");
        pretend(new.path(), "17.2");
        let folders = [old.path().to_owned(), new.path().to_owned()];
        assert_eq!(Programs::among(&folders).expect("the new one").major, 17);
        let error = Programs::among(&folders[..1]).expect_err("too old");
        assert!(error.to_string().starts_with("PostgreSQL 14.13 on this machine is too old"), "{error}");
    }

    #[test]
    fn the_newest_version_comes_first() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        for name in ["9.6", "15", "17", "common"] {
            std::fs::create_dir(parent.path().join(name)).expect("our folder");
        }
        let names: Vec<_> = versions_below(parent.path(), "")
            .into_iter()
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        assert_eq!(names, ["17", "15", "9.6"]);
    }
}
