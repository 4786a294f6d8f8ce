//! The unprivileged user that the servers run as when we are root.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, FileContext as _, Result};

/// A user of this machine, from `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// Whom the servers run as: nobody special (`None`) when we are an ordinary user; as root `postgres` if there is
    /// one, else `nobody`.
    pub(crate) fn for_servers() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let path = Path::new("/etc/passwd");
        let passwd = std::fs::read_to_string(path).on("read", path)?;
        Self::choose(&passwd).map(Some).ok_or(Error::NoAccount)
    }

    fn choose(passwd: &str) -> Option<Self> {
        ["postgres", "nobody"].iter().find_map(|wanted| {
            passwd.lines().find_map(|line| {
                let mut fields = line.split(':');
                let name = fields.next().filter(|name| name == wanted)?;
                let uid = id(fields.nth(1)?)?;
                let gid = id(fields.next()?)?;
                (uid != 0).then(|| Self { name: name.to_owned(), uid, gid })
            })
        })
    }

    fn may_enter(&self, folder: &Metadata) -> bool {
        let needed = if folder.uid() == self.uid {
            0o100
        } else if folder.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        folder.permissions().mode() & needed != 0
    }
}

/// macOS writes the id of `nobody` as -2.
fn id(text: &str) -> Option<u32> {
    text.parse::<u32>().ok().or_else(|| text.parse::<i32>().ok().map(i32::cast_unsigned))
}

/// Checks that `account` can walk down to `folder`, which exists.
pub(crate) fn check_reachable(folder: &Path, account: Option<&Account>) -> Result<()> {
    let Some(account) = account else { return Ok(()) };
    let folder = folder.canonicalize().on("find", folder)?;
    let mut way: Vec<&Path> = folder.ancestors().collect();
    way.reverse();
    for step in way {
        if !account.may_enter(&step.metadata().on("look at", step)?) {
            return Err(Error::FolderClosed { folder: step.to_owned(), user: account.name.clone() });
        }
    }
    Ok(())
}

/// Makes `folder` with `mode`, parents included (those that are missing become 0755), owned by `account` if given.
pub(crate) fn make_folder(folder: &Path, mode: u32, account: Option<&Account>) -> Result<()> {
    let mut missing: Vec<PathBuf> =
        folder.ancestors().filter(|step| !step.exists()).map(Path::to_owned).collect();
    missing.reverse();
    for step in &missing {
        let outcome = std::fs::DirBuilder::new().mode(0o755).create(step);
        // Two starters may make the same parent at once.
        if let Err(error) = outcome
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(Error::File { action: "make the folder", path: step.clone(), source: error });
        }
        // The umask may have closed the folder for the servers' user.
        std::fs::set_permissions(step, std::fs::Permissions::from_mode(0o755)).on("open up", step)?;
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).on("set the mode of", folder)?;
    give(folder, account)
}

/// Hands a file or folder to `account`.
pub(crate) fn give(path: &Path, account: Option<&Account>) -> Result<()> {
    match account {
        Some(account) => std::os::unix::fs::chown(path, Some(account.uid), Some(account.gid))
            .on("change the owner of", path),
        None => Ok(()),
    }
}

/// Writes a file that only its owner may read, replacing it in one step.
pub(crate) fn write_private(path: &Path, content: &[u8], account: Option<&Account>) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".new");
    let fresh = path.with_file_name(name);
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).on("remove", &fresh),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .on("write", &fresh)?;
    file.write_all(content).on("write", &fresh)?;
    give(&fresh, account)?;
    std::fs::rename(&fresh, path).on("write", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nnobody:*:-2:-2::/var/empty:/usr/bin/false\n";

    #[test]
    fn postgres_is_preferred_to_nobody() {
        let with = format!("{PASSWD}postgres:x:101:104::/var/lib/postgresql:/bin/bash\n");
        let account = Account::choose(&with).expect("postgres is listed");
        assert_eq!((account.name.as_str(), account.uid, account.gid), ("postgres", 101, 104));
    }

    #[test]
    fn negative_ids_are_read_as_the_system_means_them() {
        let account = Account::choose(PASSWD).expect("nobody is listed");
        assert_eq!((account.name.as_str(), account.uid), ("nobody", u32::MAX - 1));
    }

    #[test]
    fn nobody_to_be_is_none() {
        assert_eq!(Account::choose("root:x:0:0:root:/root:/bin/bash\n"), None);
    }

    #[test]
    fn a_closed_folder_on_the_way_is_named() {
        let top = tempfile::tempdir().expect("a temporary folder");
        std::fs::set_permissions(top.path(), std::fs::Permissions::from_mode(0o755)).expect("our folder");
        let closed = top.path().join("closed");
        let inner = closed.join("inner");
        make_folder(&inner, 0o755, None).expect("our folder");
        let stranger = Account { name: "stranger".into(), uid: u32::MAX - 9, gid: u32::MAX - 9 };
        check_reachable(&inner, Some(&stranger)).expect("every folder on the way is open");

        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).expect("our folder");
        let error = check_reachable(&inner, Some(&stranger)).expect_err("closed to strangers");
        let closed = closed.canonicalize().expect("it exists");
        assert!(
            matches!(&error, Error::FolderClosed { folder, user } if *folder == closed && user == "stranger")
        );
    }

    #[test]
    fn a_private_file_is_private_and_replaced() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("secret");
        write_private(&path, b"one", None).expect("written");
        write_private(&path, b"two", None).expect("written again");
        assert_eq!(std::fs::read(&path).expect("readable by us"), b"two");
        assert_eq!(path.metadata().expect("exists").permissions().mode() & 0o777, 0o600);
    }
}
