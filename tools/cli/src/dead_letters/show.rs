//! Parked messages as people read them.

use std::fmt::Write as _;

use anyhow::Context as _;
use bowline_contracts::common::v1;
use bowline_contracts::payloads;

use super::args::Letter;
use crate::tables::{at, table};

const NOTHING: &str = "nothing is parked\n";

/// Causes, with how many wait for each.
pub(super) fn causes(causes: &[(String, v1::DeadLetterCause)]) -> String {
    if causes.is_empty() {
        return NOTHING.to_owned();
    }
    let mut table = table(&["service", "cause", "orders", "messages", "first", "last"]);
    for (service, cause) in causes {
        table.add_row([
            service.clone(),
            cause.cause.clone(),
            cause.order_count.to_string(),
            cause.message_count.to_string(),
            at(cause.first_parked_time.as_ref()),
            at(cause.last_parked_time.as_ref()),
        ]);
    }
    format!("{table}\n")
}

/// Messages, each with why it waits.
pub(super) fn letters(letters: &[(String, v1::DeadLetter)]) -> String {
    if letters.is_empty() {
        return NOTHING.to_owned();
    }
    let mut table = table(&["message", "order", "type", "parked", "tried", "why it waits"]);
    for (service, letter) in letters {
        let why =
            if letter.is_head { letter.reason.as_str() } else { "behind an earlier message of its order" };
        table.add_row([
            format!("{service}/{}", letter.letter),
            letter.order_id.clone(),
            letter.message_type.rsplit('.').next().unwrap_or_default().to_owned(),
            at(letter.parked_time.as_ref()),
            letter.attempt_count.to_string(),
            why.to_owned(),
        ]);
    }
    format!("{table}\n")
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
