//! More than one process of a service.

use bowline_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use bowline_contracts::orders::v1::{CancelOrderRequest, Order, OrderStatus};
use bowline_contracts::topics::PARTITIONS;
use bowline_kernel::{IdSource as _, SystemIds};
use bowline_load::generator::Progress;
use bowline_test_support::eventually;
use futures::future::join_all;
use tonic::Code;
use tonic::transport::Channel;

use crate::bench::{
    Bench, PATIENCE, assert_holds, channel, connections, in_flight, plan, sagas_in_flight, small_order, until,
};

const HOLDERS: &str =
    "SELECT count(DISTINCT holder) FROM messaging.leases WHERE holder IS NOT NULL AND expires_at > now()";
const HELD: &str = "SELECT count(*) FROM messaging.leases WHERE holder IS NOT NULL AND expires_at > now()";

/// Waits until two processes share the partitions of a service.
pub(crate) async fn shared(bench: &Bench, service: &str) {
    eventually("both replicas hold partitions", PATIENCE, async || {
        let (holders, held) = (bench.count(service, HOLDERS).await, bench.count(service, HELD).await);
        (holders == 2 && held == i64::from(PARTITIONS)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_share_the_load_and_one_of_each_is_killed() {
    let bench = Bench::recording(&["--latency=100ms"]).await;
    let orders = bench.fleet.start_replica(&bench.stack, "orders", 2).await.expect("it starts");
    let inventory = bench.fleet.start_replica(&bench.stack, "inventory", 2).await.expect("it starts");
    shared(&bench, "orders").await;
    shared(&bench, "inventory").await;
    let plan = plan(1_200);
    bench.load(&plan).await;
    let progress = Progress::default();
    let killing = async {
        until("sagas finish", &progress, |now| now.done() >= 100 && sagas_in_flight(now) >= 50).await;
        bench.kill("orders", &bench.fleet.ground.places.ready_url("orders")).await;
        let done = progress.snapshot().done();
        until("sagas finish again", &progress, |now| now.done() >= done + 100).await;
        bench.kill(&inventory.name, &inventory.ready_url).await;
        progress.snapshot()
    };
    let both = connections([bench.url("orders"), orders.grpc_url.clone()]);
    let replay = bench.replay_over(&both, &plan, in_flight(200), &progress);
    let (outcome, after_kills) = tokio::join!(replay, killing);
    assert!(after_kills.done() < plan.orders.len() as u64, "the replay was over before the kills were");
    bench.settle(&plan, &outcome, 0).await;
    let restarts = bench.stack.restarts();
    let counted = ["orders", "orders-2", "inventory", "inventory-2"].map(|name| restarts[name]);
    assert_eq!(counted, [1, 0, 0, 1]);
    shared(&bench, "orders").await;
    shared(&bench, "inventory").await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_callers_with_one_request_id_over_two_replicas_place_one_order() {
    let bench = Bench::start(&[]).await;
    let second = bench.fleet.start_replica(&bench.stack, "orders", 2).await.expect("it starts");
    shared(&bench, "orders").await;
    let plan = plan(1);
    bench.load(&plan).await;
    let request = small_order(&plan, "tok_visa");
    let urls = [bench.url("orders"), second.grpc_url];
    let calls = (0..50).map(|caller| {
        let client = OrdersServiceClient::new(channel(urls[caller % 2].clone()));
        let request = &request;
        // What every caller does on any doubt: the same request again.
        eventually("every caller gets the order", PATIENCE, async move || {
            match client.clone().place_order(request.clone()).await {
                Ok(placed) => Some(placed.into_inner().order.expect("it is there").order_id),
                Err(status) if matches!(status.code(), Code::Unavailable | Code::Aborted) => None,
                Err(status) => panic!("{status}"),
            }
        })
    });
    let mut ids: Vec<String> = join_all(calls).await;
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");

    let mut other = request.clone();
    other.lines[0].quantity += 1;
    for url in urls {
        let refused = OrdersServiceClient::new(channel(url)).place_order(other.clone()).await;
        let refused = refused.expect_err("the request id belongs to another body");
        assert_eq!(refused.code(), Code::AlreadyExists, "{refused}");
    }
    let proof = bench.prove().await;
    assert_holds(&proof);
    assert_eq!(proof.invariants[0].checked, 1, "one order was placed");
    bench.stop().await;
}

/// Asks once: whoever is called finds somebody who executes it.
async fn cancel(client: &OrdersServiceClient<Channel>, order_id: &str) -> Order {
    let (request_id, order_id) = (SystemIds.next_id().to_string(), order_id.to_owned());
    let request = CancelOrderRequest { request_id, order_id };
    client
        .clone()
        .cancel_order(request)
        .await
        .expect("it is not confirmed")
        .into_inner()
        .order
        .expect("it is there")
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_cancelled_through_the_other_replica_while_their_owner_hangs() {
    const EACH: usize = 20;
    let bench = Bench::start(&[]).await;
    let second = bench.fleet.start_replica(&bench.stack, "orders", 2).await.expect("it starts");
    shared(&bench, "orders").await;
    let mut plan = plan(1);
    plan.stock[0].units += 2 * i64::try_from(EACH).expect("a few");
    bench.load(&plan).await;
    let (first, second) = (bench.orders(), OrdersServiceClient::new(channel(second.grpc_url)));
    let supervisor = bench.stack.supervisor();
    // No order is confirmed before it is cancelled.
    supervisor.pause("payment").expect("it is known").expect("it runs");
    let mut orders = Vec::new();
    for _ in 0..2 * EACH {
        let placed = first.clone().place_order(small_order(&plan, "tok_visa")).await.expect("it is sound");
        orders.push(placed.into_inner().order.expect("it is there").order_id);
    }
    let cancel_all = async |orders: &[String]| {
        for order in join_all(orders.iter().map(|order_id| cancel(&second, order_id))).await {
            assert_eq!(
                (order.status(), order.customer_id.as_str()),
                (OrderStatus::Cancelled, "e2e-customer")
            );
        }
    };
    cancel_all(&orders[..EACH]).await;
    supervisor.pause("orders").expect("it is known").expect("it runs");
    cancel_all(&orders[EACH..]).await;
    for service in ["orders", "payment"] {
        supervisor.go_on(service).expect("it is known").expect("it has lived through it");
    }
    shared(&bench, "orders").await;
    assert_holds(&bench.prove().await);
    bench.stop().await;
}
