//! A database of its own for each test, and requests to put into it.

use bowline_idempotency::{Answer, Claim, Fingerprint, MIGRATOR, Outcome, Request, claim, store};
use bowline_kernel::RequestId;
use bowline_test_support::ServiceDatabase;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

/// A database with the roles of production and the migrations of this crate.
pub(crate) struct Stage(ServiceDatabase);

impl Stage {
    pub(crate) async fn new() -> Self {
        let database = ServiceDatabase::create("idempotency").await;
        bowline_database::migrate(&database.urls().owner, &[("idempotency", &MIGRATOR)]).await.unwrap();
        Self(database)
    }

    /// A connection with the rights of a service.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.0.urls().runtime).await.unwrap()
    }
}

/// The request `body` under the key `number`.
pub(crate) fn request(number: u64, body: &str) -> Request {
    Request { key: key(number), fingerprint: Fingerprint::of("Do", body.as_bytes()) }
}

/// A key that is the same in every run.
pub(crate) fn key(number: u64) -> RequestId {
    RequestId::new(Uuid::from_u64_pair(0x7000, 0x8000_0000_0000_0000 | number))
}

/// An accepted answer.
pub(crate) fn answer(text: &str) -> Answer {
    Answer { outcome: Outcome::Accepted, bytes: text.as_bytes().to_vec() }
}

/// `hours` after the beginning of time.
pub(crate) fn at(hours: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
}

/// Claims and answers `request` in a transaction of its own.
pub(crate) async fn given(
    connection: &mut PgConnection,
    request: Request,
    answer: Answer,
    now: DateTime<Utc>,
) {
    let mut transaction = connection.begin().await.unwrap();
    assert_eq!(claim(&mut transaction, &[request], now).await.unwrap(), [Claim::Fresh]);
    store(&mut transaction, &[(request.key, answer)]).await.unwrap();
    transaction.commit().await.unwrap();
}
