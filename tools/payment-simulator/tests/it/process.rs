use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use futures::StreamExt;
use futures::stream;
use rustix::process::{Pid, Signal, kill_process};

use crate::provider::Merchant;

/// A simulator in a process of its own, killed when dropped.
struct Process {
    child: Child,
    merchant: Merchant,
}

impl Process {
    fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bowline-payment-simulator"));
        command.arg("--data-dir").arg(folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let output = child.stdout.take().context("standard output is piped")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let url =
            line.trim().strip_prefix("listening on ").with_context(|| format!("unexpected {line:?}"))?;
        Ok(Self { merchant: Merchant::of(url.to_owned()), child })
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("a process has an id")?;
        Ok(kill_process(pid, signal)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_nothing_that_was_answered() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let process = Process::start(folder.path())?;
    let merchant = &process.merchant;
    let mut holds = stream::iter(0..5_000)
        .map(|n| async move {
            let reference = format!("order-{n}");
            merchant.hold(&reference, "tok_visa", "10").await.ok().map(|answer| (reference, answer))
        })
        .buffer_unordered(64);
    let mut answered = Vec::new();
    while let Some(answer) = holds.next().await {
        answered.extend(answer);
        if answered.len() == 500 {
            process.signal(Signal::KILL)?;
        }
    }
    drop(holds);
    anyhow::ensure!((500..5_000).contains(&answered.len()), "killed in the middle, after {}", answered.len());
    drop(process);

    let process = Process::start(folder.path())?;
    for (reference, answer) in answered {
        let again = process.merchant.get(&format!("/v1/operations/{reference}:hold")).await?;
        assert_eq!(again.body, answer.body);
    }
    Ok(())
}

#[tokio::test]
async fn sigterm_drains_and_ends_well() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut process = Process::start(folder.path())?;
    process.merchant.hold("order-1", "tok_visa", "10").await?;
    process.signal(Signal::TERM)?;
    assert!(process.child.wait()?.success());
    Ok(())
}

#[test]
fn wrong_options_are_all_named_and_nothing_is_started() -> anyhow::Result<()> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bowline-payment-simulator"));
    let output = command.env("RUST_BACKTRACE", "1").args(["--error-rate=2", "--latency=soon"]).output()?;
    assert!(!output.status.success() && output.stdout.is_empty());
    let told = String::from_utf8(output.stderr)?;
    assert!(!told.contains("backtrace"), "{told}");
    for option in ["--data-dir", "--error-rate", "--latency"] {
        assert!(told.contains(option), "{option} in {told}");
    }
    Ok(())
}
