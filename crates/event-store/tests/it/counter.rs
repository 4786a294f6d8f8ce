//! The smallest kind of stream worth storing.

use bowline_event_store::{Context, Persistent, SnapshotForm};
use bowline_kernel::stored::{DecodeError, Payload, Stored};
use bowline_kernel::{Decider, IdSource};
use serde::Deserialize;

use crate::stage::{at, stream};

/// Adds up to a limit.
pub(crate) struct Counter;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Added(pub(crate) u32);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TooMuch;

impl Decider for Counter {
    type State = u32;
    type Command = Vec<u32>;
    type Event = Added;
    type Rejection = TooMuch;

    fn initial() -> u32 {
        0
    }

    fn decide(total: &u32, amounts: Vec<u32>) -> Result<Vec<Added>, TooMuch> {
        if total + amounts.iter().sum::<u32>() > 100 {
            return Err(TooMuch);
        }
        Ok(amounts.into_iter().map(Added).collect())
    }

    fn evolve(total: u32, event: &Added) -> u32 {
        total + event.0
    }
}

/// As stored: version 1 said `{"n":…}`, version 2 `{"amount":…}`, and version 3 says `{"added":{"amount":…}}`.
impl Stored for Added {
    fn event_type(&self) -> &'static str {
        "Added"
    }

    fn schema_version(&self) -> u16 {
        3
    }

    fn encode(&self) -> Vec<u8> {
        format!(r#"{{"added":{{"amount":{}}}}}"#, self.0).into_bytes()
    }

    fn decode(event_type: &str, schema_version: u16, payload: &[u8]) -> Result<Self, DecodeError> {
        let payload = Payload { event_type, schema_version, json: payload };
        match (event_type, schema_version) {
            ("Added", 1) => payload.read(|First { n }| Self(n)),
            ("Added", 2) => payload.read(|Second { amount }| Self(amount)),
            ("Added", 3) => payload.read(|Third { added }| Self(added.amount)),
            _ => Err(payload.unknown()),
        }
    }
}

#[derive(Deserialize)]
struct First {
    n: u32,
}

#[derive(Deserialize)]
struct Second {
    amount: u32,
}

#[derive(Deserialize)]
struct Third {
    added: Second,
}

/// Counters. Snapshots have the form `FORM`; 0 for none.
pub(crate) struct CounterStream<const FORM: u16 = 0>;

impl<const FORM: u16> Persistent for CounterStream<FORM> {
    type Decider = Counter;

    const SNAPSHOTS: Option<SnapshotForm<u32>> =
        if FORM == 0 { None } else { Some(SnapshotForm::json(FORM)) };
}

/// The circumstances of a decision, at the time 1.
pub(crate) fn context(ids: &dyn IdSource) -> Context<'_> {
    Context {
        causation: Some(stream(901)),
        correlation: Some(stream(902)),
        traceparent: None,
        recorded_at: at(1),
        ids,
    }
}
