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
    let forms = [stored("put", 1, "old", 7, None)];
    let number = |payload: &[u8]| -> Result<u32, String> {
        let text = std::str::from_utf8(payload).expect("text");
        let (_, number) = text.rsplit_once(r#""n":"#).ok_or("it has no n")?;
        Ok(number.trim_end_matches('}').parse().expect("a number"))
    };
    let upcast = |event_type: &str, version: u16, payload: &[u8]| {
        assert_eq!((event_type, version), ("put", 1));
        number(payload)
    };
    hold_stored(folder.path(), &["put"], &forms, upcast);
    let forgotten = told(|| hold_stored(folder.path(), &["put", "taken"], &forms, upcast));
    assert!(forgotten.contains("taken"), "{forgotten}");
    let strict = |_: &str, _: u16, payload: &[u8]| {
        if payload.starts_with(br#"{"n""#) { number(payload) } else { Err("an unknown member".to_owned()) }
    };
    let refused = told(|| hold_stored(folder.path(), &["put"], &forms, strict));
    assert!(refused.contains("a later release"), "{refused}");
}
