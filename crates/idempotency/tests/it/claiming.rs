use bowline_idempotency::{Answer, Claim, Outcome, claim, find};

use crate::stage::{Stage, answer, at, given, request};

#[tokio::test]
async fn a_repeated_request_gets_the_answer_of_the_first() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let refusal = Answer { outcome: Outcome::Refused, bytes: vec![0, 255] };
    given(&mut connection, request(1, "a"), answer("done"), at(0)).await;
    given(&mut connection, request(2, "b"), refusal.clone(), at(0)).await;

    let claims =
        claim(&mut connection, &[request(2, "b"), request(3, "c"), request(1, "a")], at(1)).await.unwrap();
    assert_eq!(claims, [Claim::Answered(refusal), Claim::Fresh, Claim::Answered(answer("done"))]);
}

#[tokio::test]
async fn a_key_with_another_request_is_told_apart() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    given(&mut connection, request(1, "a"), answer("done"), at(0)).await;

    let claims = claim(&mut connection, &[request(1, "b"), request(1, "a")], at(1)).await.unwrap();
    assert_eq!(claims, [Claim::Mismatch, Claim::Answered(answer("done"))]);
}

#[tokio::test]
async fn repetitions_within_a_batch_point_to_the_first() {
    let stage = Stage::new().await;
    let batch = [
        request(9, "x"),
        request(1, "a"),
        request(1, "a"),
        request(1, "b"),
        request(9, "x"),
        request(1, "a"),
    ];
    let claims = claim(&mut stage.connect().await, &batch, at(0)).await.unwrap();
    assert_eq!(
        claims,
        [
            Claim::Fresh,
            Claim::Fresh,
            Claim::RepeatOf(1),
            Claim::Mismatch,
            Claim::RepeatOf(0),
            Claim::RepeatOf(1)
        ]
    );
}

#[tokio::test]
async fn a_large_batch_is_claimed_at_once() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let batch: Vec<_> = (0..2_000).rev().map(|number| request(number, "x")).collect();
    let claims = claim(&mut connection, &batch, at(0)).await.unwrap();
    assert!(claims.len() == batch.len() && claims.iter().all(|claim| *claim == Claim::Fresh));
    assert!(claim(&mut connection, &[], at(0)).await.unwrap().is_empty());
}

#[tokio::test]
async fn looking_a_key_up_claims_nothing() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    assert_eq!(find(&mut connection, &request(1, "a")).await.unwrap(), None);

    given(&mut connection, request(1, "a"), answer("done"), at(0)).await;
    assert_eq!(find(&mut connection, &request(1, "a")).await.unwrap(), Some(Claim::Answered(answer("done"))));
    assert_eq!(find(&mut connection, &request(1, "b")).await.unwrap(), Some(Claim::Mismatch));
}
