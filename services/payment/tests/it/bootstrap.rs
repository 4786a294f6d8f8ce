//! The service as `main` starts it.

use bowline_config::Refused;
use bowline_contracts::health::PROVIDER;
use bowline_contracts::topics::PARTITIONS;
use bowline_payment::config::{Options, Settings};
use bowline_payment_simulator::Switches;
use bowline_test_support::{Running, eventually};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::neighbours::{new_order, stock_reserved};
use crate::stage::{DEADLINE, Stage};

/// Nobody listens there.
const NO_KAFKA: &str = "127.0.0.1:1";

pub(crate) fn parse(arguments: &[&str]) -> Result<Settings, Refused> {
    let arguments = std::iter::once(&"bowline-payment").chain(arguments);
    bowline_config::parse_from(arguments, Options::check)
}

#[test]
fn all_faults_are_named_at_once() {
    let given = [
        "--provider-url",
        "https://key@pay.example",
        "--provider-concurrency",
        "0",
        "--provider-timeout",
        "soon",
    ];
    let Err(Refused::Faults(faults)) = parse(&given) else { panic!("these options cannot be used") };
    let flags: Vec<_> = faults.list().iter().map(|fault| fault.flag.as_str()).collect();
    assert_eq!(flags, ["--database-url", "--provider-url", "--provider-timeout", "--provider-concurrency"]);
    assert!(!faults.to_string().contains("key"), "{faults}");
}

/// How many partitions are held.
async fn held(stage: &Stage) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM messaging.leases WHERE holder IS NOT NULL")
        .fetch_one(&mut *stage.database.acquire().await.unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn it_serves_without_kafka_and_drains() {
    let stage = Stage::new(Switches::default()).await;
    let (owner, url) = (&stage.urls().owner, stage.simulator.url());
    let service = stage
        .service(&["--provider-url", &url, "--migrations-database-url", owner, "--kafka-brokers", NO_KAFKA])
        .await;
    let readiness = service.readiness();
    let running = Running::start(service);
    // Kafka is away, so it is not ready; but it lives, and holds its partitions.
    eventually("the partitions are held", DEADLINE, async || {
        (held(&stage).await == i64::from(PARTITIONS)).then_some(())
    })
    .await;
    assert!(!readiness.is_ready());
    running.begin_to_stop();
    running.ended().await;
    assert_eq!(held(&stage).await, 0, "the leases are given back");
}

#[tokio::test]
async fn an_open_breaker_of_the_provider_shows_in_its_health() {
    let stage = Stage::new(Switches::default()).await;
    // Nobody listens there.
    let provider = ["--provider-url", "http://127.0.0.1:1", "--breaker-calls-min", "1"];
    let service = stage.service(&[&provider[..], &["--kafka-brokers", NO_KAFKA]].concat()).await;
    let running = Running::start(service);
    let health = HealthClient::new(running.channel());
    let becomes = async |wanted: ServingStatus| {
        eventually(&format!("the provider is {wanted:?}"), DEADLINE, async || {
            let request = HealthCheckRequest { service: PROVIDER.into() };
            let answer = health.clone().check(request).await.ok()?;
            (answer.into_inner().status() == wanted).then_some(())
        })
        .await;
    };
    becomes(ServingStatus::Serving).await;
    stage.doomed_replica().await.hear(vec![stock_reserved(new_order(), "tok_visa")]).await;
    becomes(ServingStatus::NotServing).await;
    running.begin_to_stop();
    running.ended().await;
}
