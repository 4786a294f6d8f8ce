//! `bowline check`: the ledger of invariants of a stack that runs.

use std::process::ExitCode;

use bowline_dev_stack::{Error, StackDescription};

use crate::args::{CheckArgs, FolderArgs};
use crate::screen::say;
use crate::stop::Stop;
use crate::{fleet, ledger};

/// Waits until the stack has come to rest, checks everything, prints what was found.
pub(crate) async fn run(args: &CheckArgs, stop: &Stop) -> anyhow::Result<ExitCode> {
    let access = fleet::access_of(&find(&args.folders)?)?;
    if let Err(busy) = stop.or(bowline_prove::wait_until_quiet(&access, args.wait)).await? {
        say(&format!("the stack has not come to rest within {:?}: {busy}", args.wait));
    }
    let proof = stop.or(bowline_prove::prove(&access)).await?;
    print!("{}{}", ledger::lines(&proof.invariants), ledger::examples(&proof.invariants));
    Ok(if proof.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same, where it is no failure that none runs.
pub(crate) fn find_running(folders: &FolderArgs) -> anyhow::Result<Option<StackDescription>> {
    match find(folders) {
        Ok(stack) => Ok(Some(stack)),
        Err(error) if matches!(error.downcast_ref(), Some(Error::NotRunning { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The stack that `up` has started, else the one that `demo` has.
pub(crate) fn find(folders: &FolderArgs) -> anyhow::Result<StackDescription> {
    match StackDescription::load(&folders.of("up")?.state) {
        Err(not_running @ Error::NotRunning { .. }) => {
            match StackDescription::load(&folders.of("demo")?.state) {
                Err(Error::NotRunning { .. }) => Err(not_running.into()),
                found => Ok(found?),
            }
        }
        found => Ok(found?),
    }
}
