//! The rules of ARCHITECTURE.md that a compiler does not check, and the documents, held against the code: all of it tests.
//! What they share is here: where sources and pages are, and how they are read.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is here")
}

/// A file of the repository as text.
pub fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Rust files below a folder of the repository, in order.
pub fn sources(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(&root().join(folder), "rs", &mut files);
    files.sort();
    files
}

/// The pages of the repository, by their paths from its root, in order.
pub fn pages() -> Vec<PathBuf> {
    let (root, mut files) = (root(), Vec::new());
    collect(&root, "md", &mut files);
    let relative = |file: PathBuf| file.strip_prefix(&root).expect("it lies below the root").to_owned();
    let mut pages: Vec<PathBuf> = files.into_iter().map(relative).collect();
    pages.sort();
    pages
}

/// What is built or hidden is not the project's.
fn collect(folder: &Path, extension: &str, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("folders can be listed") {
        let path = entry.expect("folders can be listed").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if name != "target" && name != "node_modules" && !name.starts_with('.') {
                collect(&path, extension, files);
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
}

/// What of a source is compiled into the program: not a file of tests, nor the tests at the end of a file.
pub fn program_of(source: &Path) -> String {
    if source.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests")) {
        return String::new();
    }
    let text = text(source);
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

/// The rows of a page's tables whose header begins with `first`, as trimmed cells.
pub fn rows<'a>(page: &'a str, first: &str) -> Vec<Vec<&'a str>> {
    let (mut rows, mut wanted, mut in_table) = (Vec::new(), false, false);
    for line in page.lines() {
        let Some(cells) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            in_table = false;
            continue;
        };
        let cells: Vec<&str> = cells.split('|').map(str::trim).collect();
        if !in_table {
            (in_table, wanted) = (true, cells[0] == first);
        } else if wanted && !cells[0].starts_with("---") {
            rows.push(cells);
        }
    }
    rows
}
