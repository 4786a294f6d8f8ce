//! Random passwords, kept in a file that only its owner may read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rand::rngs::{StdRng, SysRng};
use rand::{RngExt as _, SeedableRng as _};

use crate::account::write_private;
use crate::error::{Error, FileContext as _, Result};

/// A generator seeded by the operating system.
pub(crate) fn random() -> StdRng {
    StdRng::try_from_rng(&mut SysRng).expect("the operating system has randomness")
}

/// `length` random lower-case letters and digits: safe in URLs, topic names and, after a letter, in SQL names.
pub fn random_text(length: usize) -> String {
    let mut random = random();
    (0..length).map(|_| char::from_digit(random.random_range(0..36), 36).expect("a digit below 36")).collect()
}

/// Passwords by role name.
#[derive(Debug)]
pub struct Secrets {
    path: Option<PathBuf>,
    passwords: Mutex<BTreeMap<String, String>>,
}

impl Secrets {
    /// Kept in `path` (mode 0600), which need not exist yet.
    pub fn open(path: &Path) -> Result<Self> {
        let passwords = match std::fs::read(path) {
            Ok(content) => serde_json::from_slice(&content).map_err(|error| Error::File {
                action: "read",
                path: path.to_owned(),
                source: error.into(),
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).on("read", path),
        };
        Ok(Self { path: Some(path.to_owned()), passwords: Mutex::new(passwords) })
    }

    /// Kept nowhere, for databases that live as long as a test; some may be given.
    pub fn ephemeral(given: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { path: None, passwords: Mutex::new(given.into_iter().collect()) }
    }

    /// The password of `role`, made (and stored) when asked for the first time.
    pub fn password(&self, role: &str) -> Result<String> {
        let mut passwords = self.passwords.lock().expect("no panic while the lock is held");
        if let Some(password) = passwords.get(role) {
            return Ok(password.clone());
        }
        let password = random_text(32);
        passwords.insert(role.to_owned(), password.clone());
        if let Some(path) = &self.path {
            let content = serde_json::to_vec_pretty(&*passwords).expect("a map of strings is JSON");
            write_private(path, &content, None)?;
        }
        Ok(password)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_password_stays_the_same_and_private() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("secrets.json");
        let first = Secrets::open(&path).expect("new").password("a").expect("stored");
        let again = Secrets::open(&path).expect("there").password("a").expect("stored");
        let other = Secrets::open(&path).expect("there").password("b").expect("stored");
        assert_eq!(first, again);
        assert_ne!(first, other);
        assert_eq!(path.metadata().expect("exists").permissions().mode() & 0o777, 0o600);
    }
}
