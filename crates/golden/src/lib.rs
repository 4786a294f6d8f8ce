//! Golden files: the forms in which events are stored and messages sent, byte for byte, for tests.
//!
//! What was once stored or sent is read for ever. A form is what a value is written as; its golden file is committed
//! with the code that first writes it.
//!
//! **Guarantees.** [`hold`] and [`hold_stored`] fail when a value is written otherwise than its file holds, when a file
//! is no longer read as its value, when a form has no file, and when a file has no form. [`hold_stored`] fails for a type
//! of event without a form, for a schema version that was left out or forgotten, when an event is written in another than
//! the newest, when a version is read that nobody has written, and when an event is not read because a later release has
//! given it one member more.
//!
//! **Does not.** It never changes a file. A form that is to be written otherwise gets a new schema version, or a new
//! type of message, and with it a new file; the old one stays and is read ever after.
//!
//! **How to write a new file.** Add the form to the test and run it once with `BOWLINE_BLESS=1`; it writes what is missing
//! and nothing else. Read what it wrote before you commit it.
//!
//! **How to hold one more kind of form.** Make a [`Form`] of each value and call [`hold`] with the folder, which the
//! files of that kind have for themselves.

mod sent;
mod stored;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

pub use sent::with_later_fields;
pub use stored::{hold_stored, stored};

/// The environment variable that, set to 1, has missing files written.
pub const BLESS: &str = "BOWLINE_BLESS";

/// A value and what it is written as.
#[derive(Debug, Clone)]
pub struct Form<T> {
    /// The name of its file.
    pub file: String,
    /// What is read from the file.
    pub value: T,
    /// What the value is written as; `None` for a form that is still read and no longer written.
    pub written: Option<Vec<u8>>,
}

/// Holds the forms against the files in `folder`, which has no others. `read` reads a file of the given name.
///
/// # Panics
/// If a form and its file differ, one of them is missing, or a file cannot be read as the form's value.
pub fn hold<T: PartialEq + Debug>(
    folder: impl AsRef<Path>,
    forms: &[Form<T>],
    read: impl Fn(&str, &[u8]) -> T,
) {
    let bless = std::env::var_os(BLESS).is_some_and(|value| value == "1");
    hold_or_write(folder.as_ref(), forms, read, bless);
}

fn hold_or_write<T: PartialEq + Debug>(
    folder: &Path,
    forms: &[Form<T>],
    read: impl Fn(&str, &[u8]) -> T,
    bless: bool,
) {
    let mut named = BTreeSet::new();
    for form in forms {
        let path = folder.join(&form.file);
        assert!(named.insert(form.file.clone()), "{} has two forms", path.display());
        if let (false, true, Some(written)) = (path.exists(), bless, &form.written) {
            fs::create_dir_all(folder).expect("the folder of golden files can be created");
            fs::write(&path, written).expect("a golden file can be written");
        }
        let held = fs::read(&path).unwrap_or_else(|error| {
            panic!("{}: {error}. If the form is new, write its file with {BLESS}=1", path.display())
        });
        if let Some(written) = &form.written {
            assert!(*written == held, "{}", difference(&path, written, &held));
        }
        assert_eq!(read(&form.file, &held), form.value, "{} is read as something else", path.display());
    }
    let forgotten: Vec<_> = files(folder).difference(&named).cloned().collect();
    assert!(forgotten.is_empty(), "no form is held against {forgotten:?} in {}", folder.display());
}

/// The names of the files in `folder`.
fn files(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeSet::new() };
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("the folder can be listed").file_name().to_string_lossy().into_owned()
    };
    entries.map(name).collect()
}

fn difference(path: &Path, written: &[u8], held: &[u8]) -> String {
    let place = written.iter().zip(held).take_while(|(one, other)| one == other).count();
    format!(
        "{} holds another form from byte {place} on; what was stored or sent in the old form is still there, so give the \
         new one a new schema version or message type and leave the file\n  held:    {}\n  written: {}",
        path.display(),
        held.escape_ascii(),
        written.escape_ascii(),
    )
}

#[cfg(test)]
mod tests;
