use bowline_idempotency::{Claim, Purged, Sweep, claim, purge, store};
use sqlx::PgConnection;

use crate::stage::{Stage, answer, at, key, request};

/// Answers the requests `numbers` at `hour`.
async fn answered(connection: &mut PgConnection, numbers: std::ops::Range<u64>, hour: i64) {
    let requests: Vec<_> = numbers.clone().map(|number| request(number, "x")).collect();
    claim(connection, &requests, at(hour)).await.unwrap();
    let answers: Vec<_> = numbers.map(|number| (key(number), answer("done"))).collect();
    store(connection, &answers).await.unwrap();
}

async fn left(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM idempotency.keys").fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn a_sweep_forgets_what_is_old_in_bounded_steps() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    answered(&mut connection, 0..500, 1).await;
    answered(&mut connection, 500..600, 30).await;

    let (mut sweep, mut steps, mut keys) = (Sweep::default(), 0, 0);
    loop {
        let purged = purge(&mut connection, at(25), &mut sweep, 2).await.unwrap();
        assert!(purged.keys < 500, "two pages hold fewer");
        steps += 1;
        keys += purged.keys;
        if purged.finished {
            break;
        }
    }

    assert!(steps > 3, "{steps}");
    assert_eq!((keys, left(&mut connection).await), (500, 100));
    assert_eq!(claim(&mut connection, &[request(7, "other")], at(30)).await.unwrap(), [Claim::Fresh]);
    assert_eq!(
        claim(&mut connection, &[request(500, "x")], at(30)).await.unwrap(),
        [Claim::Answered(answer("done"))]
    );
}

#[tokio::test]
async fn a_finished_sweep_begins_again() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let mut sweep = Sweep::default();
    let nothing = Purged { keys: 0, finished: true };
    assert_eq!(purge(&mut connection, at(1), &mut sweep, 1_000).await.unwrap(), nothing);

    answered(&mut connection, 0..10, 0).await;
    assert_eq!(purge(&mut connection, at(0), &mut sweep, 1_000).await.unwrap(), nothing);
    let all = Purged { keys: 10, finished: true };
    assert_eq!(purge(&mut connection, at(1), &mut sweep, u32::MAX).await.unwrap(), all);
    assert_eq!(sweep, Sweep::default());
}
