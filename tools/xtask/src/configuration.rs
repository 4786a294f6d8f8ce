//! `docs/configuration.md`: every option of every service.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Writes the page, or compares it when `check` is set. It is made by a program that imports the services, which xtask does
/// not: it must compile when they do not.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let arguments = ["run", "--quiet", "--locked", "--package", "bowline-reference"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root).output()?;
    ensure!(output.status.success(), "bowline-reference: {}", String::from_utf8_lossy(&output.stderr));
    let (file, page) = (root.join("docs/configuration.md"), String::from_utf8(output.stdout)?);
    if fs::read_to_string(&file).is_ok_and(|there| there == page) {
        return Ok(());
    }
    ensure!(!check, "run `cargo xtask configuration`: docs/configuration.md is stale");
    fs::write(file, page).context("cannot write docs/configuration.md")
}
