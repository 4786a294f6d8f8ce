//! Lets operators see and mend what this service could not apply.

use bowline_contracts::common::v1;
use bowline_contracts::common::v1::dead_letter_selection;
use bowline_contracts::common::v1::dead_letter_service_server::DeadLetterService;
use bowline_contracts::convert::timestamp;
use bowline_contracts::payloads;
use bowline_messaging::{
    CauseGroup, DeadLetter, DeadLetters, EditError, Error, Operator, ParkingAction, Selection,
};
use tonic::{Request, Response, Status};

use crate::{ApiError, ErrorKind, Violations, encode_page_token, read_failed};

const PAGE_DEFAULT: u32 = 100;
const PAGE_MAX: u32 = 1_000;
/// The most messages that are dropped with one call.
const DROPPED_MAX: usize = 1_000;
/// The longest name and note of an operator, in characters.
const NAME_MAX: usize = 200;
const NOTE_MAX: usize = 2_000;
const LIST: &str = "ListDeadLetters";

/// The dead letters of one service over gRPC.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetterApi(pub(crate) DeadLetters);

#[tonic::async_trait]
impl DeadLetterService for DeadLetterApi {
    async fn list_dead_letter_causes(
        &self,
        _: Request<v1::ListDeadLetterCausesRequest>,
    ) -> Result<Response<v1::ListDeadLetterCausesResponse>, Status> {
        let causes = self.0.causes().await.map_err(failed)?;
        Ok(Response::new(v1::ListDeadLetterCausesResponse {
            causes: causes.into_iter().map(group).collect(),
        }))
    }

    async fn list_dead_letters(
        &self,
        request: Request<v1::ListDeadLettersRequest>,
    ) -> Result<Response<v1::ListDeadLettersResponse>, Status> {
        let v1::ListDeadLettersRequest { selection, page_size, page_token } = request.into_inner();
        let mut violations = Violations::new();
        let selection = selected(&mut violations, selection);
        let size = violations.page_size(page_size, PAGE_DEFAULT, PAGE_MAX);
        let filters = selection.as_ref().map(|selection| format!("{selection:?}"));
        let after: Option<i64> = violations.page_token(&page_token, LIST, &filters);
        let (selection, size) = violations.finish_with(selection.zip(size))?;
        let mut letters =
            self.0.list(&selection, after.unwrap_or(0), size.saturating_add(1)).await.map_err(failed)?;
        let more = letters.len() > size as usize;
        letters.truncate(size as usize);
        let last = letters.last().filter(|_| more).map(|last| last.letter);
        let next_page_token = last.map(|last| encode_page_token(LIST, &filters, &last)).unwrap_or_default();
        let dead_letters = letters.into_iter().map(|found| letter(found).0).collect();
        Ok(Response::new(v1::ListDeadLettersResponse { dead_letters, next_page_token }))
    }

    async fn get_dead_letter(
        &self,
        request: Request<v1::GetDeadLetterRequest>,
    ) -> Result<Response<v1::GetDeadLetterResponse>, Status> {
        let number = request.into_inner().letter;
        let found = self.0.get(number).await.map_err(failed)?.ok_or_else(|| not_found(number))?;
        let actions = self.0.actions(found.key).await.map_err(failed)?;
        let (dead_letter, payload) = letter(found);
        Ok(Response::new(v1::GetDeadLetterResponse {
            dead_letter: Some(dead_letter),
            payload: payload.into(),
            actions: actions.into_iter().map(action).collect(),
        }))
    }

    async fn edit_dead_letter(
        &self,
        request: Request<v1::EditDeadLetterRequest>,
    ) -> Result<Response<v1::EditDeadLetterResponse>, Status> {
        let v1::EditDeadLetterRequest { letter, edit_count, payload, operator, note } = request.into_inner();
        let mut violations = Violations::new();
        let operator = operator_of(&mut violations, operator, note);
        let expected = violations.take("edit_count", u32::try_from(edit_count));
        let (operator, expected) = violations.finish_with(operator.zip(expected))?;
        let found = self.0.get(letter).await.map_err(failed)?.ok_or_else(|| not_found(letter))?;
        let mut violations = Violations::new();
        violations.take("payload", payloads::check(&found.envelope.message_type, &payload));
        violations.finish()?;
        self.0.edit(letter, expected, &payload, &operator).await.map_err(not_edited)?;
        tracing::info!(letter, operator = operator.name, "dead letter edited");
        Ok(Response::new(v1::EditDeadLetterResponse {}))
    }

