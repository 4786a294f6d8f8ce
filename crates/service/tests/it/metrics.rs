use std::time::Duration;

use bowline_database::{ConnectOptions, Database, Profile};
use bowline_messaging::{Backlog, Batches, Failovers, Healed, HeldUp, Owned, Rotated, Troubles, Waiting};
use bowline_resilience::{Breaker, BreakerSettings, Valve, ValveSettings};
use bowline_service::{LaneMetrics, Service};
use bowline_test_support::eventually;
use bowline_test_support::metrics_page::{documented, exported};
use tokio::sync::watch;
use tonic::Request;

use crate::echo::{call, open_stream, send};
use crate::running::{get, settings, start};

const PATIENCE: Duration = Duration::from_mins(1);

/// Calls a dependency that fails often enough for its breaker to open.
pub(crate) async fn opened(breaker: Breaker) -> Valve {
    let valve = Valve::new(breaker, 4, ValveSettings::default());
    for _ in 0..2 {
        let _ = valve.pass().await.call_if(|()| true, || async { Err::<(), _>(()) }).await;
    }
    valve
}

/// A breaker that opens at the second failure and stays open.
pub(crate) fn breaker(dependency: &'static str) -> Breaker {
    let settings =
        BreakerSettings { calls_min: 2, open_time: Duration::from_hours(1), ..BreakerSettings::default() };
    Breaker::new(dependency, settings)
}

/// Lanes of which everything is to be said that there is.
fn lanes() -> LaneMetrics {
    let stopped = vec!["orders.events.v1/3 of orders".to_owned()];
    let gaps = vec!["a".to_owned(), "b".to_owned()];
    LaneMetrics {
        owned: watch::channel(Owned::from([(0, 1), (1, 1), (2, 5)])).1,
        troubles: watch::channel(Troubles { stopped, gaps, parked_keys: 4 }).1,
        healed: watch::channel(Healed { gaps: 5, messages: 17 }).1,
        failovers: watch::channel(Failovers { survived: 6, stopped: 1 }).1,
        rotated: watch::channel(Rotated { slots: 7, bytes: 8_192, held_up: Some(HeldUp::Locked) }).1,
        backlog: watch::channel(Backlog {
            unapplied: vec![waiting("inventory.events.v1", 3, 12, 1_500)],
            unpublished: vec![waiting("orders.events.v1", 3, 0, 0), waiting("orders.events.v1", 4, 2, 250)],
            oldest_snapshot: 9,
        })
        .1,
        batches: Batches::default(),
        pools: [("work", pool(4)), ("reads", pool(8))],
    }
}

fn waiting(topic: &str, partition: u16, count: u64, age_ms: u64) -> Waiting {
    Waiting { topic: topic.to_owned(), partition, count, age: Duration::from_millis(age_ms) }
}

/// A pool that never connects.
fn pool(connections_max: u32) -> Database {
    let url = "postgres://nobody@127.0.0.1:1/nothing".to_owned();
    let acquire_timeout = Duration::from_secs(1);
    let profile = Profile::Query;
    let options = ConnectOptions { url, application: "test", connections_max, acquire_timeout, profile };
    Database::open(&options).expect("nobody is asked yet")
}

async fn metrics() -> String {
    let service = Service::start("test", settings(&[])).await.expect("free ports");
    service.show_breaker(&breaker("catalogue"));
    service.show_valve(&opened(breaker("payment provider")).await);
    service.metrics().add(lanes());
    let (head, body) = get(service.http_address(), "/metrics").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    body
}

#[tokio::test]
async fn breakers_valves_and_lanes_are_told_as_they_stand() {
    let text = metrics().await;
    for line in [
        r#"bowline_breaker_state{dependency="catalogue",state="closed"} 1"#,
        r#"bowline_breaker_state{dependency="payment provider",state="closed"} 0"#,
        r#"bowline_breaker_state{dependency="payment provider",state="half_open"} 0"#,
        r#"bowline_breaker_state{dependency="payment provider",state="open"} 1"#,
        r#"bowline_breaker_transitions_total{dependency="payment provider",to="open"} 1"#,
        r#"bowline_breaker_transitions_total{dependency="payment provider",to="closed"} 0"#,
        r#"bowline_breaker_calls_total{dependency="payment provider",outcome="failed"} 2"#,
        r#"bowline_valve_waiting_operations{dependency="payment provider"} 0"#,
        r#"bowline_valve_limit_calls_per_second{dependency="payment provider"} 0.0"#,
        "bowline_partitions_owned 3",
        "bowline_lanes_stopped 1",
        "bowline_lanes_waiting 2",
        "bowline_parked_keys 4",
        "bowline_healed_gaps_total 5",
        "bowline_healed_messages_total 17",
        r#"bowline_lane_failovers_total{outcome="survived"} 6"#,
        r#"bowline_lane_failovers_total{outcome="stopped"} 1"#,
        "bowline_outbox_slots_emptied_total 7",
        "bowline_outbox_freed_bytes_total 8192",
        r#"bowline_outbox_rotation_held_up{reason="locked"} 1"#,
        r#"bowline_outbox_rotation_held_up{reason="unpublished"} 0"#,
        r#"bowline_consumer_lag_messages{topic="inventory.events.v1",partition="3"} 12"#,
        r#"bowline_consumer_lag_seconds{topic="inventory.events.v1",partition="3"} 1.5"#,
        r#"bowline_outbox_unpublished_messages{topic="orders.events.v1",partition="4"} 2"#,
        r#"bowline_outbox_oldest_unpublished_seconds{topic="orders.events.v1",partition="4"} 0.25"#,
        "bowline_batch_operations_count 0",
        "bowline_database_oldest_snapshot_transactions 9",
        r#"bowline_database_connections_lent{pool="work"} 0"#,
        r#"bowline_database_connections_max{pool="reads"} 8"#,
        "bowline_grpc_calls_in_flight 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn calls_are_told_by_method_and_by_how_they_ended() {
    let service = start(&[]).await;
    for _ in 0..2 {
        call(&service.channel, "Say", "hello").await.expect("answers");
    }
    for wrong in ["Refuse", "Panic", "Conceal"] {
        call(&service.channel, wrong, "").await.expect_err("fails");
    }
    let mut impatient = Request::new(String::new());
    impatient.set_timeout(Duration::from_millis(50));
    send(&service.channel, "Wait", impatient).await.expect_err("nobody lets it go on");
    let stream = open_stream(&service.channel, "hello").await.expect("begins");
    let count = async |line: &str| {
        eventually(line, PATIENCE, async || {
            let (_, text) = get(service.http, "/metrics").await;
            text.lines().any(|found| found == line).then_some(())
        })
        .await;
    };
    count("bowline_grpc_calls_in_flight 1").await;
    drop(stream);
    count("bowline_grpc_calls_in_flight 0").await;
    for (method, code, calls) in [
        ("bowline.test.v1.EchoService/Say", "Ok", 2),
        ("bowline.test.v1.EchoService/Refuse", "InvalidArgument", 1),
        ("bowline.test.v1.EchoService/Panic", "Internal", 1),
        ("bowline.test.v1.EchoService/Stream", "Cancelled", 1),
        ("unknown", "Unimplemented", 1),
        ("unknown", "DeadlineExceeded", 1),
    ] {
        let labels = format!("{{method=\"{method}\",code=\"{code}\"}}");
        count(&format!("bowline_grpc_call_duration_seconds_count{labels} {calls}")).await;
    }
}

#[tokio::test]
async fn the_page_of_metrics_lists_what_every_service_exports() {
    assert_eq!(exported(&metrics().await), documented("## Every service"));
}
