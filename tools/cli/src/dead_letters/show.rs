//! Parked messages as people read them.

use std::fmt::Write as _;

use anyhow::Context as _;
use bowline_contracts::common::v1;
use bowline_contracts::payloads::{self, Json};
use bowline_kernel::{Clock as _, SystemClock};
use serde::Serialize;

use super::args::Letter;
use crate::services::Told;
use crate::tables::{at, listed, table, when};

const NOTHING: &str = "nothing is parked\n";

/// Causes for programs.
#[derive(Serialize)]
pub(super) struct Causes<'a> {
    causes: Vec<Told<'a>>,
}

/// Messages for programs.
#[derive(Serialize)]
pub(super) struct DeadLetters<'a> {
    dead_letters: Vec<Told<'a>>,
}

/// One message for programs.
#[derive(Serialize)]
pub(super) struct Whole<'a> {
    #[serde(flatten)]
    found: Told<'a>,
    /// The payload read as what it should be, if it can be.
    message: Option<Json>,
}

impl<'a> Causes<'a> {
    pub(super) fn of(causes: &'a [(String, v1::DeadLetterCause)]) -> Self {
        Self { causes: told(causes) }
    }
}

impl<'a> DeadLetters<'a> {
    pub(super) fn of(letters: &'a [(String, v1::DeadLetter)]) -> Self {
        Self { dead_letters: told(letters) }
    }
}

impl<'a> Whole<'a> {
    pub(super) fn of(name: &'a Letter, found: &v1::GetDeadLetterResponse) -> Self {
        let message_type = found.dead_letter.as_ref().map(|letter| letter.message_type.as_str());
        let message = message_type.and_then(|message_type| Json::of(message_type, &found.payload).ok());
        Self { found: Told { service: &name.service, message: Json::from(found) }, message }
    }
}

fn told<M>(all: &[(String, M)]) -> Vec<Told<'_>>
where
    Json: for<'m> From<&'m M>,
{
    all.iter().map(|(service, message)| Told { service, message: Json::from(message) }).collect()
}

/// Causes, with how many wait for each.
pub(super) fn causes(causes: &[(String, v1::DeadLetterCause)]) -> String {
    if causes.is_empty() {
        return NOTHING.to_owned();
    }
    let now = SystemClock.now();
    let mut table = table(&["service", "cause", "orders", "messages", "first UTC", "last UTC"]);
    for (service, cause) in causes {
        table.add_row([
            service.clone(),
            cause.cause.clone(),
            cause.order_count.to_string(),
            cause.message_count.to_string(),
            when(cause.first_parked_time.as_ref(), now),
            when(cause.last_parked_time.as_ref(), now),
        ]);
    }
    listed(table, &["first UTC", "last UTC"], "cause")
}

/// Messages, each with why it waits.
pub(super) fn letters(letters: &[(String, v1::DeadLetter)]) -> String {
    if letters.is_empty() {
        return NOTHING.to_owned();
    }
    let now = SystemClock.now();
    let mut table = table(&["message", "order", "type", "parked UTC", "tried", "why it waits"]);
    for (service, letter) in letters {
        let why =
            if letter.is_head { letter.reason.as_str() } else { "behind an earlier message of its order" };
        table.add_row([
            format!("{service}/{}", letter.letter),
            letter.order_id.clone(),
            letter.message_type.rsplit('.').next().unwrap_or_default().to_owned(),
            when(letter.parked_time.as_ref(), now),
            letter.attempt_count.to_string(),
            why.to_owned(),
        ]);
    }
    listed(table, &["tried", "parked UTC", "type"], "why it waits")
}

/// One message with its payload as JSON, and what operators have done.
pub(super) fn whole(name: &Letter, found: &v1::GetDeadLetterResponse) -> anyhow::Result<String> {
    let letter = found.dead_letter.as_ref().context("the service answered without the message")?;
    let why = if letter.is_head {
        letter.reason.as_str()
    } else {
        "it waits behind an earlier message of its order"
    };
    let mut text = format!(
        "{name}  {}  of order {}\n  {}\n  parked {}, tried again {} times, edited {} times\n  from {} on {}/{}, offset {}, sequence {}, id {}\n",
        letter.message_type,
        letter.order_id,
        why,
        at(letter.parked_time.as_ref()),
        letter.attempt_count,
        letter.edit_count,
        letter.source,
        letter.topic,
        letter.partition,
        letter.offset,
        letter.sequence,
        letter.message_id,
    );
    for action in &found.actions {
        let (kind, operator) = (&action.kind, &action.operator);
        writeln!(text, "  {}  {kind} by {operator}: {}", at(action.action_time.as_ref()), action.note)?;
    }
    match payloads::to_json(&letter.message_type, &found.payload) {
        Ok(json) => writeln!(text, "{json}")?,
        Err(error) => writeln!(text, "  its {} bytes {error}", found.payload.len())?,
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use bowline_contracts::events::Published as _;
    use bowline_contracts::orders::v1::OrderConfirmed;
    use serde_json::{Value, json};

    use super::*;

    /// A message with a payload of that type, as programs read it.
    fn whole(payload: &[u8]) -> Value {
        let name = Letter { service: "inventory".to_owned(), number: 12 };
        let letter = v1::DeadLetter {
            letter: 12,
            message_type: OrderConfirmed::TYPE.to_owned(),
            ..v1::DeadLetter::default()
        };
        let payload = payload.to_vec().into();
        let found = v1::GetDeadLetterResponse { dead_letter: Some(letter), payload, actions: Vec::new() };
        serde_json::to_value(Whole::of(&name, &found)).unwrap()
    }

    #[test]
    fn programs_read_the_payload_as_what_it_is() {
        let json = whole(&[0x0a, 1, b'x']);
        assert_eq!((&json["service"], &json["dead_letter"]["letter"]), (&json!("inventory"), &json!("12")));
        assert_eq!(json["message"]["order_id"], "x");
    }

    #[test]
    fn a_payload_that_is_none_is_left_as_bytes() {
        let json = whole(&[0xff]);
        assert_eq!((&json["message"], &json["payload"]), (&Value::Null, &json!("/w==")));
    }
}
