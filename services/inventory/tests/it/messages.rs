use bowline_contracts::inventory::v1::ReleaseStock;
use bowline_contracts::orders::v1::{OrderCancelled, OrderFinished, OrderPlaced};
use bowline_golden::with_later_fields;
use bowline_messaging::{ExecuteError, Handler as _, Incoming};

use sqlx::Executor as _;

use crate::reserving::name;
use crate::stage::{Led, Stage, confirmed, execute, incoming, order, order_placed, placed, release, restock};

fn names(led: &Led) -> Vec<&'static str> {
    led.events.iter().map(name).collect()
}

#[tokio::test]
async fn an_order_released_before_it_came_reserves_nothing() {
    let mut stage = Stage::with_stock(&[("A", 5)]).await;
    let early = stage.hear(vec![release(order(1))]).await.unwrap();
    assert_eq!(names(&early), ["released"]);
    let late = stage.hear(vec![placed(order(1), &[("A", 1)])]).await.unwrap();
    assert!(late.events.is_empty(), "{:?}", late.events);
    assert_eq!(stage.level("A").await, (5, 0, 0));
    assert_eq!(stage.state(order(1)).await.as_deref(), Some("released"));
}

#[tokio::test]
async fn an_order_restocked_before_its_confirmation_came_sells_nothing() {
    let mut stage = Stage::with_stock(&[("A", 5)]).await;
    let early = stage.hear(vec![placed(order(1), &[("A", 2)]), restock(order(1))]).await.unwrap();
    assert_eq!(names(&early), ["reserved", "restocked"]);
    let late = stage.hear(vec![confirmed(order(1))]).await.unwrap();
    assert!(late.events.is_empty(), "{:?}", late.events);
    assert_eq!(stage.level("A").await, (5, 0, 0));
}

#[tokio::test]
async fn a_compensation_is_answered_once_however_often_it_comes() {
    let mut stage = Stage::with_stock(&[("A", 5)]).await;
    stage.hear(vec![placed(order(1), &[("A", 1)]), placed(order(2), &[("A", 1)])]).await.unwrap();
    stage.hear(vec![confirmed(order(2))]).await.unwrap();
    let first = stage.hear(vec![release(order(1)), restock(order(2)), release(order(1))]).await.unwrap();
    assert_eq!(names(&first), ["released", "restocked"]);
    let again = stage.hear(vec![release(order(1)), restock(order(2))]).await.unwrap();
    assert!(again.events.is_empty(), "{:?}", again.events);
    assert_eq!(stage.level("A").await, (5, 0, 0));
    assert_eq!(stage.imbalances().await, 0);
}

#[tokio::test]
async fn a_message_that_was_applied_is_left_out_when_it_comes_again() {
    let mut stage = Stage::with_stock(&[("A", 5)]).await;
    let batch = stage.batch(vec![placed(order(1), &[("A", 1)])]).await;
    let mut replica = stage.replica().await;
    let first = execute(&mut stage.handler, &batch).await.unwrap();
    let input = batch.messages().next().unwrap().1.input;
    assert!(first.executed.admission.allows(input));

    let second = execute(&mut replica, &batch).await.unwrap();
    assert!(!second.executed.admission.allows(input));
    assert!(second.events.is_empty());
    assert_eq!(stage.level("A").await, (4, 1, 0));
    let watermark = "SELECT sequence FROM messaging.watermarks WHERE sequence > 0";
    assert_eq!(stage.number(watermark).await, 1);
}

/// The domain would reserve for the order, so only the watermark can keep it from that.
#[tokio::test]
async fn a_message_that_does_not_continue_its_lane_is_left_out() {
    let mut stage = Stage::with_stock(&[("A", 5)]).await;
    let batch = stage.batch(vec![placed(order(1), &[("A", 1)])]).await;
    let advance = "UPDATE messaging.watermarks SET sequence = 7 WHERE topic = 'orders.events.v1'";
    stage.connect().await.execute(advance).await.unwrap();

    let led = execute(&mut stage.handler, &batch).await.unwrap();
    assert!(led.events.is_empty(), "{:?}", led.events);
    assert_eq!(stage.level("A").await, (5, 0, 0));
    assert_eq!(stage.state(order(1)).await, None);
}

