//! The jars of Apache Kafka, fetched once by Maven, and a Java to run them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::account::make_folder;
use crate::error::{Error, FileContext as _, Result};
use crate::machine::Found;
use crate::process::last_lines;

const POM: &str = include_str!("../../kafka/pom.xml");
/// In the name of the folder, so that another version is another folder.
const VERSION: &str = "4.3.0";
const JARS: &str = "libs";
const JAVA_MIN: u32 = 17;

/// The folder with the jars, filled on the first call. Later calls touch neither Maven nor the network.
pub(crate) async fn jars(cache: &Path) -> Result<PathBuf> {
    if let Some(complete) = fetched(cache) {
        return Ok(complete);
    }
    make_folder(cache, 0o755, None)?;
    let lock_path = cache.join("lock");
    let lock = std::fs::File::create(&lock_path).on("write", &lock_path)?;
    // Another starter may be fetching; blocking is right, because there is nothing to do without the jars.
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await;
    let _lock = lock.expect("locking does not panic").on("lock", &lock_path)?;
    if let Some(complete) = fetched(cache) {
        return Ok(complete);
    }
    let kept = kept(cache);
    let fresh = cache.join(format!("kafka-{VERSION}.new"));
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).on("remove", &fresh)?;
    }
    make_folder(&fresh, 0o755, None)?;
    fetch(&fresh).await?;
    std::fs::rename(&fresh, &kept).on("move into place", &kept)?;
    Ok(kept.join(JARS))
}

/// The folder with the jars, if they are there.
pub(crate) fn fetched(cache: &Path) -> Option<PathBuf> {
    Some(kept(cache).join(JARS)).filter(|complete| complete.is_dir())
}

fn kept(cache: &Path) -> PathBuf {
    cache.join(format!("kafka-{VERSION}"))
}

/// The Maven that would fetch them.
pub(crate) fn maven() -> Result<Found> {
    let out = std::process::Command::new("mvn").arg("--version").stdin(Stdio::null()).output();
    let out = out.map_err(|_| Error::MavenMissing)?;
    let said = String::from_utf8_lossy(&out.stdout);
    // `Apache Maven 3.9.9 (…)`, in colours on some systems.
    let version =
        said.lines().find_map(|line| line.split_once("Apache Maven ")?.1.split([' ', '\u{1b}']).next());
    let version = version.ok_or(Error::MavenMissing)?.to_owned();
    Ok(Found { version, place: "mvn".into() })
}

async fn fetch(folder: &Path) -> Result<()> {
    let pom = folder.join("pom.xml");
    std::fs::write(&pom, POM).on("write", &pom)?;
    tracing::info!(version = VERSION, "fetching Apache Kafka with Maven, once (44 MB)");
    let mut command = Command::new("mvn");
    command.args(["--quiet", "--batch-mode", "--file"]).arg(&pom).arg("dependency:copy-dependencies");
    command
        .args(["-DincludeScope=runtime", "-DoutputDirectory=libs"])
        .current_dir(folder)
        .stdin(Stdio::null());
    let out = command.kill_on_drop(true).output().await.map_err(|source| {
        if source.kind() == std::io::ErrorKind::NotFound {
            Error::MavenMissing
        } else {
            Error::Spawn { program: "mvn".into(), source }
        }
    })?;
    let broker = folder.join(format!("libs/kafka_2.13-{VERSION}.jar"));
    if out.status.success() && broker.is_file() {
        return Ok(());
    }
    let said = format!("{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    Err(Error::MavenFailed { said: last_lines(&said) })
}

/// The first Java that is new enough: on PATH, then in the usual folders.
pub(crate) fn java() -> Result<PathBuf> {
    java_found().map(|java| java.place)
}

pub(crate) fn java_found() -> Result<Found> {
    let mut candidates = vec![PathBuf::from("java")];
    for (parent, rest) in [
        ("/usr/lib/jvm", "bin/java"),
        ("/opt/homebrew/opt", "bin/java"),
        ("/usr/local/opt", "bin/java"),
        ("/Library/Java/JavaVirtualMachines", "Contents/Home/bin/java"),
    ] {
        let Ok(entries) = std::fs::read_dir(parent) else { continue };
        let mut found: Vec<PathBuf> =
            entries.filter_map(Result::ok).map(|entry| entry.path().join(rest)).collect();
        found.retain(|path| path.is_file());
        found.sort_unstable();
        candidates.extend(found.into_iter().rev());
    }
    java_among(&candidates)
}

fn java_among(candidates: &[PathBuf]) -> Result<Found> {
    let mut seen = None;
    for program in candidates {
        let Ok(out) = std::process::Command::new(program).arg("-version").stdin(Stdio::null()).output()
        else {
            continue;
        };
        let Some(version) = java_version(&String::from_utf8_lossy(&out.stderr)) else { continue };
        if java_major(&version).is_some_and(|major| major >= JAVA_MIN) {
            return Ok(Found { version, place: program.clone() });
        }
        seen.get_or_insert(version);
    }
    Err(Error::JavaMissing { found: seen })
}

/// `17.0.15` out of `openjdk version "17.0.15" 2025-04-15`.
fn java_version(said: &str) -> Option<String> {
    let line = said.lines().find(|line| line.contains(" version \""))?;
    Some(line.split('"').nth(1)?.to_owned())
}

/// `1.8.0_412` is Java 8; `21-ea` is Java 21.
fn java_major(version: &str) -> Option<u32> {
    let mut numbers = version.split(|character: char| !character.is_ascii_digit()).map(str::parse::<u32>);
    match numbers.next()?.ok()? {
        1 => numbers.next()?.ok(),
        major => Some(major),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_old_and_new_are_read() {
        for (version, major) in [("1.8.0_412", 8), ("17.0.15", 17), ("21-ea", 21), ("25", 25)] {
            assert_eq!(java_major(version), Some(major), "{version}");
        }
        let said = "Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"17.0.15\" 2025-04-15\n";
        assert_eq!(java_version(said).as_deref(), Some("17.0.15"));
    }

    #[test]
    fn no_java_says_how_to_get_it() {
        let error = java_among(&["/nowhere/java".into()]).expect_err("nothing there");
        assert_eq!(
            error.to_string(),
            "Java 17 or newer is not on this machine: install it (Debian: apt-get install default-jre-headless) or give --kafka"
        );
    }

    #[test]
    fn the_pom_asks_for_the_version_that_the_folder_is_named_after() {
        assert!(
            POM.contains(&format!("<artifactId>kafka_2.13</artifactId>\n      <version>{VERSION}</version>"))
        );
    }
}
