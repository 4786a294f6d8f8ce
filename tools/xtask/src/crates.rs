//! The picture of the crates in ARCHITECTURE.md, made from what they import.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::page;

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const PICTURE_BEGINS: &str = "<!-- written by `cargo xtask crates` -->\n";
const PICTURE_ENDS: &str = "<!-- until here -->\n";

/// Writes the picture of the crates, or compares it when `check` is set.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let there = page::read(ARCHITECTURE)?;
    let (before, rest) =
        there.split_once(PICTURE_BEGINS).with_context(|| format!("{ARCHITECTURE} lacks {PICTURE_BEGINS}"))?;
    let (_, after) =
        rest.split_once(PICTURE_ENDS).with_context(|| format!("{ARCHITECTURE} lacks {PICTURE_ENDS}"))?;
    let picture = picture(&metadata()?.imports());
    let fresh = [before, PICTURE_BEGINS, &picture, PICTURE_ENDS, after].concat();
    page::keep(ARCHITECTURE, &fresh, "crates", check)
}

/// What cargo knows of the workspace.
fn metadata() -> anyhow::Result<Metadata> {
    let mut command = Command::new(env!("CARGO"));
    let output = command
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(page::root())
        .output()?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("cargo metadata answers in JSON")
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `None` for an ordinary dependency, else `dev` or `build`.
    kind: Option<String>,
    /// Set for a crate of the workspace.
    path: Option<String>,
}

/// The crates of the workspace, each with those that it imports.
type Imports = BTreeMap<String, Vec<String>>;

impl Metadata {
    fn imports(self) -> Imports {
        let packages = self.packages.into_iter().map(|package| {
            let ours = package.dependencies.into_iter();
            let ours = ours.filter(|dependency| dependency.kind.is_none() && dependency.path.is_some());
            let mut imported: Vec<String> = ours.map(|dependency| dependency.name).collect();
            imported.sort();
            (package.name, imported)
        });
        packages.collect()
    }
}

/// A line for each crate that imports others of ours, without what one of these imports anyway.
fn picture(imports: &Imports) -> String {
    let mut picture = String::from("```mermaid\ngraph TD\n");
    for (name, imported) in imports {
        let direct = imported.iter().filter(|dependency| {
            let others = imported.iter().filter(|other| other != dependency);
            !others.into_iter().any(|other| reaches(imports, other, dependency))
        });
        let direct: Vec<&str> = direct.map(|dependency| short(dependency)).collect();
        if !direct.is_empty() {
            picture.extend(["  ", short(name), " --> ", &direct.join(" & "), "\n"]);
        }
    }
    picture + "```\n"
}

/// Whether `from` imports `to`, itself or through others.
fn reaches(imports: &Imports, from: &str, to: &str) -> bool {
    let imported = imports.get(from).map(Vec::as_slice).unwrap_or_default();
    imported.iter().any(|next| next == to || reaches(imports, next, to))
}

fn short(name: &str) -> &str {
    name.strip_prefix("bowline-").unwrap_or(name)
}
