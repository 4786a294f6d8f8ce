//! The books on disk: a file of JSON lines that only grows, one line for each decided operation.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use crate::books::{Books, Inconsistent};
use crate::records::Record;

/// The journal's name in the data folder.
const FILE_NAME: &str = "books.jsonl";

/// An open journal, locked for this process.
pub(crate) struct Journal {
    file: File,
    sync: bool,
}

/// Why the books cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("cannot open {path}")]
    Open { path: PathBuf, source: io::Error },
    #[error("{path} is in use by another simulator; stop it or choose another data folder")]
    InUse { path: PathBuf },
    #[error("{path}, line {line}: not a line of a provider's books")]
    Malformed { path: PathBuf, line: usize, source: serde_json::Error },
    #[error("{path}, line {line}: does not follow from the lines before it")]
    Inconsistent { path: PathBuf, line: usize, source: Inconsistent },
}

impl Journal {
    /// Opens or creates the journal of a folder and reads the books from it. A last line without its end was never
    /// answered: it is cut off. `sync` says whether an append waits for the disk.
    pub(crate) fn open(data_dir: &Path, sync: bool) -> Result<(Self, Books), JournalError> {
        let path = data_dir.join(FILE_NAME);
        let fault = |source| JournalError::Open { path: path.clone(), source };
        std::fs::create_dir_all(data_dir).map_err(fault)?;
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(fault)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => JournalError::InUse { path: path.clone() },
            TryLockError::Error(source) => fault(source),
        })?;
        let (books, whole) = read(&file, &path)?;
        let length = file.metadata().map_err(fault)?.len();
        if whole < length {
            tracing::warn!(path = %path.display(), bytes = length - whole, "torn last line of the books cut off");
            file.set_len(whole).map_err(fault)?;
        }
        if sync {
            file.sync_all().map_err(fault)?;
            // The entry of a new file in its folder has to be durable as well.
            File::open(data_dir).and_then(|dir| dir.sync_all()).map_err(fault)?;
        }
        Ok((Self { file, sync }, books))
    }

    /// Appends whole lines. They are durable once it answers, as far as `sync` goes.
    pub(crate) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all(lines)?;
        if self.sync { self.file.sync_data() } else { Ok(()) }
    }
}

/// The books, and how many bytes of the file are whole lines.
fn read(file: &File, path: &Path) -> Result<(Books, u64), JournalError> {
    let mut books = Books::default();
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut text = Vec::new();
    let mut whole = 0;
    for line in 1.. {
        text.clear();
        let length = reader
            .read_until(b'\n', &mut text)
            .map_err(|source| JournalError::Open { path: path.to_owned(), source })?;
        if text.last() != Some(&b'\n') {
            break;
        }
        let record: Record = serde_json::from_slice(&text).map_err(|source| JournalError::Malformed {
            path: path.to_owned(),
            line,
            source,
        })?;
        books.apply(record).map_err(|source| JournalError::Inconsistent {
            path: path.to_owned(),
            line,
            source,
        })?;
        whole += u64::try_from(length).expect("a length fits 64 bits");
    }
    Ok((books, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: &str = concat!(
        r#"{"idempotency_key":"k1","charge":"ch_0000000001","request":{"kind":"hold","merchant_reference":"o","#,
        r#""token":"t","amount":{"value":"1.00","iso":"GBP"}},"#,
        r#""outcome":{"result":"done","amount":{"value":"1.00","iso":"GBP"}}}"#,
        "\n"
    );

    fn folder(content: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), content).unwrap();
        folder
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_the_next_line_follows_the_whole_ones() {
        for torn in ["{", &HOLD[..HOLD.len() - 1], "\0\0\0"] {
            let folder = folder(&format!("{HOLD}{torn}"));
            let (mut journal, books) = Journal::open(folder.path(), true).unwrap();
            assert_eq!(books.len(), 1);
            journal.append(b"next\n").unwrap();
            let content = std::fs::read_to_string(folder.path().join(FILE_NAME)).unwrap();
            assert_eq!(content, format!("{HOLD}next\n"));
        }
    }

    #[test]
    fn a_line_that_is_wrong_stops_the_start_and_is_named() {
        let malformed = folder(&format!("{HOLD}nonsense\n"));
        let error = Journal::open(malformed.path(), true).err().unwrap();
        assert!(matches!(error, JournalError::Malformed { line: 2, .. }), "{error}");
        let repeated = folder(&format!("{HOLD}{HOLD}"));
        let error = Journal::open(repeated.path(), true).err().unwrap();
        assert!(matches!(error, JournalError::Inconsistent { line: 2, .. }), "{error}");
    }

    #[test]
    fn a_folder_serves_one_simulator_at_a_time() {
        let folder = folder(HOLD);
        let first = Journal::open(folder.path(), false).unwrap();
        assert!(matches!(Journal::open(folder.path(), false), Err(JournalError::InUse { .. })));
        drop(first);
        assert!(Journal::open(folder.path(), false).is_ok());
    }
}
