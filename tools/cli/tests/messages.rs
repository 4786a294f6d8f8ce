//! What the program says, and how it ends, when it is given something that it cannot use.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

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
fn what_keeps_a_stack_from_starting_in_the_background_is_told_where_it_was_asked_for() {
    let (status, said) = refused(&["up", "--detach", "--data", "/nowhere/invoices.csv"]);
    assert_eq!(status, Some(1));
    assert!(said.starts_with("error: /nowhere/invoices.csv cannot be read: "), "{said}");
    let (status, said) = refused(&["up", "--detach", "--empty", "--port-base", "65530"]);
    assert_eq!(status, Some(1));
    assert!(
        said.ends_with("error: --port-base 65530 leaves no room for 12 ports: give a lower one\n"),
        "{said}"
    );
    let (status, said) = refused(&["up", "--detach", "--provider-error-rate", "2"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("--provider-error-rate: expected"), "{said}");
    let (status, said) = refused(&["up", "--detached"]);
    assert_eq!(status, Some(1));
    assert!(said.contains("--detached is for `bowline up --detach` alone"), "{said}");
}

#[test]
fn a_second_stack_in_the_same_folder_is_refused_before_anything_is_started() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = folder.path().join("up");
    std::fs::create_dir(&state).expect("our folder");
    let held = std::fs::File::create(state.join("lock")).expect("our folder");
    held.lock().expect("nobody else has it");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bowline"));
    command.args(["up", "--empty", "--data-dir"]).arg(folder.path());
    let output = command.output().expect("cargo has built it");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.starts_with(&format!("error: a stack runs in {}", state.display())), "{said}");
}

#[test]
fn where_nothing_runs_there_is_nothing_to_stop() {
    let output = bowline(&["down", "--remove-data"]);
    let told = String::from_utf8(output.stdout).expect("text");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{told}");
    assert!(told.starts_with("no stack runs in ") && told.contains("there is no data in "), "{told}");
}

#[test]
fn a_doctor_tells_what_is_wrong_with_what_it_was_given_and_how_to_mend_it() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let given = ["--postgres-url", "postgres://me:secret@127.0.0.1:1", "--kafka", "127.0.0.1:1"];
    let output = bowline(&[&["doctor", "--output", "json", "--port-base", &port], &given[..]].concat());
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(1), &b""[..]));
    let told = String::from_utf8(output.stdout).expect("text");
    assert!(!told.contains("secret"), "{told}");
    let told: serde_json::Value = serde_json::from_str(&told).expect("it is JSON");
    let finding = |check: &str| {
        let mut findings = told["findings"].as_array().expect("a list").iter();
        findings.find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("{check}: {told:#}"))
    };
    for (check, mend) in
        [("ports", "another --port-base"), ("server", "correct the URL"), ("brokers", "correct the address")]
    {
        assert_eq!(finding(check)["status"], "fail", "{check}");
        assert!(
            finding(check)["mend"].as_str().is_some_and(|said| said.contains(mend)),
            "{:#}",
            finding(check)
        );
    }
    assert_eq!(finding("data folder")["status"], "ok");
    assert_eq!(finding("earlier runs")["status"], "ok");
}

#[test]
fn a_doctor_that_is_sent_elsewhere_looks_there_alone() {
    let output = bowline(&["doctor", "--url", "orders=127.0.0.1:1", "--url", "stock=127.0.0.1:1"]);
    let told = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("no answer at http://127.0.0.1:1: ") && told.contains("--url orders="), "{told}");
    assert!(told.contains("no service is called stock") && !told.contains("this machine"), "{told}");
}

#[test]
fn a_reader_that_has_gone_ends_nothing_that_goes_on_without_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (command, status) in [("down", 0), ("check", 1)] {
        let (reader, nobody_reads) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut tool = Command::new(env!("CARGO_BIN_EXE_bowline"));
        tool.arg(command).arg("--data-dir").arg(folder.path());
        tool.stdout(nobody_reads.try_clone().expect("a pipe")).stderr(nobody_reads);
        assert_eq!(tool.status().expect("cargo has built it").code(), Some(status), "{command}");
    }
}

#[test]
fn without_a_stack_there_is_nothing_to_check() {
    let (status, said) = refused(&["check"]);
    assert_eq!(status, Some(1));
    assert!(
        said.starts_with("error: no stack runs in ")
            && said.contains(": start one with `bowline up --data-dir "),
        "{said}"
    );
}

/// An id that no order has.
const ORDER: &str = "01980c1e-3f0a-7c55-9b1e-5a1f0c9d2e11";

