//! What came of a fault.

use std::time::Duration;

use serde::Serialize;

use crate::kind::Kind;
use crate::schedule::Planned;

/// One fault that has happened, or was to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// Its number in the schedule.
    pub number: u32,
    /// What happened.
    pub kind: Kind,
    /// To what.
    pub target: String,
    /// When it was to begin, in milliseconds from the beginning.
    pub planned_ms: u64,
    /// When it began, in milliseconds from the beginning.
    pub began_ms: u64,
    /// How long it was to last, in milliseconds.
    pub length_ms: u64,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It happened, and what it happened to is back.
    Injected {
        /// From its end until what it happened to was at work again; `None` where nothing has to come back.
        recovered_ms: Option<u64>,
    },
    /// A process was to abort at a point that its work did not come to in time.
    NotReached,
    /// It could not happen.
    Skipped {
        /// Why.
        reason: String,
    },
    /// It happened, and what it happened to did not come back, or its end could not be brought about.
    Failed {
        /// What went wrong.
        reason: String,
    },
}

impl Outcome {
    /// It happened; what it happened to took so long to come back.
    pub(crate) fn recovered(took: Duration) -> Self {
        Self::Injected { recovered_ms: Some(milliseconds(took)) }
    }

    /// It happened, and nothing has to come back.
    pub(crate) const fn done() -> Self {
        Self::Injected { recovered_ms: None }
    }

    pub(crate) fn skipped(reason: impl Into<String>) -> Self {
        Self::Skipped { reason: reason.into() }
    }
}

impl Record {
    pub(crate) fn new(planned: &Planned, began: Duration, outcome: Outcome) -> Self {
        Self {
            number: planned.number,
            kind: planned.kind,
            target: planned.target.to_string(),
            planned_ms: milliseconds(planned.at),
            began_ms: milliseconds(began),
            length_ms: milliseconds(planned.length),
            outcome,
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
