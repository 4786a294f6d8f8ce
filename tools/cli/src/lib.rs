//! The command-line tool: starts the whole order backbone on this machine, replays orders, checks what came of it.
//!
//! **What it is.** `demo` ([`demo`]) starts a stack, warms it up, replays a retailer's invoices, checks the ledger of
//! invariants and reports. `up` ([`up`]) starts a stack and keeps it, in the background if that is wanted, and `down`
//! ([`down`]) ends it. `check` ([`check`]) draws up the ledger of a stack that runs, `reconcile` compares its books while it
//! is at work, `status` shows how its services stand and what is to be done, `doctor` ([`doctor`]) finds out what is missing
//! or wrong. `prove` injects faults into a stack of its own under load and draws up the ledger afterwards. `order`, `catalog`,
//! `stock` and `payment` are for every day: they call the services of a stack and print what they answer, as tables or as
//! JSON ([`output`]). `dead-letters` shows and mends what services could not apply, `lanes` what does not flow between them.
//! [`fleet`] knows how the payment simulator and the four services are started.
//!
//! **Guarantees.** Status 0 of `demo`, `check` and `prove` means that nothing is unfinished or broken, of the others that what
//! was asked for is done; 1 that something is broken, was refused or went wrong; 2 that the command line could not be
//! understood, and of `prove` and `reconcile` that nothing could be found out. A write has a request id and takes effect once,
//! however often it is sent ([`writes`]). Whatever was started is stopped again, however the command ends, unless it was to stay
//! in the background. What went wrong is said in one message, without a stack trace, with what to do about it.
//!
//! **Does not.** It builds nothing and installs nothing: the launcher in the root of the repository does.
//!
//! **How to add a command.** A variant in `args`, a file with its `run`, and an arm in `main`. A command about one kind of thing
//! has a folder: `args` for the command line with an example for each verb, `show` for what people read, calls beside them.

mod args;
mod catalog;
mod check;
mod dead_letters;
mod demo;
mod doctor;
mod down;
pub mod fleet;
mod lanes;
mod ledger;
mod order;
mod output;
mod payment;
mod prove;
mod reconcile;
pub mod replaying;
mod running;
mod screen;
mod services;
mod status;
mod stock;
mod stop;
mod tables;
mod up;
mod warm_up;
mod writes;

use std::process::ExitCode;

use anyhow::Context as _;
use args::{Command, Options};
use clap::Parser as _;
use stop::Stop;

/// The definition of the command line, which documents are held against.
pub fn command() -> clap::Command {
    <Options as clap::CommandFactory>::command()
}

/// Reads the command line, runs the command, and says how it went.
pub fn main() -> ExitCode {
    let options = Options::parse();
    let in_background = matches!(&options.command, Command::Up(args) if args.detached);
    screen::start_log(matches!(options.command, Command::Prove(_)), in_background);
    match run(options.command) {
        Ok(code) => code,
        Err(error) if output::had_enough(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let error = match error.downcast::<clap::Error>() {
                Ok(usage) => usage.exit(),
                Err(error) => error,
            };
            // The chain of reasons, never a stack trace.
            screen::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let code = runtime.block_on(async {
        let stop = Stop::on_signals()?;
        match command {
            Command::Demo(args) => Box::pin(demo::run(&args, &stop)).await,
            Command::Up(args) => Box::pin(up::run(&args, &stop)).await,
            Command::Down(args) => down::run(&args, &stop).await,
            Command::Doctor(args) => doctor::run(&args, &stop).await,
            Command::Order(args) => order::run(&args, &stop).await,
            Command::Catalog(args) => catalog::run(&args, &stop).await,
            Command::Stock(args) => stock::run(&args, &stop).await,
            Command::Payment(args) => payment::run(&args, &stop).await,
            Command::Status(args) => status::run(&args, &stop).await,
            Command::Check(args) => check::run(&args, &stop).await,
            Command::Reconcile(args) => Ok(reconcile::run(&args, &stop).await),
            Command::DeadLetters(args) => dead_letters::run(&args.settled(), &stop).await,
            Command::Lanes(args) => lanes::run(&args, &stop).await,
            Command::Completions(args) => output::put(&args.script()).map(|()| ExitCode::SUCCESS),
            Command::Prove(args) => Box::pin(prove::run(&args, &stop)).await,
        }
    });
    // A thread that still reads from a broker is not waited for.
    runtime.shutdown_background();
    code
}
