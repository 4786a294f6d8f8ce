//! `docs/configuration.md`: every option of every service.

use std::process::Command;

use anyhow::ensure;

use crate::page;

/// Writes the page, or compares it when `check` is set. It is made by a program that imports the services, which xtask does
/// not: it must compile when they do not.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let arguments = ["run", "--quiet", "--locked", "--package", "bowline-reference"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(page::root()).output()?;
    ensure!(output.status.success(), "bowline-reference: {}", String::from_utf8_lossy(&output.stderr));
    page::keep("docs/configuration.md", &String::from_utf8(output.stdout)?, "configuration", check)
}
