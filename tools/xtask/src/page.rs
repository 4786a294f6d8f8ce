//! A page that is written from the code.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};

/// A file below the root of the project.
pub(crate) fn read(path: &str) -> anyhow::Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| format!("cannot read {path}"))
}

/// Writes the page at `path`, or compares it when `check` is set. `chore` is the command that writes it.
pub(crate) fn keep(path: &str, fresh: &str, chore: &str, check: bool) -> anyhow::Result<()> {
    let file = root().join(path);
    if fs::read_to_string(&file).is_ok_and(|there| there == fresh) {
        return Ok(());
    }
    ensure!(!check, "run `cargo xtask {chore}`: {path} is stale");
    fs::write(file, fresh).with_context(|| format!("cannot write {path}"))
}

/// The root of the project.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
