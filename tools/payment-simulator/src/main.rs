//! The payment simulator as a process: start, say where, serve until told to stop.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its address, and what stopped it")]

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use anyhow::Context;
use bowline_payment_simulator::{Args, Options, Simulator};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let Err(error) = serve() else { return ExitCode::SUCCESS };
    // The chain of reasons, never a stack trace.
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

fn serve() -> anyhow::Result<()> {
    let (options, threads) = Args::parse().read()?;
    let filter = tracing_subscriber::EnvFilter::builder().with_default_directive(tracing::Level::INFO.into());
    let log = tracing_subscriber::fmt().with_env_filter(filter.from_env_lossy()).with_writer(stderr);
    log.with_ansi(stderr().is_terminal()).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(run(options))
}

async fn run(options: Options) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut simulator = Simulator::start(options).await?;
    println!("listening on {}", simulator.url());
    tokio::select! {
        error = simulator.failed() => return Err(error.into()),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(simulator.shutdown().await?)
}
