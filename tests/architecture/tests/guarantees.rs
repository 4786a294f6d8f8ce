//! The page of guarantees names tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Names in backquotes that have the form of a test's: words joined by underscores, four at least.
fn named(page: &str) -> BTreeSet<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    let is_name = |text: &&str| {
        text.split('_').count() >= 4
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    quoted.filter(is_name).collect()
}

/// The functions with a test's attribute in the files below `folder`.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the repository can be read") {
        let path = entry.expect("the repository can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                tests_below(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("sources are text");
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                    found.extend(rest.split('(').next().map(str::to_owned));
                    is_test = false;
                }
            }
        }
    }
}

#[test]
fn every_guarantee_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/guarantees.md")).expect("the page is there");
    let mut tests = BTreeSet::new();
    tests_below(&root, &mut tests);
    let named = named(&page);
    assert!(named.len() > 40, "only {} tests are named", named.len());
    let unknown: Vec<&str> = named.into_iter().filter(|name| !tests.contains(*name)).collect();
    assert!(unknown.is_empty(), "no test has the name {unknown:?}");
}

#[test]
fn every_row_of_promises_is_pinned() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/guarantees.md")).expect("the page is there");
    let mut in_promises = false;
    for line in page.lines() {
        if line.starts_with("| promise |") {
            in_promises = true;
        } else if !line.starts_with('|') {
            in_promises = false;
        } else if in_promises && !line.starts_with("|---") {
            let pinned = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
            assert!(!named(pinned).is_empty(), "nothing pins: {line}");
        }
    }
}