#[tokio::test]
async fn what_is_not_ours_only_moves_its_watermark() {
    let mut stage = Stage::with_stock(&[("A", 5)]).await;
    let id = order(1).to_string();
    let cancelled = OrderCancelled { order_id: id.clone(), ..OrderCancelled::default() };
    let finished = OrderFinished { order_id: id, ..OrderFinished::default() };
    let mut newer = incoming(order(1), &finished);
    newer.envelope.message_type = "bowline.orders.v1.OrderFramed".into();
    let messages = vec![incoming(order(1), &cancelled), incoming(order(1), &finished), newer];
    for message in &messages {
        assert!(!stage.handler.concerns(&message.envelope.message_type));
    }
    let led = stage.hear(messages).await.unwrap();
    assert!(led.events.is_empty());
    assert_eq!(stage.state(order(1)).await, None);
    assert_eq!(stage.number("SELECT sequence FROM messaging.watermarks WHERE sequence > 0").await, 3);
}

#[tokio::test]
async fn fields_of_a_newer_sender_are_passed_over_on_every_topic() {
    let mut stage = Stage::with_stock(&[("A", 5)]).await;
    let newer = |mut incoming: Incoming| {
        incoming.payload = with_later_fields(&incoming.payload).into();
        incoming
    };
    let mut unknown = release(order(1));
    unknown.envelope.message_type = "bowline.inventory.v1.CountStock".into();
    unknown.payload = vec![0xff].into();
    let messages = vec![newer(placed(order(1), &[("A", 2)])), unknown, newer(release(order(1)))];
    let led = stage.hear(messages).await.unwrap();
    assert_eq!(names(&led), ["reserved", "released"]);
    assert_eq!(stage.level("A").await, (5, 0, 0));
}

#[tokio::test]
async fn a_message_that_cannot_be_true_is_named_and_nothing_is_written() {
    let mut stage = Stage::with_stock(&[("A", 5)]).await;
    let other = order_placed(order(9), &[("A", 1)]);
    let cases: [(Incoming, &str); 8] = [
        (confirmed(order(2)), "OrderConfirmed cannot follow the state unknown"),
        (incoming(order(2), &other), "but it is about order"),
        (incoming(order(2), &ReleaseStock { order_id: "x".into() }), "order_id must be a hyphenated UUID"),
        (placed(order(2), &[]), "lines: an order has at least one line"),
        (placed(order(2), &[("A", 1), ("A", 2)]), "lines: the SKU A stands in more than one line"),
        (placed(order(2), &[("A", 0)]), "lines[0].quantity is 0"),
        (placed(order(2), &[("A", 1), (" ", 1)]), "lines[1].sku must be 1 to 64 characters"),
        (
            incoming(order(2), &OrderPlaced { total: None, ..order_placed(order(2), &[("A", 1)]) }),
            "total is missing",
        ),
    ];
    for (culprit, expected) in cases {
        let led = stage.hear(vec![placed(order(1), &[("A", 1)]), culprit]).await;
        let Err(ExecuteError::Poison { message, reason }) = led else { panic!("{expected}: not refused") };
        assert_eq!(message, 1);
        assert!(reason.contains(expected), "{reason} must tell that {expected}");
        assert_eq!(stage.level("A").await, (5, 0, 0));
        assert_eq!(stage.number("SELECT count(*) FROM messaging.watermarks WHERE sequence > 0").await, 0);
    }
    let mut garbled = placed(order(2), &[("A", 1)]);
    garbled.payload = vec![0xff; 7].into();
    let led = stage.hear(vec![garbled]).await;
    assert!(matches!(led, Err(ExecuteError::Poison { message: 0, .. })));
    assert_eq!(stage.hear(vec![placed(order(1), &[("A", 1)])]).await.unwrap().events.len(), 1);
}
