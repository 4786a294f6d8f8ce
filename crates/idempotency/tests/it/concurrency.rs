use bowline_database::Fault;
use bowline_idempotency::{Claim, claim, release, store};
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::stage::{Stage, answer, at, key, request};

/// Returns once another session of this database waits for a lock: observed, not assumed after some time.
async fn until_somebody_waits(connection: &mut PgConnection) {
    loop {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
              WHERE NOT granted AND datname = current_database()",
        )
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        if waiting > 0 {
            return;
        }
    }
}

#[tokio::test]
async fn the_second_of_two_transactions_waits_and_then_sees_the_answer() {
    let stage = Stage::new().await;
    let (mut one, mut two, mut watcher) =
        (stage.connect().await, stage.connect().await, stage.connect().await);
    let mut first = one.begin().await.unwrap();
    assert_eq!(claim(&mut first, &[request(1, "a")], at(0)).await.unwrap(), [Claim::Fresh]);

    let batch = [request(1, "a"), request(1, "b"), request(2, "c")];
    let second = claim(&mut two, &batch, at(0));
    let answered = async {
        until_somebody_waits(&mut watcher).await;
        store(&mut first, &[(key(1), answer("done"))]).await.unwrap();
        first.commit().await.unwrap();
    };

    let (claims, ()) = tokio::join!(second, answered);
    assert_eq!(claims.unwrap(), [Claim::Answered(answer("done")), Claim::Mismatch, Claim::Fresh]);
}

#[tokio::test]
async fn the_second_has_the_key_when_the_first_gives_it_up() {
    let stage = Stage::new().await;
    let (mut one, mut two, mut watcher) =
        (stage.connect().await, stage.connect().await, stage.connect().await);
    for rolls_back in [true, false] {
        let mut first = one.begin().await.unwrap();
        claim(&mut first, &[request(1, "a")], at(0)).await.unwrap();

        let mut second = two.begin().await.unwrap();
        let given_up = async {
            until_somebody_waits(&mut watcher).await;
            if rolls_back {
                first.rollback().await.unwrap();
            } else {
                release(&mut first, &[key(1)]).await.unwrap();
                first.commit().await.unwrap();
            }
        };
        let batch = [request(1, "b")];
        let (claims, ()) = tokio::join!(claim(&mut second, &batch, at(0)), given_up);
        assert_eq!(claims.unwrap(), [Claim::Fresh], "rolls back: {rolls_back}");
        second.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn whoever_waits_too_long_is_told_to_try_again() {
    let stage = Stage::new().await;
    let (mut one, mut two) = (stage.connect().await, stage.connect().await);
    let mut first = one.begin().await.unwrap();
    claim(&mut first, &[request(1, "a")], at(0)).await.unwrap();

    two.execute("SET lock_timeout = '20ms'").await.unwrap();
    let error = claim(&mut two, &[request(1, "a")], at(0)).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Conflict, "{error:?}");
}

#[tokio::test]
async fn batches_with_the_same_keys_in_another_order_do_not_deadlock() {
    let stage = Stage::new().await;
    let (mut one, mut two) = (stage.connect().await, stage.connect().await);
    for round in 0..50 {
        let upwards: Vec<_> = (0..100).map(|number| request(round * 100 + number, "x")).collect();
        let downwards: Vec<_> = upwards.iter().rev().copied().collect();
        let work = async |connection: &mut PgConnection, batch: &[_]| {
            let mut transaction = connection.begin().await.unwrap();
            let claims = claim(&mut transaction, batch, at(0)).await.unwrap();
            let answers: Vec<_> = std::iter::zip(batch, &claims)
                .filter(|(_, claim)| **claim == Claim::Fresh)
                .map(|(request, _): (&bowline_idempotency::Request, _)| (request.key, answer("done")))
                .collect();
            store(&mut transaction, &answers).await.unwrap();
            transaction.commit().await.unwrap();
            answers.len()
        };
        let (a, b) = tokio::join!(work(&mut one, &upwards), work(&mut two, &downwards));
        assert_eq!(a + b, 100, "each key is claimed once");
    }
}
