use bowline_contracts::inventory::v1::{AdjustStockResponse, StockLevel, UpsertProductsResponse};
use bowline_idempotency::{Answer, Outcome};
use bowline_inventory::{Command, Reply};
use bowline_kernel::Sku;
use prost::Message;

use crate::stage::{Stage, adjust, confirmed, order, placed, release, restock, upsert};

fn accepted(response: &impl Message) -> Reply {
    Reply::Answered(Answer { outcome: Outcome::Accepted, bytes: response.encode_to_vec() })
}

fn level(sku: &str, available: i64, reserved: i64) -> StockLevel {
    StockLevel { sku: sku.into(), available, reserved, sold: 0 }
}

#[tokio::test]
async fn the_sum_of_the_movements_is_the_level() {
    let mut stage = Stage::with_stock(&[("A", 40), ("B", 25), ("C", 0)]).await;
    for round in 0..12_u64 {
        let number = |of: u64| order(round * 10 + of);
        let quantity = u32::try_from(round % 5 + 1).unwrap();
        stage
            .hear(vec![
                placed(number(1), &[("A", quantity), ("B", 2)]),
                release(number(2)),
                placed(number(2), &[("A", 1)]),
                placed(number(3), &[("B", quantity)]),
                placed(number(4), &[("A", 1), ("C", 1)]),
            ])
            .await
            .unwrap();
        if stage.state(number(1)).await.as_deref() == Some("reserved") {
            let undo = if round % 3 == 0 { restock(number(1)) } else { release(order(round * 10 + 5)) };
            stage.hear(vec![confirmed(number(1)), undo]).await.unwrap();
        }
        stage.hear(vec![release(number(3))]).await.unwrap();
        stage.command(vec![adjust(&[("A", 1), ("C", 2)]), adjust(&[("C", -1)])]).await.unwrap();
        assert_eq!(stage.imbalances().await, 0, "after round {round}");
    }
    let (_, _, sold) = stage.level("A").await;
    assert!(sold > 0, "the history has sales in it");
}

#[tokio::test]
async fn commands_of_one_batch_see_each_other_in_order() {
    let mut stage = Stage::new().await;
    let commands = vec![
        upsert(&["A", "B"]),
        adjust(&[("B", 5), ("A", 2)]),
        upsert(&["B", "C"]),
        adjust(&[("A", -3)]),
        adjust(&[("A", -2)]),
        adjust(&[("A", 1), ("Z", 1)]),
    ];
    let replies = stage.command(commands).await.unwrap().replies;
    assert_eq!(replies[0], accepted(&UpsertProductsResponse { created_count: 2, updated_count: 0 }));
    let levels = vec![level("B", 5, 0), level("A", 2, 0)];
    assert_eq!(replies[1], accepted(&AdjustStockResponse { levels }));
    assert_eq!(replies[2], accepted(&UpsertProductsResponse { created_count: 1, updated_count: 1 }));
    assert!(matches!(&replies[3], Reply::Answered(Answer { outcome: Outcome::Refused, .. })));
    assert_eq!(replies[4], accepted(&AdjustStockResponse { levels: vec![level("A", 0, 0)] }));
    assert_eq!(replies[5], Reply::NotInCatalogue(vec![1]));
    assert_eq!(stage.level("A").await, (0, 0, 0));
    assert_eq!(stage.imbalances().await, 0);
}

#[tokio::test]
async fn a_replaced_product_keeps_its_stock() {
    let mut stage = Stage::with_stock(&[("A", 7)]).await;
    let replies = stage.command(vec![upsert(&["A"])]).await.unwrap().replies;
    assert_eq!(replies, [accepted(&UpsertProductsResponse { created_count: 0, updated_count: 1 })]);
    assert_eq!(stage.level("A").await, (7, 0, 0));
}

/// Two executors lock the same SKUs, which their callers name in opposite orders, again and again.
#[tokio::test]
async fn replicas_that_touch_the_same_skus_never_deadlock() {
    let skus: Vec<String> = (0..40).map(|number| format!("SKU {number}")).collect();
    let stock: Vec<(&str, i64)> = skus.iter().map(|sku| (sku.as_str(), 1)).collect();
    let mut stage = Stage::with_stock(&stock).await;
    let mut replica = stage.replica().await;
    let forward = stock.clone();
    let backward: Vec<_> = stock.iter().rev().copied().collect();
    let run = async |handler: &mut bowline_inventory::Inventory, deltas: &[(&str, i64)]| {
        for _ in 0..30 {
            let batch: Vec<Command> = vec![adjust(deltas), upsert(&["new", "SKU 3"])];
            let batch = bowline_messaging::Batch::of_commands(batch);
            crate::stage::execute(handler, &batch).await.unwrap();
        }
    };
    tokio::join!(run(&mut stage.handler, &forward), run(&mut replica, &backward));
    let sku: Sku = "SKU 7".parse().unwrap();
    assert_eq!(stage.level(sku.as_str()).await, (61, 0, 0));
    assert_eq!(stage.imbalances().await, 0);
}
