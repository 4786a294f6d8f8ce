//! The programs of this workspace, as the test run has built them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::SystemTime;

/// One program; see [`binaries`].
pub fn binary(name: &str) -> PathBuf {
    binaries(&[name]).remove(name).expect("it was asked for")
}

/// The paths of programs such as `bowline-orders`, beside the running test in the target folder.
///
/// `cargo test --workspace` has built them. When a single package is tested, a program may be missing or older than one
/// of its sources; then those are built here, once.
pub fn binaries(names: &[&str]) -> BTreeMap<String, PathBuf> {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = BUILDING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = profile_folder();
    let wanted: Vec<&str> = names.iter().copied().filter(|name| !is_current(&folder.join(name))).collect();
    if !wanted.is_empty() {
        build(&wanted, &[], &folder);
    }
    names.iter().map(|&name| (name.to_owned(), folder.join(name))).collect()
}

/// The folder of the services as a proof runs them: built with their feature `fault-points`. Programs that know nothing of
/// it, such as the payment simulator, lie there as well, by the names in `others`.
///
/// Cargo gives them the names of the ordinary ones; these are built again behind them, which compiles nothing.
pub fn programs_for_proving(services: &[&str], others: &[&str]) -> PathBuf {
    let folder = profile_folder();
    let ours = folder.join("fault-points");
    std::fs::create_dir_all(&ours).expect("the target folder is ours");
    let features: Vec<String> = services.iter().map(|service| format!("{service}/fault-points")).collect();
    for (names, features) in [(services, &features[..]), (others, &[])] {
        build(names, features, &folder);
        for name in names {
            std::fs::copy(folder.join(name), ours.join(name)).expect("it was built");
        }
    }
    build(services, &[], &folder);
    ours
}

/// `target/debug` of `target/debug/deps/some_test-0123`.
fn profile_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.ancestors().nth(2).expect("tests lie in the folder deps of a target folder");
    folder.to_owned()
}

/// Whether the program is there and no source that its dep-info lists has changed since.
fn is_current(program: &Path) -> bool {
    let Some(built) = modified(program) else { return false };
    // Without it nobody can tell; cargo can, and is quick when there is nothing to do.
    let Ok(info) = std::fs::read_to_string(program.with_extension("d")) else { return false };
    let sources = info.split_once(": ").map_or("", |(_, sources)| sources).trim().replace("\\ ", "\0");
    sources
        .split_whitespace()
        .all(|source| modified(Path::new(&source.replace('\0', " "))).is_some_and(|changed| changed <= built))
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|about| about.modified()).ok()
}

fn build(names: &[&str], features: &[String], folder: &Path) {
    let mut command = Command::new(env!("CARGO"));
    command.arg("build").arg("--quiet").arg("--locked").current_dir(env!("CARGO_MANIFEST_DIR"));
    command.arg("--target-dir").arg(folder.parent().expect("a profile lies in a target folder"));
    if folder.ends_with("release") {
        command.arg("--release");
    }
    if !features.is_empty() {
        command.arg("--features").arg(features.join(","));
    }
    for name in names {
        // The tool is the one program that is not named like its package.
        let package = if *name == "bowline" { "bowline-cli" } else { name };
        command.args(["--package", package, "--bin", name]);
    }
    let status = command.status().expect("cargo runs where it has run before");
    assert!(status.success(), "cargo could not build {names:?}");
    for name in names {
        assert!(folder.join(name).is_file(), "cargo has built {name}, but not into {}", folder.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_older_than_its_source_is_not_current() {
        // Beside this test's own program, because the target folder is the one place that a test may surely write.
        let folder = profile_folder().join(format!("binaries-test-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the target folder is ours");
        let (program, source) = (folder.join("p"), folder.join("a source.rs"));
        std::fs::write(&program, "").expect("our folder");
        std::fs::write(&source, "").expect("our folder");
        let listed = source.display().to_string().replace(' ', "\\ ");
        std::fs::write(folder.join("p.d"), format!("{}: {listed}\n", program.display())).expect("our folder");
        let at = |path: &Path, seconds: u64| {
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            std::fs::File::options()
                .write(true)
                .open(path)
                .and_then(|file| file.set_modified(time))
                .expect("our file");
        };
        at(&program, 2000);
        at(&source, 1000);
        assert!(is_current(&program));
        at(&source, 3000);
        assert!(!is_current(&program), "its source has changed");
        assert!(!is_current(&folder.join("q")), "it is missing");
        at(&source, 1000);
        std::fs::remove_file(folder.join("p.d")).expect("our file");
        assert!(!is_current(&program), "nobody knows its sources");
        std::fs::remove_dir_all(&folder).expect("our folder");
    }
}
