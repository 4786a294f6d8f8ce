//! The smallest kind of stream worth storing.

use bowline_event_store::{Context, DecodeError, Persistent, SnapshotForm};
use bowline_kernel::{Decider, IdSource};

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

/// Counters as stored: version 1 said `{"n":…}`, version 2 `{"amount":…}`, and version 3 says `{"added":{"amount":…}}`.
/// Snapshots have the form `FORM`; 0 for none.
pub(crate) struct CounterStream<const FORM: u16 = 0>;

impl<const FORM: u16> Persistent for CounterStream<FORM> {
    type Decider = Counter;

    const SNAPSHOTS: Option<SnapshotForm<u32>> =
        if FORM == 0 { None } else { Some(SnapshotForm::json(FORM)) };

    fn event_type(_: &Added) -> &'static str {
        "Added"
    }

    fn schema_version(_: &Added) -> u16 {
        3
    }

    fn encode(event: &Added) -> Vec<u8> {
        format!(r#"{{"added":{{"amount":{}}}}}"#, event.0).into_bytes()
    }

    fn decode(event_type: &str, schema_version: u16, payload: &[u8]) -> Result<Added, DecodeError> {
        let json: serde_json::Value = serde_json::from_slice(payload)?;
        let amount = match (event_type, schema_version) {
            ("Added", 1) => &json["n"],
            ("Added", 2) => &json["amount"],
            ("Added", 3) => &json["added"]["amount"],
            _ => return Err("of a kind not known here".into()),
        };
        Ok(Added(u32::try_from(amount.as_u64().ok_or("without an amount")?)?))
    }
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
