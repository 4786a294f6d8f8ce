//! Where the stack keeps its state and the fetched parts of Kafka.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The two folders of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Data, logs, secrets and the list of processes of one stack.
    pub state: PathBuf,
    /// What is fetched once and shared by all stacks of this user.
    pub cache: PathBuf,
}

/// The variables that decide the default folders. Tools read them through clap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_STATE_HOME`.
    pub xdg_state_home: Option<PathBuf>,
    /// `XDG_CACHE_HOME`.
    pub xdg_cache_home: Option<PathBuf>,
}

impl Folders {
    /// The default folders: for root below `/var`, where the servers' user can reach them; for others below the home
    /// folder, as the XDG rules say. A given folder wins.
    pub fn choose(state: Option<PathBuf>, cache: Option<PathBuf>, around: &Surroundings) -> Result<Self> {
        Self::choose_as(rustix::process::geteuid().is_root(), state, cache, around)
    }

    fn choose_as(
        root: bool,
        state: Option<PathBuf>,
        cache: Option<PathBuf>,
        around: &Surroundings,
    ) -> Result<Self> {
        let below = |xdg: Option<&PathBuf>, rest: &str, for_root: &str| {
            if root {
                return Ok(PathBuf::from(for_root));
            }
            // A relative XDG folder is to be ignored, says its standard.
            let base = xdg.filter(|path| path.is_absolute()).cloned();
            base.or_else(|| around.home.as_ref().map(|home| home.join(rest)))
                .map(|base| base.join("bowline"))
                .ok_or(Error::NoHome)
        };
        Ok(Self {
            state: match state {
                Some(given) => absolute(&given)?,
                None => below(around.xdg_state_home.as_ref(), ".local/state", "/var/lib/bowline")?,
            },
            cache: match cache {
                Some(given) => absolute(&given)?,
                None => below(around.xdg_cache_home.as_ref(), ".cache", "/var/cache/bowline")?,
            },
        })
    }
}

/// The servers run in another working folder, so every path is made absolute once, here.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|source| Error::File { action: "find", path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around() -> Surroundings {
        Surroundings { home: Some("/home/a".into()), xdg_state_home: None, xdg_cache_home: Some("/c".into()) }
    }

    #[test]
    fn a_user_keeps_things_below_home_or_where_xdg_says() {
        let folders = Folders::choose_as(false, None, None, &around()).expect("home is known");
        assert_eq!(
            folders,
            Folders { state: "/home/a/.local/state/bowline".into(), cache: "/c/bowline".into() }
        );
    }

    #[test]
    fn root_keeps_things_where_other_users_can_go() {
        let folders = Folders::choose_as(true, None, None, &around()).expect("root needs no home");
        assert_eq!(folders, Folders { state: "/var/lib/bowline".into(), cache: "/var/cache/bowline".into() });
    }

    #[test]
    fn without_a_home_the_message_names_the_options() {
        let error = Folders::choose_as(false, None, None, &Surroundings::default()).expect_err("no home");
        assert!(error.to_string().contains("--stack-dir"));
        Folders::choose_as(false, Some("/s".into()), Some("/c".into()), &Surroundings::default())
            .expect("both are given");
    }
}
