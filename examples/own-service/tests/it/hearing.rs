//! The whole way: orders speaks on Kafka, the service hears it and answers.

use std::time::Duration;

use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_messaging::KafkaOptions;
use bowline_own_service::bootstrap::LOYALTY;
use bowline_own_service::v1::GetPointsResponse;
use bowline_test_support::{Running, ServiceDatabase, Speaker, eventually, namespace, stack};

use crate::stage::{cancelled, confirmed, new_order, placed, points, serve};

/// Ends a run that hangs; no test is right or wrong by it.
const PATIENCE: Duration = Duration::from_mins(1);

async fn comes_to(running: &Running, expected: GetPointsResponse) {
    eventually("the points come to what is expected", PATIENCE, async || {
        points(running, "c-1").await.ok().filter(|points| *points == expected)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_orders_says_on_kafka_counts_once_and_a_restart_loses_nothing() {
    let kafka = KafkaOptions::new(vec![stack().await.kafka_brokers.clone()], namespace());
    let database = ServiceDatabase::create(LOYALTY).await;
    // The service makes its own tables here, and waits for the topic.
    let broker = ["--kafka-brokers", &kafka.brokers[0], "--kafka-namespace", &kafka.namespace];
    let options = [database.options(), broker].concat();
    let running = serve(&options).await;
    let orders = Speaker::new(&ORDERS_EVENTS, &kafka).await;
    let (sold, regretted) = (new_order(), new_order());
    orders.say(&[placed(sold, "c-1", 500), placed(regretted, "c-1", 700), confirmed(sold)]).await;
    comes_to(&running, GetPointsResponse { pending: 7, granted: 5, withdrawn: 0 }).await;
    running.begin_to_stop();
    running.ended().await;

    let while_away = new_order();
    orders.say(&[cancelled(regretted), placed(while_away, "c-1", 1_100)]).await;
    let running = serve(&options).await;
    comes_to(&running, GetPointsResponse { pending: 11, granted: 5, withdrawn: 7 }).await;
    running.begin_to_stop();
    running.ended().await;
}
