use bowline_contracts::convert::timestamp;
use bowline_contracts::events::InventoryEvent;
use bowline_contracts::inventory::v1::{StockRejected, StockReserved};

use crate::stage::{Stage, adjust, confirmed, noon, order, placed, release, total, units};

#[tokio::test]
async fn a_reservation_says_what_payment_needs() {
    let mut stage = Stage::with_stock(&[("A", 5), ("B", 1)]).await;
    let message = placed(order(1), &[("B", 1), ("A", 2)]);
    let led = stage.hear(vec![message.clone()]).await.unwrap();

    let expected = StockReserved {
        order_id: order(1).to_string(),
        lines: vec![units("B", 1), units("A", 2)],
        total: Some(total()),
        payment_token: "tok_visa".into(),
        reserved_time: Some(timestamp(noon())),
    };
    assert_eq!(led.events, [InventoryEvent::Reserved(expected)]);
    let sent = &led.executed.sent[0];
    assert_eq!((sent.sequence, sent.message.partition), (1, message.partition));
    assert_eq!(sent.message.causation, Some(message.envelope.id));
    assert_eq!(sent.message.traceparent, message.envelope.traceparent);
    assert_eq!((stage.level("A").await, stage.level("B").await), ((3, 2, 0), (0, 1, 0)));
    assert_eq!(stage.state(order(1)).await.as_deref(), Some("reserved"));
}

#[tokio::test]
async fn an_order_is_reserved_as_a_whole_or_not_at_all() {
    let mut stage = Stage::with_stock(&[("A", 5), ("B", 1), ("C", 0)]).await;
    let lines = [("A", 2), ("B", 3), ("C", 1), ("unheard of", 7)];
    let led = stage.hear(vec![placed(order(1), &lines)]).await.unwrap();

    let expected = StockRejected {
        order_id: order(1).to_string(),
        shortages: vec![units("B", 2), units("C", 1), units("unheard of", 7)],
        rejected_time: Some(timestamp(noon())),
    };
    assert_eq!(led.events, [InventoryEvent::Rejected(expected)]);
    assert_eq!(stage.level("A").await, (5, 0, 0));
    assert_eq!(stage.number("SELECT count(*) FROM inventory.movements WHERE order_id IS NOT NULL").await, 0);
    assert_eq!(stage.state(order(1)).await.as_deref(), Some("rejected"));
}

/// The owner counts the row updates with a trigger.
#[tokio::test]
async fn a_hot_sku_costs_one_row_update_a_batch() {
    let mut stage = Stage::with_stock(&[("HOT", 150), ("COLD", 1_000)]).await;
    stage
        .as_owner(
            "CREATE TABLE inventory.level_updates (sku text);
             CREATE FUNCTION inventory.count_update() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO inventory.level_updates VALUES (NEW.sku); RETURN NULL; END $$;
             CREATE TRIGGER count_update AFTER UPDATE ON inventory.levels
                FOR EACH ROW EXECUTE FUNCTION inventory.count_update();
             GRANT SELECT ON inventory.level_updates TO bowline_service",
        )
        .await;
    let messages: Vec<_> = (1..=200).map(|number| placed(order(number), &[("HOT", 1)])).collect();
    let led = stage.hear(messages).await.unwrap();

    let reserved = led.events.iter().filter(|event| matches!(event, InventoryEvent::Reserved(_))).count();
    assert_eq!((led.events.len(), reserved), (200, 150), "first come, first served");
    assert!(led.events[..150].iter().all(|event| matches!(event, InventoryEvent::Reserved(_))));
    assert_eq!(stage.level("HOT").await, (0, 150, 0));
    assert_eq!(stage.number("SELECT count(*) FROM inventory.level_updates").await, 1);
    assert_eq!(stage.number("SELECT count(*) FROM inventory.movements WHERE kind = 2").await, 150);
    assert_eq!(stage.imbalances().await, 0);
}

#[tokio::test]
async fn a_batch_sees_what_it_has_decided_itself() {
    let mut stage = Stage::with_stock(&[("A", 1)]).await;
    let led = stage
        .hear(vec![
            placed(order(1), &[("A", 1)]),
            placed(order(2), &[("A", 1)]),
            release(order(1)),
            placed(order(3), &[("A", 1)]),
            confirmed(order(3)),
        ])
        .await
        .unwrap();
    let names: Vec<_> = led.events.iter().map(name).collect();
    assert_eq!(names, ["reserved", "rejected", "released", "reserved", "committed"]);
    assert_eq!(stage.level("A").await, (0, 0, 1));
    assert_eq!(stage.imbalances().await, 0);
}

#[tokio::test]
async fn commands_and_orders_share_the_level_across_replicas() {
    let mut stage = Stage::with_stock(&[("A", 1)]).await;
    let mut replica = stage.replica().await;
    stage.hear(vec![placed(order(1), &[("A", 1)])]).await.unwrap();
    let batch = stage.batch(vec![placed(order(2), &[("A", 2)])]).await;
    stage.command(vec![adjust(&[("A", 2)])]).await.unwrap();
    let led = crate::stage::execute(&mut replica, &batch).await.unwrap();
    assert_eq!(led.events.iter().map(name).collect::<Vec<_>>(), ["reserved"]);
    assert_eq!(stage.level("A").await, (0, 3, 0));
}

pub(crate) fn name(event: &InventoryEvent) -> &'static str {
    match event {
        InventoryEvent::Reserved(_) => "reserved",
        InventoryEvent::Rejected(_) => "rejected",
        InventoryEvent::Committed(_) => "committed",
        InventoryEvent::Released(_) => "released",
        InventoryEvent::Restocked(_) => "restocked",
    }
}
