//! Why a file was not imported.

use std::path::PathBuf;

/// Why a file was not imported. Every message names the file, and the line where there is one.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file could not be opened or read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file has no content.
    #[error("{} is empty; its first line must name the columns", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The first line does not name the columns of an invoice file.
    #[error(
        "{}, line 1: the columns are not those of an invoice file; missing: {}; found: {}",
        path.display(), missing.join(", "), found.join(", ")
    )]
    MissingColumns {
        /// The file.
        path: PathBuf,
        /// What is missing; each with the names that are understood.
        missing: Vec<&'static str>,
        /// The first of the columns that are there.
        found: Vec<String>,
    },
    /// Two columns have the same meaning.
    #[error("{}, line 1: more than one column is called {column}", path.display())]
    AmbiguousColumn {
        /// The file.
        path: PathBuf,
        /// The meaning, with the names that are understood.
        column: &'static str,
    },
    /// A line is not a row of an invoice.
    #[error("{}, line {line}: {reason}", path.display())]
    BadLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Not one row is a sale.
    #[error("{} has {rows} rows, and none of them is a sale", path.display())]
    NoSales {
        /// The file.
        path: PathBuf,
        /// How many rows it has.
        rows: u64,
    },
}
