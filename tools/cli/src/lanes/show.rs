//! Lanes as people read them.

use std::fmt::Write as _;

use bowline_contracts::common::v1;
use bowline_contracts::payloads::Json;
use bowline_kernel::{Clock as _, SystemClock};
use serde::Serialize;

use super::args;
use crate::services::Told;
use crate::tables::{listed, table, when};

/// A lane with what its source says of it.
pub(super) struct Shown {
    pub(super) lane: args::Lane,
    pub(super) heard: v1::HeardLane,
    /// The last sequence given out; `None` if its source did not tell.
    pub(super) head: Option<i64>,
}

/// Lanes for programs.
#[derive(Serialize)]
pub(super) struct Lanes<'a> {
    lanes: Vec<Lane<'a>>,
}

#[derive(Serialize)]
struct Lane<'a> {
    #[serde(flatten)]
    heard: Told<'a>,
    /// Written as the sequences of proto/ are.
    head_sequence: Option<String>,
}

impl<'a> Lanes<'a> {
    pub(super) fn of(shown: &'a [Shown]) -> Self {
        let lane = |Shown { lane, heard, head }: &'a Shown| Lane {
            heard: Told { service: &lane.service, message: Json::from(heard) },
            head_sequence: head.map(|head| head.to_string()),
        };
        Self { lanes: shown.iter().map(lane).collect() }
    }
}

/// All of them, and below why those stand that do not flow.
pub(super) fn lanes(shown: &[Shown], stopped_only: bool) -> String {
    if shown.is_empty() {
        return if stopped_only { "every lane flows\n" } else { "no lane is heard\n" }.to_owned();
    }
    let now = SystemClock.now();
    let mut table = table(&["lane", "head", "applied", "incarnation", "state", "since UTC"]);
    let mut reasons = String::new();
    for Shown { lane, heard, head } in shown {
        table.add_row([
            lane.to_string(),
            head.map_or_else(|| "?".to_owned(), |head| head.to_string()),
            heard.watermark_sequence.to_string(),
            heard.watermark_incarnation.clone(),
            state(heard),
            heard.state_time.as_ref().map(|time| when(Some(time), now)).unwrap_or_default(),
        ]);
        if !heard.reason.is_empty() {
            let _always_taken = writeln!(reasons, "{lane}\n  {}", heard.reason);
        }
    }
    listed(table, &["incarnation", "since UTC"], "state") + &reasons
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn programs_read_a_lane_with_its_head() {
        let lane: args::Lane = "inventory/orders.events.v1/4/orders".parse().unwrap();
        let heard = v1::HeardLane { partition: 4, watermark_sequence: 6, ..v1::HeardLane::default() };
        let shown = [Some(7), None].map(|head| Shown { lane: lane.clone(), heard: heard.clone(), head });
        let json = serde_json::to_value(Lanes::of(&shown)).unwrap();
        let read = |lane: usize| {
            let lane = &json["lanes"][lane];
            ["service", "watermark_sequence", "head_sequence"].map(|field| lane[field].clone())
        };
        assert_eq!(read(0), [json!("inventory"), json!("6"), json!("7")]);
        assert_eq!(read(1)[2], json!(null));
    }
}