#[test]
fn a_line_that_cannot_be_read_says_what_was_expected() {
    for (line, expected) in [
        ("order place 85123A=6", "--customer <ID>"),
        ("order place --customer c-1", "<SKU=QUANTITY>"),
        ("order place --customer c-1 85123A", "expected SKU=QUANTITY, such as 85123A=6"),
        ("order place --customer c-1 85123A=0", "whole number of at least 1"),
        ("order place --customer c-1 85123A=1 --request-id 7", "a hyphenated UUID"),
        ("order get 7", "a hyphenated UUID"),
        ("order list --status shipped", "pending, confirmed, cancelled"),
        ("order list --since yesterday", "such as 2026-07-01T12:00:00Z"),
        ("order list --limit 0", "1..=65535"),
        ("order watch 01980c1e-3f0a-7c55-9b1e-5a1f0c9d2e11 --timeout 5", "such as 500ms, 20s or 5m"),
        ("order list --output xml", "table, json"),
        ("order list --url here", "expected NAME=URL"),
        ("stock adjust 85123A=0", "other than 0"),
        ("stock show 85123A --limit 5", "--movements"),
        ("catalog import", "<FILE>"),
        ("catalog show 85123A --search mug", "cannot be used with"),
        ("payment show", "<ORDER_ID>"),
        ("completions tcsh", "bash"),
    ] {
        let (status, said) = refused(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(status, Some(2), "{line}: {said}");
        assert!(said.contains(expected), "{line}: {said}");
    }
}

#[test]
fn a_service_that_is_not_there_is_named_with_the_address_that_was_tried() {
    let reads: [&[&str]; 4] = [
        &["order", "list", "--url", "projection=127.0.0.1:1"],
        &["catalog", "show", "--url", "inventory=127.0.0.1:1"],
        &["payment", "show", ORDER, "--url", "payment=127.0.0.1:1"],
        &["dead-letters", "list", "--url", "inventory=127.0.0.1:1"],
    ];
    for read in reads {
        let (status, said) = refused(read);
        assert_eq!(status, Some(1), "{said}");
        assert!(
            said.contains("gave no answer at http://127.0.0.1:1: ")
                && said.contains("`bowline up --data-dir "),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let (status, said) = refused(&["order", "cancel", ORDER, "--url", "inventory=127.0.0.1:1"]);
    assert_eq!(status, Some(1));
    assert_eq!(said, "error: no address of a service orders is known: give --url orders=http://HOST:PORT\n");
    let (status, said) = refused(&["order", "list", "--url", "projektion=127.0.0.1:1"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(
        said.starts_with(
            "error: no service is called projektion: --url names orders, inventory, payment, projection"
        ),
        "{said}"
    );
    let (status, said) = refused(&["order", "list"]);
    assert_eq!(status, Some(1));
    assert!(said.contains("no stack runs in ") && said.contains("--url NAME=URL"), "{said}");
}

#[test]
fn a_write_is_tried_again_and_then_says_how_to_repeat_it() {
    let request_id = "0192f0c1-7e2a-7bbb-8ccc-0123456789ab";
    let writes: [&[&str]; 3] = [
        &["order", "place", "--customer", "c-1", "85123A=1", "--url", "orders=127.0.0.1:1"],
        &["order", "cancel", ORDER, "--url", "orders=127.0.0.1:1"],
        &["stock", "adjust", "85123A=+1", "--url", "inventory=127.0.0.1:1"],
    ];
    for write in writes {
        let (status, said) = refused(&[write, &["--request-id", request_id]].concat());
        assert_eq!(status, Some(1));
        assert_eq!(said.matches("; trying again ").count(), 1, "{said}");
        let last = said.lines().last().expect("it says something");
        assert!(
            last.ends_with(&format!(
                "--request-id {request_id} takes effect once, whether or not this one has"
            )),
            "{said}"
        );
    }
}

#[test]
fn whoever_interrupts_a_write_is_told_how_to_find_out_what_came_of_it() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("orders={}", silent.local_addr().expect("it is bound"));
    let mut placing = Command::new(env!("CARGO_BIN_EXE_bowline"));
    placing.args(["order", "place", "--customer", "c-1", "85123A=1", "--url", &url]);
    let placing = placing.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("cargo has built it");
    // The order is on its way, and nobody will ever answer.
    let _connection = silent.accept().expect("it connects");
    let interrupted = Command::new("kill").args(["-INT", &placing.id().to_string()]).status();
    assert!(interrupted.expect("there is a kill").success());
    let output = placing.wait_with_output().expect("it ends");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: stopped on request") && said.contains("--request-id "), "{said}");
}

#[test]
fn a_file_with_faults_is_refused_before_anything_is_asked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("products.csv");
    std::fs::write(&file, "sku,name,price,currency\nMUG,,4.95,GBP\nMUG,A mug,x,GBP\n")
        .expect("it is written");
    let file = file.to_str().expect("text");
    let (status, said) = refused(&["catalog", "import", file, "--url", "inventory=127.0.0.1:1"]);
    assert_eq!(status, Some(1));
    assert!(
        said.starts_with(&format!("error: nothing was written, {file} has faults:\n  line 2: name must")),
        "{said}"
    );
    assert!(said.contains("\n  line 3: price must be"), "{said}");
    let (status, said) = refused(&["catalog", "import", "/nowhere/products.csv"]);
    assert_eq!(status, Some(1));
    assert!(said.starts_with("error: cannot read /nowhere/products.csv: "), "{said}");
}

#[test]
fn a_reader_who_has_had_enough_is_no_fault() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_bowline"));
    let output = command.args(["completions", "bash"]).stdout(writer).output().expect("cargo has built it");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn shells_are_told_the_commands() {
    for (shell, told) in
        [("bash", "complete -F _bowline"), ("zsh", "#compdef bowline"), ("fish", "complete -c bowline")]
    {
        let output = bowline(&["completions", shell]);
        let script = String::from_utf8(output.stdout).expect("text");
        assert!(script.contains(told) && script.contains("dead-letters"), "{shell}");
    }
}

#[test]
fn every_command_has_a_help() {
    for command in [
        "demo",
        "up",
        "down",
        "doctor",
        "check",
        "prove",
        "order",
        "catalog",
        "stock",
        "payment",
        "completions",
    ] {
        let output = bowline(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        let help = String::from_utf8(output.stdout).expect("text");
        assert!(help.contains(&format!("  bowline {command}")), "{help}");
    }
}
