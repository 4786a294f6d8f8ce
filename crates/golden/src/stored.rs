//! Stored events: JSON under a type and a schema version, `<type>.v<version>.<variant>.json`.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;

use crate::{Form, hold};

/// The form of a stored event. `written` is what `value` is stored as, `None` if that has a newer schema version.
pub fn stored<E>(
    event_type: &str,
    schema_version: u16,
    variant: &str,
    value: E,
    written: Option<Vec<u8>>,
) -> Form<E> {
    Form { file: format!("{event_type}.v{schema_version}.{variant}.json"), value, written }
}

/// Holds the forms of stored events against the files in `folder`. Each of `types` has one at least; `decode` reads a
/// payload of the given type and schema version.
///
/// # Panics
/// As [`hold`]; if a type has no form; and if a payload with one more member is not read as the same event.
pub fn hold_stored<E: PartialEq + Debug, F: Debug>(
    folder: impl AsRef<Path>,
    types: &[&str],
    forms: &[Form<E>],
    decode: impl Fn(&str, u16, &[u8]) -> Result<E, F>,
) {
    let held: BTreeSet<&str> = forms.iter().map(|form| address(&form.file).0).collect();
    assert_eq!(held, types.iter().copied().collect(), "the types with a form are not the types there are");
    hold(folder, forms, |file, payload| {
        let (event_type, schema_version) = address(file);
        let event = decode(event_type, schema_version, payload).expect("what was stored is read");
        let later = decode(event_type, schema_version, &with_a_later_member(payload));
        let later =
            later.unwrap_or_else(|fault| panic!("{file} with a member of a later release: {fault:?}"));
        assert_eq!(later, event, "{file} with a member of a later release is read as something else");
        event
    });
}

fn address(file: &str) -> (&str, u16) {
    let mut parts = file.split('.');
    let event_type = parts.next().expect("the type stands first");
    let version = parts.next().and_then(|version| version.strip_prefix('v')?.parse().ok());
    (
        event_type,
        version.unwrap_or_else(|| panic!("{file} has no schema version: <type>.v<version>.<variant>.json")),
    )
}

/// The payload, an object, as a release would write it that has added a member.
fn with_a_later_member(payload: &[u8]) -> Vec<u8> {
    let rest = payload.strip_prefix(b"{").expect("the payload is an object");
    [br#"{"of_a_later_release":[{"a":1},null],"#, rest].concat()
}
