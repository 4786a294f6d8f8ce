//! A record of what was applied, in the order in which it was, for whoever audits that every message of a lane took effect
//! once and in order. Written in the transaction of the effects, where asked for.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use crate::Error;
use crate::inbox::{Incoming, InputId};

/// Sequences of a lane that were applied one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    input: InputId,
    first: i64,
    last: i64,
}

/// Writes down what a transaction applies, a row for each lane. `messages` are in order within each lane.
pub(crate) async fn record<'a>(
    connection: &mut PgConnection,
    messages: impl Iterator<Item = &'a Incoming>,
) -> Result<(), Error> {
    let ranges = ranges(messages.map(|message| (message.input, message.envelope.sequence)));
    if ranges.is_empty() {
        return Ok(());
    }
    let inputs: Vec<InputId> = ranges.iter().map(|range| range.input).collect();
    let firsts: Vec<i64> = ranges.iter().map(|range| range.first).collect();
    let lasts: Vec<i64> = ranges.iter().map(|range| range.last).collect();
    sqlx::query!(
        "INSERT INTO messaging.applied_ranges (input, first_sequence, last_sequence)
         SELECT input, first_sequence, last_sequence
           FROM unnest($1::int4[], $2::int8[], $3::int8[]) WITH ORDINALITY v(input, first_sequence, last_sequence, nth)
          ORDER BY nth",
        &inputs,
        &firsts,
        &lasts,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The unbroken runs of each lane, in order. What a correct consumer applies of a lane in one batch is one run.
fn ranges(sequences: impl Iterator<Item = (InputId, i64)>) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    let mut open: BTreeMap<InputId, usize> = BTreeMap::new();
    for (input, sequence) in sequences {
        match open.get(&input).map(|&index| &mut ranges[index]) {
            Some(range) if range.last + 1 == sequence => range.last = sequence,
            _ => {
                open.insert(input, ranges.len());
                ranges.push(Range { input, first: sequence, last: sequence });
            }
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_where_its_lane_repeats_or_leaps() {
        let applied = [(1, 4), (2, 9), (1, 5), (2, 9), (1, 7), (2, 10)];
        let expected = [(1, 4, 5), (2, 9, 9), (2, 9, 10), (1, 7, 7)];
        let found = ranges(applied.into_iter());
        assert_eq!(found, expected.map(|(input, first, last)| Range { input, first, last }));
    }
}