    async fn retry_dead_letters(
        &self,
        request: Request<v1::RetryDeadLettersRequest>,
    ) -> Result<Response<v1::RetryDeadLettersResponse>, Status> {
        let v1::RetryDeadLettersRequest { selection, operator, note } = request.into_inner();
        let mut violations = Violations::new();
        let selection = selected(&mut violations, selection);
        let operator = operator_of(&mut violations, operator, note);
        let (selection, operator) = violations.finish_with(selection.zip(operator))?;
        let requested = self.0.retry(&selection, &operator).await.map_err(failed)?;
        tracing::info!(?selection, requested, operator = operator.name, "retry of dead letters requested");
        Ok(Response::new(v1::RetryDeadLettersResponse { requested_count: count(requested) }))
    }

    async fn drop_dead_letters(
        &self,
        request: Request<v1::DropDeadLettersRequest>,
    ) -> Result<Response<v1::DropDeadLettersResponse>, Status> {
        let v1::DropDeadLettersRequest { letters, operator, note } = request.into_inner();
        let mut violations = Violations::new();
        if !(1..=DROPPED_MAX).contains(&letters.len()) {
            violations.add("letters", format!("must be 1 to {DROPPED_MAX}, were {}", letters.len()));
        }
        let operator = operator_of(&mut violations, operator, note);
        let operator = violations.finish_with(operator)?;
        let dropped = self.0.discard(&letters, &operator).await.map_err(failed)?;
        tracing::info!(dropped, operator = operator.name, "dead letters dropped");
        Ok(Response::new(v1::DropDeadLettersResponse { dropped_count: count(dropped) }))
    }
}

fn selected(violations: &mut Violations, selection: Option<v1::DeadLetterSelection>) -> Option<Selection> {
    match selection.and_then(|selection| selection.selection) {
        None => Some(Selection::All),
        Some(dead_letter_selection::Selection::Cause(cause)) => Some(Selection::Cause(cause)),
        Some(dead_letter_selection::Selection::OrderId(id)) => {
            violations.uuid("selection.order_id", &id).map(Selection::Key)
        }
    }
}

/// Who does something, and why.
pub(crate) fn operator_of(violations: &mut Violations, name: String, note: String) -> Option<Operator> {
    let named = !name.trim().is_empty() && name.chars().count() <= NAME_MAX;
    if !named {
        violations.add("operator", format!("must be 1 to {NAME_MAX} characters: who does this"));
    }
    let noted = note.chars().count() <= NOTE_MAX;
    if !noted {
        violations.add("note", format!("must be at most {NOTE_MAX} characters"));
    }
    (named && noted).then_some(Operator { name, note })
}

pub(crate) fn group(group: CauseGroup) -> v1::DeadLetterCause {
    v1::DeadLetterCause {
        cause: group.cause,
        example_reason: group.example,
        order_count: count(group.keys),
        message_count: count(group.messages),
        retrying_count: count(group.retrying),
        first_parked_time: Some(timestamp(group.first_parked_at)),
        last_parked_time: Some(timestamp(group.last_parked_at)),
    }
}

fn letter(letter: DeadLetter) -> (v1::DeadLetter, Vec<u8>) {
    let DeadLetter { envelope, head, .. } = letter;
    let is_head = head.is_some();
    let head = head.unwrap_or(bowline_messaging::Head {
        reason: String::new(),
        cause: String::new(),
        attempts: 0,
        retrying: false,
    });
    let told = v1::DeadLetter {
        letter: letter.letter,
        order_id: letter.key.to_string(),
        topic: letter.topic,
        partition: letter.partition.into(),
        offset: letter.offset,
        source: envelope.source,
        sequence: envelope.sequence,
        message_id: envelope.id.to_string(),
        message_type: envelope.message_type,
        event_time: Some(timestamp(envelope.time)),
        parked_time: Some(timestamp(letter.parked_at)),
        edit_count: small(letter.edits),
        is_head,
        reason: head.reason,
        cause: head.cause,
        attempt_count: small(head.attempts),
        is_retrying: head.retrying,
    };
    (told, letter.payload)
}

fn action(action: ParkingAction) -> v1::DeadLetterAction {
    v1::DeadLetterAction {
        action_time: Some(timestamp(action.done_at)),
        operator: action.operator,
        note: action.note,
        kind: action.kind,
        letter: action.letter.unwrap_or(0),
        payload_before: action.payload_before.unwrap_or_default().into(),
    }
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn small(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn not_found(letter: i64) -> ApiError {
    ApiError::new(
        ErrorKind::NotFound,
        "DEAD_LETTER_NOT_FOUND",
        format!("no parked message has the number {letter}"),
    )
}

fn not_edited(error: EditError) -> ApiError {
    match error {
        EditError::NotFound(letter) => not_found(letter),
        EditError::Changed { .. } => {
            ApiError::new(ErrorKind::Conflict, "DEAD_LETTER_CHANGED", error.to_string())
        }
        EditError::Failed(error) => failed(error),
    }
}

fn failed(error: Error) -> ApiError {
    read_failed(error.fault(), error)
}
