//! What people and programs are told.

use serde::Serialize;

use super::finding::{Finding, Status};

/// The same for programs.
#[derive(Debug, Serialize)]
pub(super) struct Document<'f> {
    findings: &'f [Finding],
    ok: usize,
    warnings: usize,
    failures: usize,
}

pub(super) fn json(findings: &[Finding]) -> Document<'_> {
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    Document { findings, ok: count(Status::Ok), warnings: count(Status::Warn), failures: count(Status::Fail) }
}

/// A line for each finding, below it its mend, under the name of its area.
pub(super) fn text(findings: &[Finding]) -> String {
    use std::fmt::Write as _;
    let width = findings.iter().map(|finding| finding.check.chars().count()).max().unwrap_or_default();
    let (mut text, mut area) = (String::new(), "");
    for Finding { area: of, check, status, says, mend } in findings {
        if *of != area {
            let blank = if area.is_empty() { "" } else { "\n" };
            writeln!(text, "{blank}{of}").expect("a String takes all text");
            area = of;
        }
        let status = match status {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "fail",
        };
        writeln!(text, "  {status:<4}  {check:<width$}  {says}").expect("a String takes all text");
        if let Some(mend) = mend {
            writeln!(text, "  {:<4}  {:<width$}  → {mend}", "", "").expect("a String takes all text");
        }
    }
    let Document { ok, warnings, failures, .. } = json(findings);
    writeln!(text, "\n{ok} ok, {warnings} to look at, {failures} to mend").expect("a String takes all text");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_a_line_and_its_mend_another() {
        let findings = [
            Finding::of("this machine", "Java").ok("21 at java".to_owned()),
            Finding::of("this machine", "memory").warn("1 GB".to_owned(), "close programs"),
            Finding::of("services", "orders").fail("no answer".to_owned(), "start it"),
        ];
        let expected = "\
this machine
  ok    Java    21 at java
  warn  memory  1 GB
                → close programs

services
  fail  orders  no answer
                → start it

1 ok, 1 to look at, 1 to mend
";
        assert_eq!(text(&findings), expected);
        let json = serde_json::to_value(json(&findings)).expect("it is JSON");
        assert_eq!((&json["failures"], &json["findings"][2]["status"]), (&1.into(), &"fail".into()));
        assert!(json["findings"][0].get("mend").is_none());
    }
}
