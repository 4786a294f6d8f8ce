//! The wire formats, held against golden files.

mod headers;
mod messages;
mod samples;

use std::path::PathBuf;

/// Where the golden files of this kind are.
fn golden(kind: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/golden", kind].iter().collect()
}
