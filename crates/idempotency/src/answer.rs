//! Answers, and what becomes of a claimed key.

use bowline_fault_points::{Sabotage, is_broken};
use bowline_kernel::RequestId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;

/// What a request was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether it took effect.
    pub outcome: Outcome,
    /// The response or the refusal, in the form that the service chose.
    pub bytes: Vec<u8>,
}

/// Whether a request took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did; the bytes are the response.
    Accepted,
    /// It was refused for good; the bytes say why.
    Refused,
}

impl Outcome {
    /// The number under which it is stored.
    fn code(self) -> i16 {
        match self {
            Self::Accepted => 1,
            Self::Refused => 2,
        }
    }

    /// The table's check admits no third.
    pub(crate) fn from_code(code: i16) -> Self {
        if code == 1 { Self::Accepted } else { Self::Refused }
    }
}

/// Stores the answers to keys that this transaction has claimed, each once, in one statement.
pub async fn store(connection: &mut PgConnection, answers: &[(RequestId, Answer)]) -> Result<(), Error> {
    if answers.is_empty() {
        return Ok(());
    }
    let keys: Vec<Uuid> = answers.iter().map(|(key, _)| key.uuid()).collect();
    let outcomes: Vec<i16> = answers.iter().map(|(_, answer)| answer.outcome.code()).collect();
    let bytes: Vec<&[u8]> = answers.iter().map(|(_, answer)| answer.bytes.as_slice()).collect();
    let done = sqlx::query!(
        "UPDATE idempotency.keys k SET outcome = a.outcome, answer = a.answer
           FROM unnest($1::uuid[], $2::int2[], $3::bytea[]) a(key, outcome, answer)
          WHERE k.key = a.key
            AND k.outcome IS NULL -- an answer that was given stays",
        &keys,
        &outcomes,
        bytes.as_slice() as &[&[u8]],
    )
    .execute(connection)
    .await?;
    settled(answers.len(), done.rows_affected())
}

/// Gives back keys that this transaction has claimed and whose result is not kept: the next request with such a key is
/// taken as the first.
pub async fn release(connection: &mut PgConnection, keys: &[RequestId]) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let keys: Vec<Uuid> = keys.iter().map(|key| key.uuid()).collect();
    let done = sqlx::query!(
        "DELETE FROM idempotency.keys
          WHERE key = ANY($1)
            AND outcome IS NULL -- an answer that was given stays",
        &keys,
    )
    .execute(connection)
    .await?;
    settled(keys.len(), done.rows_affected())
}

fn settled(expected: usize, settled: u64) -> Result<(), Error> {
    let expected = expected as u64;
    if expected == settled || is_broken(Sabotage::ForgetKeys) {
        Ok(())
    } else {
        Err(Error::NotClaimed { expected, settled })
    }
}
