use bowline_contracts::topics::{INVENTORY_EVENTS, PAYMENT_EVENTS};
use bowline_kernel::OrderId;
use bowline_messaging::ExecuteError;
use bowline_projection_domain::{OrderStatus, Patch};

use crate::saga::{self, Told, new_order};
use crate::stage::Stage;

fn fold(told: &[Told]) -> Patch {
    Patch::fold(told.iter().map(|told| &told.event))
}

async fn count_timeline(stage: &Stage) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM projection.timeline")
        .fetch_one(&mut *stage.hot.acquire().await.unwrap())
        .await
        .unwrap()
}

/// Every interleaving of the sources of `told`; each source keeps its order.
fn interleavings(told: &[Told]) -> Vec<Vec<usize>> {
    fn extend(lanes: &mut [Vec<usize>], taken: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
        if lanes.iter().all(Vec::is_empty) {
            all.push(taken.clone());
        }
        for lane in 0..lanes.len() {
            if let Some(next) = lanes[lane].pop() {
                taken.push(next);
                extend(lanes, taken, all);
                taken.pop();
                lanes[lane].push(next);
            }
        }
    }
    let of = |source: &str| {
        let indices = told.iter().enumerate().filter(|(_, told)| told.message.envelope.source == source);
        indices.map(|(index, _)| index).rev().collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    extend(&mut [of("orders"), of("inventory"), of("payment")], &mut Vec::new(), &mut all);
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_the_fold_of_its_events() {
    let mut stage = Stage::new().await;
    for history in [saga::sold, saga::regretted, saga::refused, saga::out_of_stock, saga::unpaid] {
        for batch_size in [1, 3, 16] {
            let order = new_order();
            let told = history(order);
            for batch in told.chunks(batch_size) {
                stage.hear(batch).await;
            }
            assert_eq!(stage.row(order).await, Some(fold(&told)), "in batches of {batch_size}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_interleaving_of_the_sources_does_not_matter() {
    let mut stage = Stage::new().await;
    let turns = interleavings(&saga::regretted(new_order()));
    assert_eq!(turns.len(), 210, "7! / (3! 2! 2!)");
    // Each interleaving is an order of its own. In step n all orders hear their nth message, so each row is written
    // seven times.
    let orders: Vec<(OrderId, Vec<Told>)> = turns
        .iter()
        .map(|turns| {
            let order = new_order();
            let told = saga::regretted(order);
            (order, turns.iter().map(|index| told[*index].clone()).collect())
        })
        .collect();
    for step in 0..7 {
        stage.hear(orders.iter().map(|(_, told)| &told[step])).await;
    }
    let expected = fold(&saga::regretted(new_order()));
    let ids: Vec<OrderId> = orders.iter().map(|(order, _)| *order).collect();
    let rows = stage.rows(&ids).await;
    assert_eq!(rows.len(), orders.len());
    assert!(rows.iter().all(|row| *row == expected));
    assert_eq!(count_timeline(&stage).await, 1_470);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_comes_again_changes_nothing() {
    let mut stage = Stage::new().await;
    let order = new_order();
    let told = saga::regretted(order);
    let early = stage.batch(&told[..2]).await;
    stage.execute(&early).await.unwrap();
    stage.hear(&told[2..]).await;
    let entries = count_timeline(&stage).await;

    // Without watermarks it would make the order pending, and its stock reserved, again.
    let executed = stage.execute(&early).await.unwrap();
    let left_out = early.messages().all(|(_, message)| !executed.admission.allows(message.input));
    assert!(left_out);
    assert_eq!(stage.row(order).await, Some(fold(&told)));
    assert_eq!(count_timeline(&stage).await, entries);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_is_named_and_nothing_is_written() {
    let mut stage = Stage::new().await;
    let order = new_order();
    let mut told = saga::sold(order);
    told[2].message.payload = vec![0xff].into();
    let batch = stage.batch(&told).await;
    let error = stage.execute(&batch).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Poison { message: 2, .. }), "{error}");
    assert_eq!(stage.row(order).await, None);

    // Without it and what follows on its lane, the rest goes on.
    let rest: Vec<Told> = told.into_iter().filter(|told| told.message.topic != &PAYMENT_EVENTS).collect();
    stage.hear(&rest).await;
    assert_eq!(stage.row(order).await, Some(fold(&rest)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_of_a_newer_sender_is_passed_over() {
    let mut stage = Stage::new().await;
    let order = new_order();
    let mut told = saga::sold(order);
    told[1].message.envelope.message_type = "bowline.inventory.v1.StockCounted".to_owned();
    stage.hear(&told).await;
    let row = stage.row(order).await.unwrap();
    assert_eq!(row.orders.status, Some(OrderStatus::Confirmed));
    assert_eq!(count_timeline(&stage).await, 6);
    let watermark: i64 = sqlx::query_scalar(
        "SELECT max(sequence) FROM messaging.watermarks WHERE topic = $1 AND consumer = 'projection'",
    )
    .bind(INVENTORY_EVENTS.name)
    .fetch_one(&mut *stage.hot.acquire().await.unwrap())
    .await
    .unwrap();
    assert_eq!(watermark, 2, "it counts as applied");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_many_lines_is_kept_through_later_updates() {
    let mut stage = Stage::new().await;
    let order = new_order();
    let mut told = saga::sold(order);
    // Far larger than a page of the database.
    let lines = (0..800).map(|number| saga::line(&format!("SKU number {number}"), 1)).collect();
    told[0] = saga::placed_with(order, "17850", 1, lines);
    for told in &told {
        stage.hear([told]).await;
    }
    assert_eq!(stage.row(order).await, Some(fold(&told)));
}
