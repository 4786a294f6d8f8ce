use bowline_database::Fault;
use bowline_idempotency::{Claim, Error, claim, find, release, store};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::stage::{Stage, answer, at, given, key, request};

#[tokio::test]
async fn a_batch_is_settled_with_one_store_and_one_release() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let batch = [request(1, "a"), request(2, "b"), request(3, "c"), request(4, "d")];

    let mut transaction = connection.begin().await.unwrap();
    claim(&mut transaction, &batch, at(0)).await.unwrap();
    store(&mut transaction, &[(key(3), answer("three")), (key(1), answer("one"))]).await.unwrap();
    release(&mut transaction, &[key(4), key(2)]).await.unwrap();
    transaction.commit().await.unwrap();

    let claims = claim(&mut connection, &batch, at(1)).await.unwrap();
    let expected =
        [Claim::Answered(answer("one")), Claim::Fresh, Claim::Answered(answer("three")), Claim::Fresh];
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn nothing_to_settle_is_no_error() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    store(&mut connection, &[]).await.unwrap();
    release(&mut connection, &[]).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_was_given_stays() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    given(&mut connection, request(1, "a"), answer("done"), at(0)).await;

    let again = store(&mut connection, &[(key(1), answer("other"))]).await.unwrap_err();
    assert!(matches!(again, Error::NotClaimed { expected: 1, settled: 0 }), "{again:?}");
    let gone = release(&mut connection, &[key(1)]).await.unwrap_err();
    assert_eq!(gone.fault(), Fault::Bug);
    assert_eq!(find(&mut connection, &request(1, "a")).await.unwrap(), Some(Claim::Answered(answer("done"))));
}

#[tokio::test]
async fn a_claim_that_rolls_back_never_was() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let mut transaction = connection.begin().await.unwrap();
    claim(&mut transaction, &[request(1, "a")], at(0)).await.unwrap();
    store(&mut transaction, &[(key(1), answer("done"))]).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(claim(&mut connection, &[request(1, "b")], at(0)).await.unwrap(), [Claim::Fresh]);
}

#[tokio::test]
async fn a_claim_committed_without_an_answer_is_reported() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    claim(&mut connection, &[request(1, "a")], at(0)).await.unwrap();

    let error = claim(&mut connection, &[request(1, "a"), request(2, "b")], at(0)).await.unwrap_err();
    assert!(matches!(error, Error::Unanswered { key: unanswered } if unanswered == key(1)), "{error:?}");
    assert_eq!(error.fault(), Fault::Refused);
}

/// The page of the table on which each key lies.
async fn pages(connection: &mut PgConnection) -> Vec<(Uuid, i64)> {
    sqlx::query_as("SELECT key, ((ctid::text::point)[0])::int8 FROM idempotency.keys ORDER BY key")
        .fetch_all(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_answer_lies_on_the_page_of_its_claim() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let batch: Vec<_> = (0..500).map(|number| request(number, "x")).collect();

    let mut transaction = connection.begin().await.unwrap();
    claim(&mut transaction, &batch, at(0)).await.unwrap();
    let claimed = pages(&mut transaction).await;
    let answers: Vec<_> = batch.iter().map(|request| (request.key, answer(&"x".repeat(120)))).collect();
    store(&mut transaction, &answers).await.unwrap();

    // So the update was heap-only: the index still points to the claims.
    assert_eq!(pages(&mut transaction).await, claimed);
    transaction.commit().await.unwrap();
}
