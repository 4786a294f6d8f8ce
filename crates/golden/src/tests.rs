use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::*;

/// What `f` panics with.
fn told(f: impl FnOnce()) -> String {
    let cause = catch_unwind(AssertUnwindSafe(f)).expect_err("it is noticed");
    cause.downcast_ref::<String>().cloned().expect("the text says what is wrong")
}

fn form(file: &str, value: u32) -> Form<u32> {
    Form { file: file.to_owned(), value, written: Some(value.to_string().into_bytes()) }
}

fn read(_: &str, bytes: &[u8]) -> u32 {
    std::str::from_utf8(bytes).expect("digits").parse().expect("a number")
}

fn folder_with(file: &str, held: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(file), held).expect("a file");
    folder
}

fn check(folder: &Path, forms: &[Form<u32>]) {
    hold_or_write(folder, forms, read, false);
}

#[test]
fn a_form_that_is_as_it_was_is_held() {
    let folder = folder_with("a", "7");
    check(folder.path(), &[form("a", 7)]);
    check(folder.path(), &[Form { written: None, ..form("a", 7) }]);
}

#[test]
fn every_difference_is_told() {
    let folder = folder_with("a", "7");
    assert!(told(|| check(folder.path(), &[form("a", 8)])).contains("another form from byte 0"));
    let read_otherwise = Form { value: 8, ..form("a", 7) };
    assert!(told(|| check(folder.path(), &[read_otherwise])).contains("read as something else"));
    assert!(told(|| check(folder.path(), &[form("a", 7), form("b", 7)])).contains("BOWLINE_BLESS=1"));
    assert!(told(|| check(folder.path(), &[form("a", 7), form("a", 7)])).contains("two forms"));
    assert!(told(|| check(folder.path(), &[])).contains("no form is held against [\"a\"]"));
}

#[test]
fn blessing_writes_what_is_missing_and_changes_nothing() {
    let folder = folder_with("a", "7");
    hold_or_write(folder.path(), &[form("a", 7), form("b", 9)], read, true);
    check(folder.path(), &[form("a", 7), form("b", 9)]);
    told(|| hold_or_write(folder.path(), &[form("a", 8), form("b", 9)], read, true));
    check(folder.path(), &[form("a", 7), form("b", 9)]);
}

#[test]
fn stored_events_are_held_type_by_type_and_version_by_version() {
    let folder = folder_with("put.v1.old.json", r#"{"n":7}"#);
    let forms = [stored("put", 1, "old", 7, Some(br#"{"n":7}"#.to_vec()))];
    let number = |payload: &[u8]| -> Result<u32, String> {
        let text = std::str::from_utf8(payload).expect("text");
        let (_, number) = text.rsplit_once(r#""n":"#).ok_or("it has no n")?;
        Ok(number.trim_end_matches('}').parse().expect("a number"))
    };
    let upcast = |event_type: &str, version: u16, payload: &[u8]| {
        assert_eq!(event_type, "put");
        if version == 1 { number(payload) } else { Err("an unknown version".to_owned()) }
    };
    hold_stored(folder.path(), &["put"], &forms, upcast);
    let forgotten = told(|| hold_stored(folder.path(), &["put", "taken"], &forms, upcast));
    assert!(forgotten.contains("taken"), "{forgotten}");
    let strict = |_: &str, version: u16, payload: &[u8]| {
        if version == 1 && payload.starts_with(br#"{"n""#) {
            number(payload)
        } else {
            Err("an unknown member".to_owned())
        }
    };
    let refused = told(|| hold_stored(folder.path(), &["put"], &forms, strict));
    assert!(refused.contains("a later release"), "{refused}");
}

/// An event that is written in its third version: `{"n":7}` and `{"amount":7}` are what it was.
fn versions() -> (tempfile::TempDir, [Form<u32>; 3]) {
    let folder = folder_with("put.v1.old.json", r#"{"n":7}"#);
    fs::write(folder.path().join("put.v2.old.json"), r#"{"amount":7}"#).expect("a file");
    fs::write(folder.path().join("put.v3.new.json"), r#"{"units":7}"#).expect("a file");
    let written = Some(br#"{"units":7}"#.to_vec());
    let forms = [
        stored("put", 1, "old", 7, None),
        stored("put", 2, "old", 7, None),
        stored("put", 3, "new", 7, written),
    ];
    (folder, forms)
}

fn read_version(_: &str, version: u16, payload: &[u8]) -> Result<u32, String> {
    let member =
        ["n", "amount", "units"].get(usize::from(version).wrapping_sub(1)).ok_or("an unknown version")?;
    let text = std::str::from_utf8(payload).expect("text");
    let (_, number) = text.rsplit_once(&format!("\"{member}\":")).ok_or("another version")?;
    Ok(number.trim_end_matches('}').parse().expect("a number"))
}

#[test]
fn a_version_that_was_ever_stored_is_never_forgotten() {
    let (folder, forms) = versions();
    hold_stored(folder.path(), &["put"], &forms, read_version);

    let left_out = [forms[0].clone(), forms[2].clone()];
    let told_of = told(|| hold_stored(folder.path(), &["put"], &left_out, read_version));
    assert!(told_of.contains("a version 3 and no form of version [2]"), "{told_of}");
    fs::remove_file(folder.path().join("put.v2.old.json")).expect("it was there");
    let lost = told(|| hold_stored(folder.path(), &["put"], &forms, read_version));
    assert!(lost.contains("put.v2.old.json"), "{lost}");
}

#[test]
fn an_event_is_written_in_its_newest_version_and_none_beyond_is_read() {
    let (folder, forms) = versions();
    let mut written = forms.clone();
    written[1].written = Some(br#"{"amount":7}"#.to_vec());
    let two_at_once = told(|| hold_stored(folder.path(), &["put"], &written, read_version));
    assert!(two_at_once.contains("put.v2.old.json: events are written in the newest"), "{two_at_once}");
    let guess =
        |event_type: &str, version: u16, payload: &[u8]| read_version(event_type, version.min(3), payload);
    let guessed = told(|| hold_stored(folder.path(), &["put"], &forms, guess));
    assert!(guessed.contains("put of version 4"), "{guessed}");
}

#[test]
fn later_fields_are_whole() {
    let added = with_later_fields(&[]);
    // Tag and content of a number, eight bytes, a text of three and four bytes.
    assert_eq!(added.len(), 3 + 10 + 6 + 6);
    assert_eq!(with_later_fields(&[8, 1])[..2], [8, 1]);
}
