//! The whole way: a service speaks on Kafka, the projection hears it and answers.

use bowline_contracts::projection::v1::{GetOrderRequest, OrderView, WatchOrderRequest};
use bowline_contracts::topics::{INVENTORY_EVENTS, ORDERS_EVENTS, PAYMENT_EVENTS, Topic};
use bowline_golden::with_later_fields;
use bowline_kernel::{IdSource as _, OrderId, SystemIds};
use bowline_messaging::{KafkaOptions, Outgoing};
use bowline_test_support::{ServiceDatabase, Speaker, eventually, namespace, outgoing, stack};

use crate::saga::{self, Told, new_order};
use crate::stage::{PATIENCE, Serving, serve, settings};

/// What a later release would say: with fields that are not known yet, and between messages of a type that is not.
fn newer(told: &[Told], topic: &'static Topic) -> Vec<Outgoing> {
    let own = told.iter().map(|told| outgoing(&told.message)).filter(|known| known.topic == topic);
    let messages = own.flat_map(|known| {
        let unknown = Outgoing {
            id: SystemIds.next_id(),
            message_type: "bowline.later.v1.SomethingNew",
            payload: vec![0xff].into(),
            ..known.clone()
        };
        [unknown, Outgoing { payload: with_later_fields(&known.payload).into(), ..known }]
    });
    messages.collect()
}

async fn view(serving: &Serving, order: OrderId) -> OrderView {
    eventually("the order is finished in the read model", PATIENCE, async || {
        let request = GetOrderRequest { order_id: order.to_string() };
        let answer = serving.client.clone().get_order(request).await.ok()?;
        answer.into_inner().order.filter(|order| order.finished)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_on_kafka_is_shown_and_a_restart_loses_nothing() {
    let kafka = KafkaOptions::new(vec![stack().await.kafka_brokers.clone()], namespace());
    let database = ServiceDatabase::create("projection").await;
    // The service makes its own tables here, and waits for topics that are not there yet.
    let broker = ["--kafka-brokers", &kafka.brokers[0], "--kafka-namespace", &kafka.namespace];
    let options = [&database.options()[..], &broker, &["--watch-poll", "1h"]].concat();
    let mut serving = serve(settings(&options)).await;
    let topics: [&Topic; 3] = [&ORDERS_EVENTS, &INVENTORY_EVENTS, &PAYMENT_EVENTS];
    let mut speakers = Vec::new();
    for topic in topics {
        speakers.push(Speaker::new(topic, &kafka).await);
    }

    let (watched, other) = (new_order(), new_order());
    let request = WatchOrderRequest { order_id: watched.to_string() };
    let mut stream = serving.client.watch_order(request).await.unwrap().into_inner();
    let told = [saga::sold(watched), saga::regretted(other)].concat();
    for speaker in &speakers {
        speaker.say(told.iter().map(|told| &told.message)).await;
    }
    let mut last = OrderView::default();
    while let Some(state) = tokio::time::timeout(PATIENCE, stream.message()).await.unwrap().unwrap() {
        last = state.order.unwrap();
    }
    assert!(last.finished, "the stream ends with the end of the order");
    view(&serving, other).await;
    serving.running.begin_to_stop();
    serving.running.ended().await;

    let while_away = new_order();
    let of_later_releases = new_order();
    let (told, sold) = (saga::refused(while_away), saga::sold(of_later_releases));
    for (speaker, topic) in speakers.iter().zip(topics) {
        speaker.say(told.iter().map(|told| &told.message)).await;
        speaker.send(newer(&sold, topic)).await;
    }
    let serving = serve(settings(&options)).await;
    let shown = view(&serving, while_away).await;
    assert_eq!(shown.cancel_reason(), bowline_contracts::orders::v1::CancelReason::CaptureFailed);
    let shown = view(&serving, of_later_releases).await;
    assert!(shown.confirmed_time.is_some() && shown.cancelled_time.is_none(), "{shown:?}");
    serving.running.begin_to_stop();
    serving.running.ended().await;
}
