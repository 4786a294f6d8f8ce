//! Looking for values where others can read.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bowline_dev_stack::secrets::random_text;

/// A value that is given to the stack. Its needle is random, so that nothing but the value itself can hold it.
pub(super) struct Planted {
    /// What it is.
    pub(super) name: &'static str,
    needle: String,
}

/// Something that others can read.
pub(super) struct Source {
    /// Where it was found.
    pub(super) name: String,
    /// All of it, as far as it is text: what is looked for is.
    pub(super) content: String,
}

/// Which value is readable where: its name, and that of the source.
pub(super) type Sightings = BTreeSet<(String, String)>;

impl Planted {
    /// Something new to plant.
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, needle: random_text(16) }
    }

    /// Something that is there already, such as a password.
    pub(super) fn known(name: &'static str, needle: String) -> Self {
        Self { name, needle }
    }

    /// What is looked for; a value may hold more than it.
    pub(super) fn needle(&self) -> &str {
        &self.needle
    }

    /// The forms that text takes on in dumps and logs: itself, hexadecimal digits, and a list of numbers.
    fn forms(&self) -> [String; 3] {
        let mut hex = String::new();
        for byte in self.needle.bytes() {
            write!(hex, "{byte:02x}").expect("a String takes all text");
        }
        let numbers: Vec<String> = self.needle.bytes().map(|byte| byte.to_string()).collect();
        [self.needle.clone(), hex, numbers.join(", ")]
    }
}

impl Source {
    pub(super) fn new(name: impl Into<String>, content: impl AsRef<[u8]>) -> Self {
        Self { name: name.into(), content: String::from_utf8_lossy(content.as_ref()).into_owned() }
    }
}

/// Looks for everything everywhere.
pub(super) fn sightings<'s>(planted: &[Planted], sources: impl IntoIterator<Item = &'s Source>) -> Sightings {
    let planted: Vec<_> = planted.iter().map(|value| (value.name, value.forms())).collect();
    let mut seen = Sightings::new();
    for source in sources {
        for (name, forms) in &planted {
            if forms.iter().any(|form| source.content.contains(form)) {
                seen.insert(((*name).to_owned(), source.name.clone()));
            }
        }
    }
    seen
}

#[test]
fn a_value_is_found_in_every_form() {
    let planted =
        [Planted::known("password", "k9z".to_owned()), Planted::known("token", "absent".to_owned())];
    let sources = ["pk9zq", r"\x006b397a", "[0, 107, 57, 122]", "k9 z"];
    let sources: Vec<Source> = sources.iter().map(|text| Source::new(*text, *text)).collect();
    let found = sightings(&planted, &sources);
    let names: Vec<&str> = found.iter().map(|(_, source)| source.as_str()).collect();
    assert_eq!(names, ["[0, 107, 57, 122]", r"\x006b397a", "pk9zq"]);
    assert!(found.iter().all(|(value, _)| value == "password"));
}
