//! Reads a file of invoices in the form of the UCI data set "Online Retail" and makes a [`Plan`] of it.
//!
//! The rules are written down in `datasets/online-retail/README.md`. The file is read once, as a stream; a file
//! with one bad line gives an error that names it and nothing else.

mod columns;
mod error;
mod fields;
mod planning;
mod sales;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{BufReader, Read};
use std::num::NonZeroUsize;
use std::path::Path;

use csv::ByteRecord;

pub use self::error::ImportError;
pub use self::sales::Sales;
use crate::plan::{OrderLimits, Plan};
use columns::Columns;
use fields::{DateForm, Row};

/// Reads `path` and plans a replay of `orders` orders: the first of the file when it has more, repetitions under
/// new invoice numbers when it has fewer, and the whole file once when `None`.
pub fn import(path: &Path, orders: Option<NonZeroUsize>, limits: OrderLimits) -> Result<Plan, ImportError> {
    Ok(read(path)?.plan(orders, limits))
}

/// Reads the sales of the file at `path`.
pub fn read(path: &Path) -> Result<Sales, ImportError> {
    let file = File::open(path).map_err(|source| ImportError::Unreadable { path: path.into(), source })?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .buffer_capacity(1 << 16)
        .from_reader(BufReader::new(file));
    let mut record = ByteRecord::new();
    if !next_record(path, &mut reader, &mut record)? {
        return Err(ImportError::Empty { path: path.into() });
    }
    let columns = Columns::find(path, &record)?;
    let mut sales = Sales::default();
    let mut date_form = DateForm::default();
    while next_record(path, &mut reader, &mut record)? {
        let row = Row::parse(&columns, &record, &mut date_form).map_err(|reason| ImportError::BadLine {
            path: path.into(),
            line: line_of(path, &record),
            reason,
        })?;
        sales.add(&row);
    }
    if sales.is_empty() {
        return Err(ImportError::NoSales { path: path.into(), rows: sales.rows() });
    }
    Ok(sales)
}

fn next_record<R: Read>(
    path: &Path,
    reader: &mut csv::Reader<R>,
    record: &mut ByteRecord,
) -> Result<bool, ImportError> {
    reader.read_byte_record(record).map_err(|error| match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => ImportError::BadLine {
            path: path.into(),
            line: line_of(path, record),
            reason: format!("it has {len} fields, but the header has {expected_len}"),
        },
        _ => ImportError::Unreadable { path: path.into(), source: error.into() },
    })
}

/// The line, from 1, on which `record` begins. The file is read again up to there: the csv reader's own count
/// is one short behind CRLF and does not know lone carriage returns.
fn line_of(path: &Path, record: &ByteRecord) -> u64 {
    let Some(position) = record.position() else { return 1 };
    let counted = File::open(path).and_then(|file| {
        let (mut line, mut previous) = (1, 0);
        for (offset, byte) in (0..).zip(BufReader::new(file).bytes()) {
            let byte = byte?;
            // Line ends right before the record were not yet consumed when its position was noted.
            if offset >= position.byte() && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            if byte == b'\r' || (byte == b'\n' && previous != b'\r') {
                line += 1;
            }
            previous = byte;
        }
        Ok(line)
    });
    counted.unwrap_or_else(|_| position.line())
}
