//! `bowline check`: the ledger of invariants of a stack that runs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use bowline_dev_stack::{Error, StackDescription};
use bowline_prove::Invariant;
use serde::Serialize;

use crate::args::{CheckArgs, FolderArgs};
use crate::output::had_enough;
use crate::screen::say;
use crate::stop::Stop;
use crate::{fleet, ledger};

/// Waits until the stack has come to rest, checks everything, prints what was found.
pub(crate) async fn run(args: &CheckArgs, stop: &Stop) -> anyhow::Result<ExitCode> {
    let access = fleet::access_of(&find(&args.folders)?.1)?;
    if let Err(busy) = stop.or(bowline_prove::wait_until_quiet(&access, args.wait)).await? {
        say(&format!("the stack has not come to rest within {:?}: {busy}", args.wait));
    }
    let proof = stop.or(bowline_prove::prove(&access)).await?;
    let invariants = &proof.invariants;
    let text = format!("{}{}", ledger::lines(invariants), ledger::examples(invariants));
    // Whether all of it holds is told by the exit status even to one who has stopped reading.
    args.output
        .output
        .document(&text, &Checked { invariants })
        .or_else(|error| if had_enough(&error) { Ok(()) } else { Err(error) })?;
    Ok(if proof.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was found, for programs.
#[derive(Serialize)]
struct Checked<'a> {
    invariants: &'a [Invariant],
}

/// The folder and the description of the stack that `up` has started, else of the one that `demo` has, if either runs.
pub(crate) fn find_running(folders: &FolderArgs) -> anyhow::Result<Option<(PathBuf, StackDescription)>> {
    for command in ["up", "demo"] {
        let folder = folders.of(command)?.state;
        match StackDescription::load(&folder) {
            Err(Error::NotRunning { .. }) => {}
            found => return Ok(Some((folder, found?))),
        }
    }
    Ok(None)
}

/// The same, where one has to run.
pub(crate) fn find(folders: &FolderArgs) -> anyhow::Result<(PathBuf, StackDescription)> {
    let (folder, here) = (folders.of("up")?.state, folders.hint());
    let none = || anyhow!("no stack runs in {}: start one with `bowline up{here}`", folder.display());
    find_running(folders)?.ok_or_else(none)
}
