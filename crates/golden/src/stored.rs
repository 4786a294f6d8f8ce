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

/// Holds the forms of stored events against the files in `folder`. Each of `types` has one at least of every schema
/// version from 1 to its newest; `decode` reads a payload of the given type and schema version.
///
/// # Panics
/// As [`hold`]; if a type or one of its versions has no form; if an event is written in a version that is not its newest;
/// if a version beyond is read; and if a payload with one more member is not read as the same event.
pub fn hold_stored<E: PartialEq + Debug, F: Debug>(
    folder: impl AsRef<Path>,
    types: &[&str],
    forms: &[Form<E>],
    decode: impl Fn(&str, u16, &[u8]) -> Result<E, F>,
) {
    let held: BTreeSet<&str> = forms.iter().map(|form| address(&form.file).0).collect();
    assert_eq!(held, types.iter().copied().collect(), "the types with a form are not the types there are");
    for event_type in types {
        hold_versions(event_type, forms, &decode);
    }
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

/// Every version that was ever written is read, none that was not, and the newest alone is written.
fn hold_versions<E: Debug, F>(
    event_type: &str,
    forms: &[Form<E>],
    decode: impl Fn(&str, u16, &[u8]) -> Result<E, F>,
) {
    let own = || forms.iter().filter(|form| address(&form.file).0 == event_type);
    let versions: BTreeSet<u16> = own().map(|form| address(&form.file).1).collect();
    let newest = versions.last().copied().unwrap_or_default();
    let forgotten: Vec<u16> = (1..newest).filter(|version| !versions.contains(version)).collect();
    assert!(
        forgotten.is_empty(),
        "{event_type} has a version {newest} and no form of version {forgotten:?}, which is still stored: hold its old \
         file with `stored` and no `written`"
    );
    for form in own() {
        let is_newest = address(&form.file).1 == newest;
        assert_eq!(
            form.written.is_some(),
            is_newest,
            "{}: events are written in the newest version",
            form.file
        );
        for unknown in [0, newest + 1] {
            let payload = form.written.as_deref().unwrap_or_default();
            let read = decode(event_type, unknown, payload);
            assert!(
                read.is_err(),
                "{event_type} of version {unknown}, which nobody has written, is read: {read:?}",
                read = read.ok()
            );
        }
    }
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
