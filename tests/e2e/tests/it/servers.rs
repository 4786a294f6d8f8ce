//! PostgreSQL and Kafka that go away in the middle of a replay.

use bowline_load::generator::Progress;
use bowline_test_support::eventually;
use tonic::Code;

use crate::bench::{Bench, PATIENCE, a_second, plan, small_order, until};

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_accepted_without_kafka_and_their_sagas_go_on_when_it_is_back() {
    let bench = Bench::recording(&[]).await;
    let plan = plan(900);
    bench.load(&plan).await;
    let progress = Progress::default();
    let breaking = async {
        until("sagas finish", &progress, |now| now.done() >= 100).await;
        let kafka = bench.stack.kafka();
        kafka.server().stop().await;
        let down = progress.snapshot();
        let accepted = |now: bowline_load::generator::Snapshot| now.placed >= down.placed + 150;
        let later = until("orders are accepted without Kafka", &progress, accepted).await;
        assert!(kafka.server().pid().is_none(), "Kafka is down");
        assert_eq!(later.rejected, down.rejected);
        kafka.start_again().await.expect("it starts with what it has");
        until("sagas finish again", &progress, |now| now.done() >= later.done() + 100).await;
        kafka.server().kill().await.expect("it is ours");
        kafka.wait_ready().await.expect("supervision brings it back");
        progress.snapshot()
    };
    let (outcome, after) = tokio::join!(bench.replay(&plan, a_second(60), &progress), breaking);
    assert!(after.done() < plan.orders.len() as u64, "the replay was over before the broker was back");
    bench.settle(&plan, &outcome, 0).await;
    assert_eq!(bench.stack.restarts()["kafka"], 1, "the kill");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_on_by_itself_after_postgres_was_away() {
    let bench = Bench::recording(&[]).await;
    let plan = plan(900);
    bench.load(&plan).await;
    let progress = Progress::default();
    let other = small_order(&plan, "tok_decline_e2e");
    let breaking = async {
        let postgres = bench.stack.postgres();
        until("sagas finish", &progress, |now| now.done() >= 100).await;
        postgres.restart_immediately().await.expect("it recovers");
        let done = progress.snapshot().done();
        until("sagas finish again", &progress, |now| now.done() >= done + 100).await;

        postgres.server().stop().await;
        let refused = bench.orders().place_order(other.clone()).await.expect_err("there is no database");
        assert_eq!(refused.code(), Code::Unavailable, "{refused}");
        postgres.start_again().await.expect("it starts with what it has");
        // The caller's part: the same request again.
        eventually("the order is accepted", PATIENCE, async || {
            match bench.orders().place_order(other.clone()).await {
                Ok(_) => Some(()),
                Err(status) if status.code() == Code::Unavailable => None,
                Err(status) => panic!("{status}"),
            }
        })
        .await;
        progress.snapshot()
    };
    let (outcome, after) = tokio::join!(bench.replay(&plan, a_second(60), &progress), breaking);
    assert!(after.done() < plan.orders.len() as u64, "the replay was over before the database was back");
    bench.settle(&plan, &outcome, 1).await;
    let restarts = bench.stack.restarts();
    for service in ["orders", "inventory", "payment", "projection"] {
        assert_eq!(restarts[service], 0, "{service} outlives its database");
    }
    bench.stop().await;
}
