//! Lanes as people read them.

use std::fmt::Write as _;

use bowline_contracts::common::v1;

use super::args::Lane;
use crate::tables::{at, table};

/// A lane with what its source says of it.
pub(super) struct Shown {
    pub(super) lane: Lane,
    pub(super) heard: v1::HeardLane,
    /// The last sequence given out; `None` if its source did not tell.
    pub(super) head: Option<i64>,
}

/// All of them, and below why those stand that do not flow.
pub(super) fn lanes(shown: &[Shown], stopped_only: bool) -> String {
    if shown.is_empty() {
        return if stopped_only { "every lane flows\n" } else { "no lane is heard\n" }.to_owned();
    }
    let mut table = table(&["lane", "head", "applied", "incarnation", "state", "since"]);
    let mut reasons = String::new();
    for Shown { lane, heard, head } in shown {
        table.add_row([
            lane.to_string(),
            head.map_or_else(|| "?".to_owned(), |head| head.to_string()),
            heard.watermark_sequence.to_string(),
            heard.watermark_incarnation.clone(),
            state(heard),
            heard.state_time.as_ref().map(|time| at(Some(time))).unwrap_or_default(),
        ]);
        if !heard.reason.is_empty() {
            let _always_taken = writeln!(reasons, "{lane}\n  {}", heard.reason);
        }
    }
    format!("{table}\n{reasons}")
}

fn state(heard: &v1::HeardLane) -> String {
    match heard.state() {
        v1::HeardLaneState::Flowing => "flows".to_owned(),
        v1::HeardLaneState::Missing => {
            format!("waits for {} to {}", heard.first_missing_sequence, heard.last_missing_sequence)
        }
        v1::HeardLaneState::Doubt => "asks its source".to_owned(),
        v1::HeardLaneState::Forgotten => format!("source has kept {}", heard.kept_sequence),
        v1::HeardLaneState::Stopped => "stopped".to_owned(),
        v1::HeardLaneState::Unspecified => "unknown".to_owned(),
    }
}
