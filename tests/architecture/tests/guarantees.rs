//! The pages that promise something name tests that exist.

use std::collections::BTreeSet;

use bowline_architecture::{sources, text};

/// Names in backquotes that have the form of a test's: words joined by underscores, four at least.
fn named(page: &str) -> BTreeSet<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    let is_name = |text: &&str| {
        text.split('_').count() >= 4
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    quoted.filter(is_name).collect()
}

/// The functions with a test's attribute.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in ["crates", "services", "tools", "tests"].into_iter().flat_map(sources) {
        let mut is_test = false;
        for line in text(source).lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                found.extend(rest.split('(').next().map(str::to_owned));
                is_test = false;
            }
        }
    }
    found
}

#[test]
fn every_guarantee_names_tests_that_exist() {
    let tests = tests();
    for (page, at_least) in [("docs/guarantees.md", 41), ("SECURITY.md", 4)] {
        let text = text(page);
        let named = named(&text);
        assert!(named.len() >= at_least, "only {} tests are named in {page}", named.len());
        let unknown: Vec<&str> = named.into_iter().filter(|name| !tests.contains(*name)).collect();
        assert!(unknown.is_empty(), "{page}: no test has the name {unknown:?}");
    }
}

#[test]
fn every_row_of_promises_is_pinned() {
    let page = text("docs/guarantees.md");
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
