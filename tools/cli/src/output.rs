//! What a command prints: tables for people, JSON for programs.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use serde::Serialize;

/// For whom a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Table,
    Json,
}

/// For whom a command prints. Flattened before options with a heading, under which it would stand otherwise.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct OutputArgs {
    /// For people; or as JSON with the field names of proto/, one object a line from what goes on
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Output::Table, global = true)]
    pub(crate) output: Output,
}

impl Output {
    /// Prints all that a command has to say: `text`, or `json` as one document.
    pub(crate) fn document(self, text: &str, json: &impl Serialize) -> anyhow::Result<()> {
        match self {
            Self::Table => put(text),
            Self::Json => put(&format!("{}\n", serde_json::to_string_pretty(json)?)),
        }
    }

    /// Prints one of several things that a command has to say, while it goes on: `text`, or `json` on one line.
    pub(crate) fn line(self, text: &str, json: &impl Serialize) -> anyhow::Result<()> {
        match self {
            Self::Table => put(&format!("{text}\n")),
            Self::Json => put(&format!("{}\n", serde_json::to_string(json)?)),
        }
    }
}

/// Prints text. Unlike `print!`, it does not panic when nobody reads any more; see [`had_enough`].
pub(crate) fn put(text: &str) -> anyhow::Result<()> {
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}

/// Says what a command has to say beside its work, which goes on when nobody reads any more.
pub(crate) fn tell(text: &str) {
    let _nobody_reads = put(text);
}

/// Whether a command could not go on because whoever reads what it prints has gone, as `head` does.
pub(crate) fn had_enough(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
