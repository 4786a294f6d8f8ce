//! The page of errors names every reason that the services give, with its code, and no other.

use std::collections::{BTreeMap, BTreeSet};

use bowline_architecture::{program_of, rows, sources, text};
use bowline_contracts::FILE_DESCRIPTOR_SET;
use prost_reflect::DescriptorPool;

/// Where errors are made that callers see.
const FOLDERS: [&str; 5] = [
    "crates/service/src",
    "services/orders/src",
    "services/inventory/src",
    "services/payment/src",
    "services/projection/src",
];

/// Other texts in upper case: signals, the name of a server, and a variable of cargo.
const NO_REASONS: [&str; 4] = ["SIGINT", "SIGTERM", "HTTP", "CARGO_PKG_VERSION"];

/// What the page says of a kind: its gRPC code, and whether a caller tries again.
type Kind = (String, &'static str);

/// `InvalidArgument` as the page and gRPC's documents write it.
fn shouted(code: &str) -> String {
    let mut name = String::new();
    for letter in code.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// The kinds by their names, from the two functions that say what each is.
fn kinds() -> BTreeMap<String, Kind> {
    let program = text("crates/service/src/status.rs");
    let (_, retriable) = program.split_once("fn retriable").expect("the function is there");
    let (retriable, _) = retriable.split_once("=> true").expect("some are tried again");
    let kinds: BTreeMap<_, _> = program
        .lines()
        .filter_map(|line| {
            let (kind, code) = line.trim().strip_prefix("Self::")?.split_once(" => Code::")?;
            let again = retriable.split(&[' ', ','][..]).any(|word| word == format!("Self::{kind}"));
            Some((kind.to_owned(), (shouted(code.trim_end_matches(',')), if again { "yes" } else { "no" })))
        })
        .collect();
    assert_eq!(kinds.len(), 10, "{kinds:?}");
    kinds
}

/// The reasons in the sources, each with the kind that stands in front of it, if one does. A reason is a text in upper snake
/// case; those of options are not meant.
fn reasons() -> BTreeMap<String, BTreeSet<Option<String>>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for source in FOLDERS.into_iter().flat_map(sources) {
        let program = program_of(&source);
        let pieces: Vec<&str> = program.split('"').collect();
        for (before, literal) in pieces.iter().zip(pieces.iter().skip(1)) {
            let upper =
                literal.len() > 3 && literal.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
            let is_reason = upper && !NO_REASONS.contains(literal);
            if is_reason && !before.ends_with("env = ") && !before.ends_with("value_name = ") {
                found.entry((*literal).to_owned()).or_default().insert(kind_at_the_end(before));
            }
        }
    }
    found
}

/// `…(ErrorKind::NotFound, ` names `NotFound`, and so does a helper that is called after its kind.
fn kind_at_the_end(before: &str) -> Option<String> {
    if before.ends_with(" unavailable(") {
        return Some("Unavailable".to_owned());
    }
    let (_, kind) = before.trim_end().trim_end_matches(',').rsplit_once("ErrorKind::")?;
    kind.bytes().all(|byte| byte.is_ascii_alphabetic()).then(|| kind.to_owned())
}

#[test]
fn every_reason_has_its_row_and_every_row_its_reason() {
    let page = text("docs/errors.md");
    let rows: BTreeMap<&str, Vec<&str>> =
        rows(&page, "reason").into_iter().map(|row| (row[0], row)).collect();
    let reasons = reasons();
    assert!(reasons.len() > 20, "only {} reasons are found: {reasons:?}", reasons.len());
    let told: BTreeSet<&str> = rows.keys().copied().collect();
    let given: BTreeSet<&str> = reasons.keys().map(String::as_str).collect();
    let apart: Vec<_> = told.symmetric_difference(&given).collect();
    assert!(apart.is_empty(), "not both docs/errors.md and the sources name {apart:?}");
    let kinds = kinds();
    for (reason, seen) in reasons {
        let mut known: Vec<&str> = seen.iter().flatten().map(String::as_str).collect();
        // What stands beside no kind is the refusal of a request, which is stored and told as this.
        if known.is_empty() {
            known.push("Precondition");
        }
        for kind in known {
            let ((code, again), row) = (&kinds[kind], &rows[reason.as_str()]);
            assert_eq!(row[1], code, "the code of {reason}");
            assert_eq!(row[2], *again, "whether {reason} is tried again");
            assert_eq!(row.len(), 5, "{reason} needs a meaning and what to do");
        }
    }
}

#[test]
fn every_kind_has_its_row() {
    let page = text("docs/errors.md");
    let told: BTreeSet<(String, &str)> =
        rows(&page, "code").into_iter().map(|row| (row[0].to_owned(), row[1])).collect();
    assert_eq!(told, kinds().into_values().collect());
}

/// The values of an enum of the contracts, without its prefix and without the one that means nothing.
fn values(full_name: &str, prefix: &str) -> BTreeSet<String> {
    let pool =
        DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the descriptors were generated by the build");
    let known = pool.get_enum_by_name(full_name).expect("the enum is there");
    let named = known.values().filter(|value| value.number() != 0);
    named.map(|value| value.name().strip_prefix(prefix).expect("it has the prefix").to_owned()).collect()
}

#[test]
fn every_standstill_and_every_cancellation_has_its_row() {
    let page = text("docs/errors.md");
    let told = |first: &str| -> BTreeSet<String> {
        rows(&page, first).into_iter().map(|row| row[0].to_owned()).collect()
    };
    let mut states = values("bowline.common.v1.HeardLaneState", "HEARD_LANE_STATE_");
    states.remove("FLOWING");
    assert_eq!(told("state"), states);
    assert_eq!(told("cancel reason"), values("bowline.orders.v1.CancelReason", "CANCEL_REASON_"));
}
