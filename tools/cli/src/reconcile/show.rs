//! A round of reconciliation, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use bowline_prove::{Difference, Reconciled};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// For people. `grace` is how long nothing of an order must have changed before it is compared.
pub(super) fn text(reconciled: &Reconciled, grace: Duration) -> String {
    let Reconciled { compared, open, unsettled, differences } = reconciled;
    let mut text = String::new();
    for Difference { reference, kind, says, cause, remedy } in differences {
        writeln!(
            text,
            "✗ {}  {reference}\n    found   {says}\n    cause   {cause}\n    remedy  {remedy}",
            kind.name()
        )
        .expect("a String takes all text");
    }
    write!(text, "{compared} orders compared, {open} not at rest yet").expect("a String takes all text");
    if *unsettled > 0 {
        write!(text, ", {unsettled} not settled: they differed, but kept moving or wait behind a lane")
            .expect("a String takes all text");
    }
    match differences.len() {
        0 if *compared == 0 => {
            writeln!(text, "; {}", nothing_compared(*open, grace)).expect("a String takes all text");
        }
        0 => text.push_str("; no differences\n"),
        1 => text.push_str("; 1 difference\n"),
        count => writeln!(text, "; {count} differences").expect("a String takes all text"),
    }
    text
}

/// No difference is no good news where nothing was compared.
fn nothing_compared(open: u64, grace: Duration) -> String {
    let grace = humantime::format_duration(grace);
    match open {
        0 => "nothing was compared: there is no order yet".to_owned(),
        _ => format!(
            "nothing was compared: every order is unfinished or has changed within the last {grace}; wait, or give a \
             shorter --grace"
        ),
    }
}

/// For programs.
#[derive(Serialize)]
pub(super) struct Round<'a> {
    finished_at: String,
    #[serde(flatten)]
    reconciled: &'a Reconciled,
}

impl<'a> Round<'a> {
    pub(super) fn new(reconciled: &'a Reconciled, finished_at: DateTime<Utc>) -> Self {
        Self { finished_at: finished_at.to_rfc3339(), reconciled }
    }
}

#[cfg(test)]
mod tests {
    use bowline_prove::Kind;

    use super::*;

    fn round(differences: usize) -> Reconciled {
        let difference = Difference {
            reference: "o-1".into(),
            kind: Kind::StrayCharge,
            says: "one".into(),
            cause: "two".into(),
            remedy: "three".into(),
        };
        Reconciled { compared: 7, open: 2, unsettled: 0, differences: vec![difference; differences] }
    }

    fn text(reconciled: &Reconciled) -> String {
        super::text(reconciled, Duration::from_secs(30))
    }

    #[test]
    fn nothing_compared_is_not_told_as_no_difference() {
        let young = text(&Reconciled { compared: 0, ..round(0) });
        assert!(young.starts_with("0 orders compared, 2 not at rest yet; nothing was compared: "), "{young}");
        assert!(young.contains("within the last 30s") && !young.contains("no differences"), "{young}");
        let none = text(&Reconciled { compared: 0, open: 0, ..round(0) });
        assert!(none.ends_with("nothing was compared: there is no order yet\n"), "{none}");
        assert!(text(&Reconciled { compared: 0, ..round(1) }).ends_with("; 1 difference\n"));
    }

    #[test]
    fn people_read_what_why_and_what_to_do() {
        assert_eq!(text(&round(0)), "7 orders compared, 2 not at rest yet; no differences\n");
        let expected = "✗ stray_charge  o-1\n    found   one\n    cause   two\n    remedy  three\n\
                        7 orders compared, 2 not at rest yet; 1 difference\n";
        assert_eq!(text(&round(1)), expected);
        let unsettled = text(&Reconciled { unsettled: 3, ..round(2) });
        assert!(
            unsettled.contains("3 not settled") && unsettled.ends_with("; 2 differences\n"),
            "{unsettled}"
        );
    }

    #[test]
    fn programs_read_one_object() {
        let line = serde_json::to_string(&Round::new(&round(1), DateTime::UNIX_EPOCH)).unwrap();
        assert_eq!(
            line,
            "{\"finished_at\":\"1970-01-01T00:00:00+00:00\",\"compared\":7,\"open\":2,\"unsettled\":0,\"differences\":[\
             {\"reference\":\"o-1\",\"kind\":\"stray_charge\",\"says\":\"one\",\"cause\":\"two\",\"remedy\":\"three\"}]}"
        );
    }
}
