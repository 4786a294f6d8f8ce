use std::ffi::OsString;
use std::fmt;

use clap::{Command, Parser};

use crate::Faults;

/// The exit status for options that cannot be used; clap's own errors end with the same one.
const EXIT_FAULTY_OPTIONS: i32 = 2;

/// Why no settings could be made of the command line and the environment.
#[derive(Debug)]
pub enum Refused {
    /// An unknown flag, a flag without its value, or a request for help or version.
    Usage(clap::Error),
    /// Options that were understood but cannot be used, all of them.
    Faults(Faults),
}

/// Reads the options of this process and checks them. If they cannot be used, says why on standard error and ends the
/// process with status 2.
pub fn load<A: Parser, C>(check: impl FnOnce(A, &mut Faults) -> Option<C>) -> C {
    match parse_from(std::env::args_os(), check) {
        Ok(settings) => settings,
        Err(Refused::Usage(error)) => error.exit(),
        Err(Refused::Faults(faults)) => {
            #[expect(clippy::print_stderr, reason = "no log is set up before the options are known")]
            {
                eprintln!("{faults}");
            }
            std::process::exit(EXIT_FAULTY_OPTIONS)
        }
    }
}

/// Reads the options from the given command line (its first word is the program's name) and the environment.
pub fn parse_from<A: Parser, C>(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    check: impl FnOnce(A, &mut Faults) -> Option<C>,
) -> Result<C, Refused> {
    let command = without_values(A::command());
    let options = command
        .clone()
        .try_get_matches_from(arguments)
        .and_then(|matches| A::from_arg_matches(&matches))
        .map_err(Refused::Usage)?;
    let mut faults = Faults::new(command);
    let settings = check(options, &mut faults);
    faults.finish(settings).map_err(Refused::Faults)
}

/// The help names the environment variables but never prints their values: some are secrets.
fn without_values(command: Command) -> Command {
    command.mut_args(|argument| argument.hide_env_values(true))
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) => error.fmt(f),
            Self::Faults(faults) => faults.fmt(f),
        }
    }
}

impl std::error::Error for Refused {}
