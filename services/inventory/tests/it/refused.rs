use std::time::Duration;

use bowline_contracts::events::InventoryEvent;
use bowline_test_support::eventually;
use sqlx::{Connection as _, Executor as _};
use tonic::Code;

use crate::serving::{Serving, adjustment, id};
use crate::stage::{Stage, order, placed};

/// The owner's check stands for any refusal of the database. The lock makes the calls wait, so that those behind the
/// first come in one batch.
#[tokio::test]
async fn a_command_that_the_database_refuses_does_not_spoil_its_neighbours() {
    let serving = Serving::with_stock(&[("BAD", 1), ("GOOD", 1), ("LOCKED", 1)]).await;
    let mut owner = serving.owner().await;
    owner
        .execute("ALTER TABLE inventory.levels ADD CONSTRAINT spoilt CHECK (sku <> 'BAD' OR available < 10)")
        .await
        .unwrap();
    let mut transaction = owner.begin().await.unwrap();
    transaction.execute("SELECT FROM inventory.levels WHERE sku = 'LOCKED' FOR UPDATE").await.unwrap();

    let first_request = adjustment(&id(), &[("LOCKED", 1)]);
    let mut first = Box::pin(serving.adjust(first_request));
    assert!(futures::poll!(&mut first).is_pending());
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
                    WHERE datname = current_database() AND NOT granted";
    eventually("the first call waits", Duration::from_mins(1), async || {
        (serving.number(waiting).await == 1).then_some(())
    })
    .await;
    let others = (0..20).map(|number| {
        let sku = if number == 7 { "BAD" } else { "GOOD" };
        serving.adjust(adjustment(&id(), &[(sku, 100)]))
    });
    let others = futures::future::join_all(others);
    let unlock = async { transaction.commit().await.unwrap() };
    let (first, others, ()) = tokio::join!(first, others, unlock);

    assert_eq!(first.unwrap().levels[0].available, 2);
    for (number, answer) in others.into_iter().enumerate() {
        match answer {
            Ok(_) => assert_ne!(number, 7),
            Err(status) => assert_eq!((number, status.code()), (7, Code::Internal)),
        }
    }
    assert_eq!(serving.number("SELECT available FROM inventory.levels WHERE sku = 'GOOD'").await, 1_901);
    assert_eq!(serving.number("SELECT available FROM inventory.levels WHERE sku = 'BAD'").await, 1);
    serving.stop().await;
}

#[tokio::test]
async fn a_refused_batch_leaves_nothing_and_its_parts_can_be_executed() {
    let mut stage = Stage::with_stock(&[("A", 5), ("B", 5)]).await;
    stage
        .as_owner("ALTER TABLE inventory.levels ADD CONSTRAINT spoilt CHECK (sku <> 'B' OR reserved = 0)")
        .await;
    let both = vec![placed(order(1), &[("A", 1)]), placed(order(2), &[("B", 1)])];
    let error = stage.hear(both).await.err().unwrap();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    assert!(causes.map(ToString::to_string).any(|text| text.contains("spoilt")), "{error:?}");
    assert_eq!(stage.level("A").await, (5, 0, 0));
    assert_eq!(stage.number("SELECT count(*) FROM inventory.reservations").await, 0);
    assert_eq!(stage.number("SELECT count(*) FROM messaging.outbox").await, 0);

    let alone = stage.hear(vec![placed(order(1), &[("A", 1)])]).await.unwrap();
    assert!(matches!(alone.events[..], [InventoryEvent::Reserved(_)]));
}
