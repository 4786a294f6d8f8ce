//! What operators are told of lanes that have stopped and of messages that are parked, and what of those that flow.

use bowline_contracts::common::v1::status_service_client::StatusServiceClient;
use bowline_contracts::common::v1::{GetStatusRequest, GetStatusResponse, HeardLane, HeardLaneState};
use bowline_contracts::envelope::Envelope;
use bowline_contracts::topics::INVENTORY_EVENTS;
use bowline_test_support::eventually;
use tonic::transport::Endpoint;

use crate::broker::{Speaker, envelope, key_of};
use crate::ledger::POISON;
use crate::serving::{Source, free_address};
use crate::stage::{ALL, PATIENCE, SAID, Service, kafka, key_in};

/// Asks until the answer is as expected.
async fn becomes(server: &Source, what: &str, is: impl Fn(&GetStatusResponse) -> bool) -> GetStatusResponse {
    let client = StatusServiceClient::new(Endpoint::from_shared(server.url()).unwrap().connect_lazy());
    eventually(what, PATIENCE, async || {
        let told = client.clone().get_status(GetStatusRequest {}).await.ok()?.into_inner();
        is(&told).then_some(told)
    })
    .await
}

fn heard(told: &GetStatusResponse, partition: u32) -> &HeardLane {
    let lanes = &told.stored.as_ref().unwrap().heard_lanes;
    lanes.iter().find(|lane| lane.partition == partition).unwrap()
}

#[tokio::test]
async fn what_has_stopped_or_is_parked_is_told_with_its_reason_beside_what_flows() {
    let kafka = kafka().await;
    let server = Source::start_at(Service::inventory().await, &kafka, free_address().await).await;
    server
        .service
        .number_becomes("SELECT count(*) FROM messaging.positions WHERE topic_id IS NOT NULL", 8)
        .await;
    let speaker = Speaker::new(&kafka);
    speaker.say(4, [1, 2]).await;
    speaker.send_about(5, &envelope(SAID, 1), key_of(5, 1), POISON).await;
    let stranger = Envelope { source: "stranger".into(), ..envelope(SAID, 1) };
    speaker.send_about(6, &stranger, key_of(6, 1), b"said").await;
    server.say([key_in(3, 0)]).await;

    let told = becomes(&server, "everything is told", |told| {
        told.stored.as_ref().is_some_and(|stored| {
            let published = stored.sent_lanes.iter().map(|lane| lane.published_sequence).sum::<i64>();
            stored.parked.as_ref().is_some_and(|parked| parked.order_count == 1)
                && published == 1
                && heard(told, 4).watermark_sequence == 2
                && heard(told, 6).state() == HeardLaneState::Stopped
        }) && told.unapplied.len() == ALL
    })
    .await;
    assert_eq!((told.kafka_silence, told.obstacles.len(), told.partitions.len()), (None, 0, ALL));
    let stopped = heard(&told, 6);
    assert!(
        stopped.reason.contains("source stranger is not registered") && stopped.state_time.is_some(),
        "{stopped:?}"
    );
    assert_eq!(
        (heard(&told, 4).state(), heard(&told, 5).state()),
        (HeardLaneState::Flowing, HeardLaneState::Flowing)
    );
    let stored = told.stored.as_ref().unwrap();
    let parked = stored.parked.as_ref().unwrap();
    assert_eq!((parked.message_count, parked.causes.len()), (1, 1));
    assert_eq!(parked.causes[0].example_reason, "it is poison");
    let sent = &stored.sent_lanes[3];
    assert_eq!((sent.topic.as_str(), sent.partition, sent.head_sequence), (INVENTORY_EVENTS.name, 3, 1));
    assert_eq!(sent.oldest_unpublished_age, None, "it is published");
    becomes(&server, "what the stranger has sent waits, and nothing else", |told| {
        told.unapplied.iter().all(|records| records.record_count == i64::from(records.partition == 6))
    })
    .await;
    server.stop().await;
}
