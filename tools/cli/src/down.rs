//! `bowline down`: ends the stack of this machine, whichever terminal it was started from.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bowline_dev_stack::{Ending, Owner, process_table, remove_data, sweep};
use clap::Args;

use crate::args::{FolderArgs, time};
use crate::output::tell;
use crate::screen::say;
use crate::stop::Stop;

/// Stop the stack that `bowline up` has started, in the background or in another terminal.
///
/// Finds it as the other commands do, or one that `bowline demo --keep` has left running. Services finish what they are at,
/// then the servers stop; the command waits for all of it. What an earlier run has left behind is stopped as well. Where
/// nothing runs there is nothing to do, and that is no failure. Data is kept for the next start.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowline down
  bowline down --data-dir /tmp/second --remove-data
  bowline down --timeout 10s")]
pub(crate) struct DownArgs {
    /// How long the stack may take to stop in order; then it is killed
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    timeout: Duration,
    /// Then remove all it has kept: databases, topics, logs and passwords. What lies on servers that were given stays
    #[arg(long)]
    remove_data: bool,
    #[command(flatten)]
    folders: FolderArgs,
}

/// Stops what runs, says what it was, and removes its data if that is wanted.
pub(crate) async fn run(args: &DownArgs, stop: &Stop) -> anyhow::Result<ExitCode> {
    let (up, demo) = (args.folders.of("up")?.state, args.folders.of("demo")?.state);
    let (folder, owner) = match Owner::of(&up).await? {
        Some(owner) => (up, Some(owner)),
        None => match Owner::of(&demo).await? {
            Some(owner) => (demo, Some(owner)),
            None => (up, None),
        },
    };
    let stopped = match &owner {
        Some(owner) => end(&folder, owner, args.timeout, stop).await?,
        None => false,
    };
    let left = sweep(&folder).await?;
    for process in &left {
        tell(&format!("stopped {} (pid {}), which a run has left behind\n", process.name, process.pid));
    }
    if !stopped && left.is_empty() {
        tell(&format!("no stack runs in {}\n", folder.display()));
    }
    if args.remove_data {
        forget(&folder)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Has the owner stop everything. True when there was something.
async fn end(folder: &Path, owner: &Owner, timeout: Duration, stop: &Stop) -> anyhow::Result<bool> {
    let running = process_table::living(folder)?;
    say(&format!("stopping the stack in {}, which process {} runs", folder.display(), owner.pid()));
    let ending = stop.or(owner.stop(timeout)).await;
    match ending.context("the stack goes on stopping; `bowline down` waits for it again")? {
        Ending::WasDown => return Ok(false),
        Ending::Clean => {}
        Ending::Killed => {
            say(&format!("it did not stop within {} and was killed", humantime::format_duration(timeout)));
        }
    }
    let names: Vec<&str> = running.iter().map(|process| process.name.as_str()).collect();
    tell(&format!(
        "stopped {}\n",
        if names.is_empty() { "what was starting".to_owned() } else { names.join(", ") }
    ));
    Ok(true)
}

fn forget(folder: &Path) -> anyhow::Result<()> {
    let removed = remove_data(folder)?;
    for part in &removed {
        tell(&format!("removed {}\n", part.display()));
    }
    if removed.is_empty() {
        tell(&format!("there is no data in {}\n", folder.display()));
    } else if let Some(parent) = folder.parent().filter(|_| !folder.exists())
        // What --data-dir has named: it goes unless something else lies there, and the next start makes it again.
        && std::fs::remove_dir(parent).is_ok()
    {
        tell(&format!("removed {}, which was empty\n", parent.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_folder_goes_with_the_data_unless_something_else_lies_there() {
        let here = tempfile::tempdir().expect("a temporary folder");
        let data = here.path().join("second");
        let state = data.join("up");
        fs::create_dir_all(state.join("logs")).expect("our folder");
        forget(&state).expect("nobody uses it");
        assert!(!data.exists());

        fs::create_dir_all(state.join("logs")).expect("our folder");
        fs::write(data.join("mine.txt"), "").expect("our folder");
        forget(&state).expect("nobody uses it");
        assert!(!state.exists() && data.join("mine.txt").exists());
    }

    #[test]
    fn a_folder_that_has_never_held_data_stays() {
        let here = tempfile::tempdir().expect("a temporary folder");
        forget(&here.path().join("up")).expect("there is nothing");
        assert!(here.path().exists());
    }
}
