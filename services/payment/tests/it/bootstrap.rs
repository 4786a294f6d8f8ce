//! The service as `main` starts it.

use bowline_config::Refused;
use bowline_contracts::health::PROVIDER;
use bowline_contracts::topics::PARTITIONS;
use bowline_payment::bootstrap;
use bowline_payment::config::{Options, Settings};
use bowline_payment_simulator::Switches;
use bowline_service::Signals;
use bowline_test_support::eventually;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::neighbours::{new_order, stock_reserved};
use crate::stage::{DEADLINE, Stage};

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

#[tokio::test]
async fn it_serves_without_kafka_and_drains() {
    let stage = Stage::new(Switches::default()).await;
    let (urls, url) = (stage.urls().urls(), stage.simulator.url());
    let settings = parse(&[
        "--grpc-listen",
        "127.0.0.1:0",
        "--http-listen",
        "127.0.0.1:0",
        "--provider-url",
        &url,
        "--database-url",
        &urls.runtime,
        "--migrations-database-url",
        &urls.owner,
        "--allow-unsafe-durability",
        "--kafka-brokers",
        "127.0.0.1:1",
    ])
    .unwrap();
    let service = bootstrap::start(settings).await.unwrap();
    let readiness = service.readiness();
    let (sender, signals) = Signals::by_hand();
    let drained = async {
        // Kafka is away, so it is not ready; but it lives, and holds its partitions.
        eventually("the partitions are held", DEADLINE, async || {
            let held: i64 =
                sqlx::query_scalar("SELECT count(*) FROM messaging.leases WHERE holder IS NOT NULL")
                    .fetch_one(&mut *stage.database.acquire().await.unwrap())
                    .await
                    .unwrap();
            (held == i64::from(PARTITIONS)).then_some(())
        })
        .await;
        assert!(!readiness.is_ready());
        sender.send();
    };
    let (ran, ()) = tokio::join!(service.run_until(signals), drained);
    ran.unwrap();
    let held: i64 = sqlx::query_scalar("SELECT count(*) FROM messaging.leases WHERE holder IS NOT NULL")
        .fetch_one(&mut *stage.database.acquire().await.unwrap())
        .await
        .unwrap();
    assert_eq!(held, 0, "the leases are given back");
}

#[tokio::test]
async fn an_open_breaker_of_the_provider_shows_in_its_health() {
    let stage = Stage::new(Switches::default()).await;
    let urls = stage.urls().urls();
    let settings = parse(&[
        "--grpc-listen",
        "127.0.0.1:0",
        "--http-listen",
        "127.0.0.1:0",
        // Nobody listens there.
        "--provider-url",
        "http://127.0.0.1:1",
        "--breaker-calls-min",
        "1",
        "--database-url",
        &urls.runtime,
        "--allow-unsafe-durability",
        "--kafka-brokers",
        "127.0.0.1:1",
    ])
    .unwrap();
    let service = bootstrap::start(settings).await.unwrap();
    let address = format!("http://{}", service.grpc_address());
    let (sender, signals) = Signals::by_hand();
    let asked = async {
        let health = HealthClient::new(Endpoint::from_shared(address).unwrap().connect_lazy());
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
        sender.send();
    };
    let (ran, ()) = tokio::join!(service.run_until(signals), asked);
    ran.unwrap();
}
