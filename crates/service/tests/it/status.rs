//! What a service tells of itself.

use std::time::Duration;

use bowline_contracts::common::v1::status_service_client::StatusServiceClient;
use bowline_contracts::common::v1::{
    BreakerState, GetStatusRequest, GetStatusResponse, Obstacle, ServingPhase, WorkStep,
};
use tokio::task::JoinSet;

use crate::echo::call;
use crate::metrics::{breaker, opened};
use crate::running::{Running, start_with};

async fn status(service: &Running) -> GetStatusResponse {
    let mut client = StatusServiceClient::new(service.channel.clone());
    client.get_status(GetStatusRequest {}).await.expect("it answers").into_inner()
}

#[tokio::test]
async fn a_process_tells_who_it_is_what_is_in_its_way_and_what_it_calls() {
    let valve = opened(breaker("payment provider")).await;
    let service = start_with(&["--instance-id", "test-1"], |service| {
        service.show_breaker(&breaker("catalogue"));
        service.show_valve(&valve);
        service.show_in_flight(|| vec![("stock", 3), ("payment", 0)])
    })
    .await;
    let told = status(&service).await;
    assert_eq!(
        (told.service.as_str(), told.instance.as_str(), told.version.as_str()),
        ("test", "test-1", env!("CARGO_PKG_VERSION"))
    );
    assert!(told.start_time.expect("it has begun").seconds <= told.read_time.expect("it was read").seconds);
    assert_eq!((told.phase(), &told.obstacles[..]), (ServingPhase::Serving, &[][..]));
    let breakers: Vec<_> =
        told.dependencies.iter().map(|it| (it.name.as_str(), it.breaker_state())).collect();
    assert_eq!(breakers, [("catalogue", BreakerState::Closed), ("payment provider", BreakerState::Open)]);
    assert_eq!(told.dependencies[0].valve, None);
    let valve = told.dependencies[1].valve.expect("it has one");
    assert_eq!((valve.waiting_count, valve.calls_per_second_max), (0, Some(0.0)));
    let step = |awaits: &str, count| WorkStep { awaits: awaits.to_owned(), count };
    assert_eq!(told.in_flight, [step("stock", 3), step("payment", 0)]);
    // It has no lanes, and that is no trouble.
    assert_eq!((told.stored, told.stored_obstacle.as_str(), told.kafka_silence), (None, "", None));

    service.check.set_not_ready("it is away");
    let obstacle = Obstacle { check: "database".to_owned(), reason: "it is away".to_owned() };
    assert_eq!(status(&service).await.obstacles, [obstacle]);
}

#[tokio::test]
async fn a_process_that_is_full_tells_so_all_the_same() {
    let mut service = start_with(&["--requests-in-flight-max", "1"], |service| service).await;
    let channel = service.channel.clone();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move { call(&channel, "Wait", "").await });
    service.steering.entered.recv().await.expect("it has come in");
    call(&service.channel, "Say", "").await.expect_err("there is no place");
    let told =
        tokio::time::timeout(Duration::from_mins(1), status(&service)).await.expect("there is one for this");
    assert_eq!(told.service, "test");
}
