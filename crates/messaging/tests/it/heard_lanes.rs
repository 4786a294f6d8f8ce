//! What operators see of the lanes that a service hears, and what they are told when they accept what cannot be.

use bowline_contracts::common::v1::heard_lane_service_client::HeardLaneServiceClient;
use bowline_contracts::common::v1::{
    AcceptForgottenRequest, HeardLane, HeardLaneState, ListHeardLanesRequest,
};
use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_test_support::eventually;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use crate::dead_letters::refused;
use crate::incarnations::failed_over;
use crate::serving::{Source, free_address};
use crate::stage::{PATIENCE, Service, kafka};

/// A machine that is busy with other tests may take longer to let somebody in than a service waits.
async fn lanes(client: &HeardLaneServiceClient<Channel>) -> Vec<HeardLane> {
    let listed = eventually("the lanes are listed", PATIENCE, async || {
        client.clone().list_heard_lanes(ListHeardLanesRequest {}).await.ok()
    });
    listed.await.into_inner().lanes
}

/// What an operator asks for who has seen this lane.
fn acceptance(seen: &HeardLane) -> AcceptForgottenRequest {
    AcceptForgottenRequest {
        topic: seen.topic.clone(),
        partition: seen.partition,
        source: seen.source.clone(),
        watermark_sequence: seen.watermark_sequence,
        watermark_incarnation: seen.watermark_incarnation.clone(),
        kept_sequence: seen.kept_sequence,
        kept_incarnation: seen.kept_incarnation.clone(),
        operator: "ada".into(),
        note: "seen to".into(),
    }
}

#[tokio::test]
async fn only_what_was_seen_to_be_forgotten_is_accepted_and_only_once() {
    let (orders, elsewhere, [before, after]) = failed_over().await;
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let source = Source::start_at(orders, &elsewhere, free_address().await).await;
    inventory.register(&kafka, source.asked()).await;
    let beyond = "UPDATE messaging.watermarks SET sequence = 5, incarnation = $1
                   WHERE topic = 'orders.events.v1' AND partition = 4";
    sqlx::query(beyond).bind(before).execute(&mut inventory.owner().await).await.unwrap();
    let server = Source::start_with(inventory, &kafka, free_address().await, source.asked()).await;
    let channel = Endpoint::from_shared(server.url()).unwrap().connect_lazy();
    let mut client = HeardLaneServiceClient::new(channel);

    // No message has come: the source was asked how far it is.
    let all = eventually("the lane stops", PATIENCE, async || {
        let all = lanes(&client).await;
        all.iter().any(|lane| lane.state() == HeardLaneState::Forgotten).then_some(all)
    })
    .await;
    assert_eq!(all.len(), usize::from(ORDERS_EVENTS.partitions));
    assert!(all.is_sorted_by_key(|lane| lane.partition));
    let (seen, flowing) = (&all[4], &all[5]);
    assert_eq!((seen.watermark_sequence, seen.kept_sequence), (5, 2));
    assert_eq!(seen.kept_incarnation, after.to_string());
    assert!(
        seen.reason.starts_with("sequences 3 to 5 were applied") && seen.state_time.is_some(),
        "{seen:?}"
    );
    assert_eq!((flowing.state(), flowing.reason.as_str()), (HeardLaneState::Flowing, ""));

    let nobody = AcceptForgottenRequest { operator: " ".into(), ..acceptance(seen) };
    refused(client.accept_forgotten(nobody).await, Code::InvalidArgument, "operator");
    let unknown = AcceptForgottenRequest { partition: 99, ..acceptance(seen) };
    refused(client.accept_forgotten(unknown).await, Code::NotFound, "does not hear orders");
    let flows = AcceptForgottenRequest { partition: 5, ..acceptance(seen) };
    refused(client.accept_forgotten(flows).await, Code::FailedPrecondition, "the lane flows");
    let others = [
        AcceptForgottenRequest { watermark_sequence: 4, ..acceptance(seen) },
        AcceptForgottenRequest { watermark_incarnation: Uuid::nil().to_string(), ..acceptance(seen) },
        AcceptForgottenRequest { kept_sequence: 1, ..acceptance(seen) },
        AcceptForgottenRequest { kept_incarnation: Uuid::nil().to_string(), ..acceptance(seen) },
    ];
    for other in others {
        refused(client.accept_forgotten(other).await, Code::Aborted, "look at it again");
    }
    let noted = "SELECT count(*) FROM messaging.lane_acceptances";
    assert_eq!(server.service.number(noted).await, 0);

    client.accept_forgotten(acceptance(seen)).await.unwrap();
    let again = client.accept_forgotten(acceptance(seen)).await;
    refused(again, Code::FailedPrecondition, "nothing is to be accepted");
    let noted = "SELECT count(*) FROM messaging.lane_acceptances
                  WHERE operator = 'ada' AND note = 'seen to' AND consumer = 'inventory' AND source = 'orders'
                    AND partition = 4 AND from_sequence = 5 AND to_sequence = 2
                    AND from_incarnation <> to_incarnation";
    assert_eq!(server.service.number(noted).await, 1);
    // Nobody has published them here: the source is asked for them.
    assert_eq!(server.service.applies(2).await, [(4, vec![3]), (6, vec![1])].into());
    eventually("every lane flows", PATIENCE, async || {
        let flows = |lane: &HeardLane| lane.state() == HeardLaneState::Flowing;
        lanes(&client).await.iter().all(flows).then_some(())
    })
    .await;
    server.stop().await;
    source.stop().await;
}
