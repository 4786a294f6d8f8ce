//! `bowline prove` as people run it.

use std::path::Path;
use std::process::{Command, Output};

use bowline_test_support::programs_for_proving;
use serde_json::Value;
use tempfile::TempDir;

use crate::bench::{open_folder, programs};

/// Faults of many kinds that need no long recovery, so that a short run holds many of them.
const FAULTS: &str = "kill,pause,sessions,leases,cut,blackhole,delay,provider-errors,provider-timeouts";

/// What a proof that holds has left behind.
struct Proved {
    folder: TempDir,
    said: String,
    report: Value,
}

/// Runs `bowline prove` in a folder of its own. The report lies in it as `proof.json`.
fn proved(programs: &Path, arguments: &[&str]) -> Proved {
    let folder = open_folder();
    let report = folder.path().join("proof.json");
    let mut command = Command::new(programs.join("bowline"));
    command.arg("prove").args(arguments);
    command.arg("--stack-dir").arg(folder.path()).arg("--report").arg(&report);
    command.env_remove("BOWLINE_POSTGRES_URL").env_remove("BOWLINE_KAFKA");
    let Output { status, stdout, stderr } =
        tokio::task::block_in_place(|| command.output()).expect("it was built");
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{status}; the logs are below {}:\n{said}", folder.keep().display());
    let report = std::fs::read(&report).expect("it was written");
    let report = serde_json::from_slice(&report).expect("it is JSON");
    Proved { folder, said, report }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_proof_under_faults_of_many_kinds_holds() {
    let (programs, _alone) = programs().await;
    let run = ["--seed", "3", "--duration", "25s", "--skip-recovery", "--concurrency", "32"];
    let arguments = [&run[..], &["--replicas", "2", "--faults", FAULTS]].concat();
    let Proved { folder, said, report: read } = proved(&programs, &arguments);
    assert_eq!((&read["holds"], &read["run"]["seed"]), (&true.into(), &3.into()));
    let injected = read["run"]["faults_injected"].as_u64().expect("a number");
    assert!(injected >= 5, "{said}");
    let by_kind: u64 = read["faults"]
        .as_object()
        .expect("kinds by name")
        .values()
        .map(|tally| tally["injected"].as_u64().expect("a number"))
        .sum();
    assert_eq!(by_kind, injected);
    assert!(read["orders"]["placed"].as_u64().expect("a number") > 0);
    assert_eq!(read["orders"]["unfinished"], 0);
    for invariant in read["invariants"].as_array().expect("a list") {
        assert_eq!(invariant["violations"], 0, "{invariant}");
    }
    let page = std::fs::read_to_string(folder.path().join("proof.html")).expect("it was written");
    assert!(page.contains("Everything holds") && page.ends_with("</html>"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_notices_consumers_that_apply_messages_as_they_come() {
    let (programs, _alone) = programs().await;
    let services = ["bowline-orders", "bowline-inventory", "bowline-payment", "bowline-projection"];
    let broken =
        tokio::task::block_in_place(|| programs_for_proving(&services, &["bowline-payment-simulator"]));
    let broken = broken.to_str().expect("a path of text");
    let arguments = ["--sabotage", "skip-watermark", "--concurrency", "32", "--programs", broken];
    let Proved { report: read, .. } = proved(&programs, &arguments);
    assert_eq!(read[0]["broken"], "skip-watermark");
    assert!(
        read[0]["found"].as_str().expect("it was found out").contains("applied once and in the order"),
        "{read}"
    );
}
