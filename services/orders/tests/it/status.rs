//! What operators are told of the service while Kafka is away, and while the database is.

use bowline_contracts::common::v1::status_service_client::StatusServiceClient;
use bowline_contracts::common::v1::{GetStatusRequest, GetStatusResponse};
use bowline_contracts::topics::{ORDERS_EVENTS, PARTITIONS};
use bowline_test_support::eventually;
use tonic::transport::Endpoint;

use crate::expiring::PATIENCE;
use crate::running::{HEART, Running, request, start};

/// Asks until the answer is as expected.
async fn becomes(
    service: &Running,
    what: &str,
    is: impl Fn(&GetStatusResponse) -> bool,
) -> GetStatusResponse {
    let endpoint = Endpoint::from_shared(format!("http://{}", service.address)).unwrap();
    let client = StatusServiceClient::new(endpoint.connect_lazy());
    eventually(what, PATIENCE, async || {
        let told = client.clone().get_status(GetStatusRequest {}).await.unwrap().into_inner();
        is(&told).then_some(told)
    })
    .await
}

fn is_in_the_way(told: &GetStatusResponse, check: &str) -> bool {
    told.obstacles.iter().any(|obstacle| obstacle.check == check)
}

#[tokio::test]
async fn without_kafka_it_is_known_what_waits_and_without_the_database_what_the_process_knows() {
    let service = start().await;
    let order =
        eventually("the order is accepted", PATIENCE, async || service.place(request(HEART, 1)).await.ok());
    let order = order.await;
    let told = becomes(&service, "everything is told", |told| {
        let holds_all = told.partitions.len() == usize::from(PARTITIONS);
        holds_all && told.kafka_silence.is_some() && told.in_flight[0].count == 1 && told.stored.is_some()
    })
    .await;
    assert!(is_in_the_way(&told, "topics") && !is_in_the_way(&told, "database"), "{told:?}");
    assert_eq!((told.in_flight[0].awaits.as_str(), told.in_flight[1].awaits.as_str()), ("stock", "payment"));
    assert!(told.unapplied.is_empty(), "nobody knows where the topics end");
    let stored = told.stored.unwrap();
    assert_eq!(stored.sent_lanes.len(), 3 * usize::from(PARTITIONS));
    assert_eq!(stored.heard_lanes.len(), 2 * usize::from(PARTITIONS));
    let behind =
        |lane: &&bowline_contracts::common::v1::SentLane| lane.head_sequence > lane.published_sequence;
    let waiting: Vec<_> = stored.sent_lanes.iter().filter(behind).collect();
    let [lane] = &waiting[..] else { panic!("{waiting:?} of {order:?}") };
    assert_eq!(
        (lane.topic.as_str(), lane.head_sequence, lane.published_sequence),
        (ORDERS_EVENTS.name, 1, 0)
    );
    assert!(lane.oldest_unpublished_age.is_some());
    assert_eq!(stored.leases.len(), usize::from(PARTITIONS));
    for lease in &stored.leases {
        assert_eq!((lease.holder_address.as_str(), lease.epoch), (service.address.as_str(), 1), "{lease:?}");
        assert!(lease.expire_time.is_some() && !lease.holder.is_empty());
    }

    service.database_is_there(false).await;
    let told = becomes(&service, "the database is told to be away", |told| told.stored.is_none()).await;
    assert!(!told.stored_obstacle.is_empty());
    assert_eq!((told.service.as_str(), told.in_flight.len()), ("orders", 2));
    becomes(&service, "it takes no calls for it", |told| is_in_the_way(told, "database")).await;
    service.database_is_there(true).await;
    let told = becomes(&service, "the database is back", |told| told.stored.is_some()).await;
    assert_eq!(told.stored_obstacle, "");
    service.stop().await;
}
