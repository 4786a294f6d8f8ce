//! Claiming keys for a batch.

use std::collections::{HashMap, HashSet};

use bowline_fault_points::{Sabotage, is_broken};
use bowline_kernel::RequestId;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Answer, Error, Fingerprint, Outcome};

/// A request as far as its repetition is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The key that the caller chose for it.
    pub key: RequestId,
    /// What it asks for.
    pub fingerprint: Fingerprint,
}

/// What is known about a request's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Nothing: this transaction has it now, and settles it with [`store`](crate::store) or
    /// [`release`](crate::release) before it commits.
    Fresh,
    /// The same request was answered before.
    Answered(Answer),
    /// The key belongs to another request.
    Mismatch,
    /// The same request stands at this index of the same batch, and is [`Claim::Fresh`]; this one gets its answer.
    RepeatOf(usize),
}

/// Claims the keys of a batch, with one entry in the result for each request.
///
/// Waits for transactions that hold one of the keys; beyond `lock_timeout` the error is
/// [`Fault::Conflict`](bowline_database::Fault::Conflict). Sends one statement, and a second one only if a key was
/// taken already: a statement does not see what was committed while it waited.
pub async fn claim(
    connection: &mut PgConnection,
    requests: &[Request],
    now: DateTime<Utc>,
) -> Result<Vec<Claim>, Error> {
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    if is_broken(Sabotage::ForgetKeys) {
        return Ok(vec![Claim::Fresh; requests.len()]);
    }
    let mut first: HashMap<RequestId, usize> = HashMap::with_capacity(requests.len());
    for (index, request) in requests.iter().enumerate() {
        first.entry(request.key).or_insert(index);
    }
    let claimed = insert(connection, first.values().map(|&index| &requests[index]), now).await?;
    let taken: Vec<Uuid> = first.keys().map(|key| key.uuid()).filter(|key| !claimed.contains(key)).collect();
    let stored = if taken.is_empty() { HashMap::new() } else { read(connection, &taken).await? };

    let claims = requests.iter().enumerate().map(|(index, request)| {
        let first = first[&request.key];
        if !claimed.contains(&request.key.uuid()) {
            return stored
                .get(&request.key.uuid())
                .ok_or(Error::GivenBack { key: request.key })?
                .judge(request);
        }
        Ok(match first {
            _ if first == index => Claim::Fresh,
            _ if requests[first].fingerprint == request.fingerprint => Claim::RepeatOf(first),
            _ => Claim::Mismatch,
        })
    });
    claims.collect()
}

/// What is known about the key of `request`, `None` if nothing is. Claims nothing and waits for nobody: for a look
/// before the work that a claim would only hold up.
pub async fn find(connection: &mut PgConnection, request: &Request) -> Result<Option<Claim>, Error> {
    let key = request.key.uuid();
    read(connection, &[key]).await?.get(&key).map(|stored| stored.judge(request)).transpose()
}

/// Inserts the keys of `requests`, which are all different, and returns those that were not there.
async fn insert(
    connection: &mut PgConnection,
    requests: impl Iterator<Item = &Request>,
    now: DateTime<Utc>,
) -> Result<HashSet<Uuid>, Error> {
    let (keys, hashes): (Vec<Uuid>, Vec<&[u8]>) =
        requests.map(|request| (request.key.uuid(), request.fingerprint.as_bytes().as_slice())).unzip();
    let claimed = sqlx::query_scalar!(
        "INSERT INTO idempotency.keys (key, request_hash, recorded_at)
         SELECT r.key, r.request_hash, $3 FROM unnest($1::uuid[], $2::bytea[]) r(key, request_hash)
          ORDER BY r.key -- all batches wait for each other in the same order
             ON CONFLICT (key) DO NOTHING
         RETURNING key",
        &keys,
        hashes.as_slice() as &[&[u8]],
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(claimed.into_iter().collect())
}

async fn read(connection: &mut PgConnection, keys: &[Uuid]) -> Result<HashMap<Uuid, Stored>, Error> {
    let rows = sqlx::query_as!(
        Stored,
        "SELECT key, request_hash, outcome, answer FROM idempotency.keys WHERE key = ANY($1)",
        keys,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|stored| (stored.key, stored)).collect())
}

/// A row of the table.
struct Stored {
    key: Uuid,
    request_hash: Vec<u8>,
    outcome: Option<i16>,
    answer: Option<Vec<u8>>,
}

impl Stored {
    fn judge(&self, request: &Request) -> Result<Claim, Error> {
        if self.request_hash != request.fingerprint.as_bytes() {
            return Ok(Claim::Mismatch);
        }
        let (Some(code), Some(bytes)) = (self.outcome, &self.answer) else {
            return Err(Error::Unanswered { key: request.key });
        };
        Ok(Claim::Answered(Answer { outcome: Outcome::from_code(code), bytes: bytes.clone() }))
    }
}
