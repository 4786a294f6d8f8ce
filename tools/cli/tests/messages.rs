//! What the program says, and how it ends, when it is given something that it cannot use.

use std::process::{Command, Output};

fn bowline(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bowline"));
    command.args(args).env("BOWLINE_STACK_DIR", folder.path()).env("RUST_BACKTRACE", "1");
    command.env_remove("BOWLINE_POSTGRES_URL").env_remove("BOWLINE_KAFKA");
    command.output().expect("cargo has built it")
}

/// The exit status and the one message; nothing else may be said.
fn refused(args: &[&str]) -> (Option<i32>, String) {
    let output = bowline(args);
    assert_eq!(output.stdout, b"", "{args:?}");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(!said.contains("backtrace"), "{said}");
    (output.status.code(), said)
}

#[test]
fn a_missing_file_is_named_before_anything_is_started() {
    let (status, said) = refused(&["demo", "--data", "/nowhere/invoices.csv"]);
    assert_eq!(status, Some(1));
    assert!(said.starts_with("error: /nowhere/invoices.csv cannot be read: "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_is_started() {
    let (status, said) = refused(&["demo", "--report", "/nowhere/report.json"]);
    assert_eq!(status, Some(1));
    assert!(said.starts_with("error: cannot write the report to /nowhere/report.json: "), "{said}");
}

#[test]
fn options_that_cannot_be_used_end_with_status_2() {
    let (status, said) = refused(&["up", "--provider-error-rate", "2", "--provider-latency", "soon"]);
    assert_eq!(status, Some(2));
    assert!(
        said.contains("--provider-error-rate: expected") && said.contains("--provider-latency: expected"),
        "{said}"
    );
    assert_eq!(refused(&["demo", "--orders", "none"]).0, Some(2));
    assert_eq!(refused(&[]).0, Some(2));
}

#[test]
fn a_proof_is_refused_on_servers_that_are_given() {
    for server in [["--postgres-url", "postgres://a:secret@127.0.0.1:1"], ["--kafka-brokers", "127.0.0.1:1"]]
    {
        let (status, said) = refused(&[&["prove"], &server[..]].concat());
        assert_eq!(status, Some(2));
        assert!(
            said.starts_with("error: prove ends sessions") && said.contains("--on-given-servers"),
            "{said}"
        );
        assert!(!said.contains("secret"), "{said}");
    }
    let (status, said) = refused(&["prove", "--faults", "meteor"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("kafka-restart"), "{said}");
    let (status, said) = refused(&["prove", "--report", "/nowhere/proof.json"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("/nowhere/proof.json"), "{said}");
    let (status, said) = refused(&["prove", "--report", "proof.html"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("names the JSON file"), "{said}");
}

#[test]
fn without_a_stack_there_is_nothing_to_check() {
    let (status, said) = refused(&["check"]);
    assert_eq!(status, Some(1));
    assert!(
        said.starts_with("error: no stack runs in ") && said.ends_with("start one with `bowline up`\n"),
        "{said}"
    );
}

#[test]
fn every_command_has_a_help() {
    for command in ["demo", "up", "check", "prove"] {
        let output = bowline(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        let help = String::from_utf8(output.stdout).expect("text");
        assert!(help.contains(&format!("  bowline {command}")), "{help}");
    }
}
