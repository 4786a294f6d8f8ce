//! What the points of orders come to, whatever is heard in whatever order.

use bowline_contracts::common::v1::ListHeardLanesRequest;
use bowline_contracts::common::v1::heard_lane_service_client::HeardLaneServiceClient;
use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_messaging::{ExecuteError, Incoming};
use bowline_own_service::v1::GetPointsResponse;
use sqlx::Executor as _;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::stage::{Stage, cancelled, confirmed, finished, new_order, placed, points};

async fn sums(stage: &Stage, customer: &str) -> GetPointsResponse {
    let running = stage.serve().await;
    let sums = points(&running, customer).await.unwrap();
    running.begin_to_stop();
    running.ended().await;
    sums
}

#[tokio::test(flavor = "multi_thread")]
async fn points_are_pending_then_granted_and_taken_back_when_the_order_is_given_up() {
    let mut stage = Stage::new().await;
    let [open, sold, regretted, refused] = [(); 4].map(|()| new_order());
    stage.hear([open, sold, regretted, refused].map(|order| placed(order, "c-1", 1_299)).into()).await;
    stage.hear(vec![placed(new_order(), "c-2", 99_900)]).await;
    stage.hear(vec![confirmed(sold), cancelled(regretted), confirmed(refused)]).await;
    stage.hear(vec![finished(sold), finished(regretted)]).await;
    assert_eq!(sums(&stage, "c-1").await, GetPointsResponse { pending: 12, granted: 24, withdrawn: 12 });

    // The capture was refused for good, after the confirmation.
    stage.hear(vec![cancelled(refused), finished(refused)]).await;
    assert_eq!(sums(&stage, "c-1").await, GetPointsResponse { pending: 12, granted: 12, withdrawn: 24 });
    assert_eq!(sums(&stage, "nobody").await, GetPointsResponse::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_the_events_does_not_matter() {
    let mut stage = Stage::new().await;
    let events = |order| [placed(order, "c-1", 500), confirmed(order), cancelled(order)];
    let turns = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    // Each order of events, once in a batch of its own each, once in one batch.
    for turn in turns {
        let (apart, together) = (new_order(), new_order());
        for index in turn {
            stage.hear(vec![events(apart)[index].clone()]).await;
        }
        stage.hear(turn.map(|index| events(together)[index].clone()).into()).await;
    }
    assert_eq!(stage.number("SELECT count(*) FROM loyalty.points WHERE step = 3 AND amount = 5").await, 12);
    assert_eq!(stage.number("SELECT count(*) FROM loyalty.points").await, 12);
    assert_eq!(sums(&stage, "c-1").await, GetPointsResponse { withdrawn: 60, ..Default::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_comes_again_is_left_out() {
    let mut stage = Stage::new().await;
    let order = new_order();
    let batch = stage.batch(vec![placed(order, "c-1", 500), confirmed(order)]).await;
    stage.execute(&batch).await.unwrap();
    let executed = stage.execute(&batch).await.unwrap();
    assert!(batch.messages().all(|(_, message)| !executed.admission.allows(message.input)));
    assert_eq!(sums(&stage, "c-1").await, GetPointsResponse { granted: 5, ..Default::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_is_named_and_nothing_is_written() {
    let mut stage = Stage::new().await;
    let (good, other) = (new_order(), new_order());
    let torn = Incoming { payload: vec![0xff].into(), ..placed(other, "c-1", 500) };
    let foreign = Incoming { payload: placed(good, "c-1", 500).payload, ..placed(other, "c-1", 500) };
    let nameless = placed(other, "", 500);
    let negative = placed(other, "c-1", -1);
    for (bad, expected) in [
        (torn, "its payload is no bowline.orders.v1.OrderPlaced"),
        (foreign, "but it is about order"),
        (nameless, "customer_id must be"),
        (negative, "total must be"),
    ] {
        let batch = stage.batch(vec![placed(good, "c-1", 500), bad]).await;
        let error = stage.execute(&batch).await.unwrap_err();
        let ExecuteError::Poison { message: 1, reason } = error else { panic!("{error}") };
        assert!(reason.contains(expected), "{reason}");
    }
    assert_eq!(stage.number("SELECT count(*) FROM loyalty.points").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_of_a_newer_sender_counts_as_applied() {
    let mut stage = Stage::new().await;
    let order = new_order();
    let mut newer = confirmed(order);
    newer.envelope.message_type = "bowline.orders.v1.OrderFramed".to_owned();
    stage.hear(vec![placed(order, "c-1", 500), newer]).await;
    let watermark = format!(
        "SELECT max(sequence) FROM messaging.watermarks WHERE topic = '{}' AND consumer = 'loyalty'",
        ORDERS_EVENTS.name
    );
    assert_eq!(stage.number(&watermark).await, 2);
    assert_eq!(sums(&stage, "c-1").await, GetPointsResponse { pending: 5, ..Default::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_names_no_customer_is_refused() {
    let stage = Stage::new().await;
    let running = stage.serve().await;
    let refused = points(&running, " ").await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "customer_id");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_what_every_service_does() {
    let stage = Stage::new().await;
    let running = stage.serve().await;
    let heard =
        HeardLaneServiceClient::new(running.channel()).list_heard_lanes(ListHeardLanesRequest {}).await;
    assert_eq!(heard.unwrap().into_inner().lanes.len(), usize::from(ORDERS_EVENTS.partitions));
    let metrics = running.page("/metrics").await;
    assert!(metrics.contains("method=\"bowline.common.v1.HeardLaneService/ListHeardLanes\""), "{metrics}");
    assert!(running.page("/readyz").await.contains("waiting for every topic to be there"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_may_do_no_more_than_it_needs() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    for forbidden in ["DELETE FROM loyalty.points", "TRUNCATE loyalty.points", "CREATE TABLE loyalty.more ()"]
    {
        let error = connection.execute(forbidden).await.expect_err(forbidden);
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        assert_eq!(code.as_deref(), Some("42501"), "{forbidden}");
    }
}
