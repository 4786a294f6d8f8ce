//! What happened, step by step, and its hash.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The steps of a run with what could be seen of them.
#[derive(Debug, Default, Clone)]
pub struct Trace {
    lines: Vec<String>,
}

impl Trace {
    pub(crate) fn add(&mut self, line: String) {
        self.lines.push(line);
    }

    /// One line for each step.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The same for the same steps, on every machine.
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for line in &self.lines {
            hasher.update(line.as_bytes());
            hasher.update([b'\n']);
        }
        let mut text = String::new();
        for byte in hasher.finalize().iter().take(16) {
            write!(text, "{byte:02x}").expect("a text takes what is written");
        }
        text
    }
}
