//! The picture of the crates in ARCHITECTURE.md, made from what they import.

use std::collections::BTreeMap;

use anyhow::Context as _;
use cargo_metadata::{Dependency, DependencyKind, MetadataCommand};

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
    let picture = picture(&imports()?);
    let fresh = [before, PICTURE_BEGINS, &picture, PICTURE_ENDS, after].concat();
    page::keep(ARCHITECTURE, &fresh, "crates", check)
}

/// The crates of the workspace, each with those that it imports.
type Imports = BTreeMap<String, Vec<String>>;

/// What cargo knows of the workspace.
fn imports() -> anyhow::Result<Imports> {
    let metadata = MetadataCommand::new()
        .current_dir(page::root())
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .context("cargo does not say what the crates import")?;
    let packages = metadata.packages.into_iter().map(|package| {
        let ordinary = |dependency: &Dependency| dependency.kind == DependencyKind::Normal;
        let ours = |dependency: &Dependency| dependency.path.is_some();
        let imported = package.dependencies.into_iter().filter(|found| ordinary(found) && ours(found));
        let mut imported: Vec<String> = imported.map(|dependency| dependency.name).collect();
        imported.sort();
        (package.name.to_string(), imported)
    });
    Ok(packages.collect())
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
