//! A message that cannot be applied, and what an operator does about it with the command-line tool.

use std::fmt::Write as _;

use bowline_contracts::projection::v1::query_service_client::QueryServiceClient;
use bowline_contracts::projection::v1::{GetOrderRequest, GetOrderTimelineRequest, OrderView};
use bowline_contracts::topics::{ORDERS_EVENTS, Topic};
use bowline_contracts::{partition, payloads};
use bowline_load::generator::Progress;
use bowline_test_support::eventually;
use tonic::transport::Channel;

use crate::bench::{Bench, PATIENCE, in_flight, plan, small_order};

const CONFIRMED: &str = "bowline.orders.v1.OrderConfirmed";
/// Everybody but orders hears of confirmations.
const HEARERS: [&str; 3] = ["inventory", "payment", "projection"];

/// Runs `bowline dead-letters`; returns its status and what it printed on either side.
fn tool(bench: &Bench, arguments: &[&str]) -> (Option<i32>, String) {
    bench.tool(&[&["dead-letters"], arguments].concat()).told()
}

fn confirmed_in(order_id: &str, year: u32) -> String {
    format!(
        r#"{{"order_id": "{order_id}", "confirmed_time": "{year}-01-01T00:00:00Z", "placed_time": "2000-01-01T00:00:00Z"}}"#
    )
}

/// A message that a service would not send by itself.
pub(crate) struct Said<'a> {
    pub(crate) topic: &'static Topic,
    pub(crate) message_type: &'a str,
    pub(crate) order_id: &'a str,
    pub(crate) payload: &'a [u8],
}

/// Has the owner of a topic say something, numbered and published as everything it says.
pub(crate) async fn say(bench: &Bench, said: Said<'_>) {
    let Said { topic, message_type, order_id, payload } = said;
    let key = order_id.parse().expect("an id");
    let partition = partition::of_key(key, topic.partitions);
    let mut hex = String::new();
    for byte in payload {
        write!(hex, "{byte:02x}").expect("a String takes all text");
    }
    let statement = format!(
        "WITH lane AS (
             UPDATE messaging.lane_heads SET next_sequence = next_sequence + 1
              WHERE lane = (SELECT lane FROM messaging.lanes WHERE topic = '{}' AND partition = {partition})
             RETURNING lane, next_sequence - 1 AS sequence)
         INSERT INTO messaging.outbox (slot, lane, sequence, incarnation, key, id, message_type, happened_at, payload)
         SELECT slot, lane, sequence, incarnation, '{order_id}', gen_random_uuid(), '{message_type}', now(), '\\x{hex}'
           FROM lane, messaging.outbox_slot, messaging.current_incarnation",
        topic.name
    );
    bench.sql(topic.owner, statement).await;
}

async fn confirm(bench: &Bench, order_id: &str, payload: &[u8]) {
    say(bench, Said { topic: &ORDERS_EVENTS, message_type: CONFIRMED, order_id, payload }).await;
}

async fn seen(
    queries: &QueryServiceClient<Channel>,
    order_id: &str,
    is: impl Fn(&OrderView) -> bool,
) -> OrderView {
    eventually("the projection shows it", PATIENCE, async || {
        let request = GetOrderRequest { order_id: order_id.to_owned() };
        queries.clone().get_order(request).await.ok()?.into_inner().order.filter(&is)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_message_and_three_more_of_its_order_wait_while_others_flow_and_are_applied_in_order() {
    let bench = Bench::start(&[]).await;
    let plan = plan(300);
    bench.load(&plan).await;
    let placed =
        bench.orders().place_order(small_order(&plan, "tok_fine")).await.expect("the order is sound");
    let order_id = placed.into_inner().order.expect("it is there").order_id;
    let queries = QueryServiceClient::new(bench.channel("projection"));
    seen(&queries, &order_id, |view| view.finished_time.is_some()).await;

    // A text where a time should be.
    confirm(&bench, &order_id, &[0x12, 0x02, 0xff, 0xff]).await;
    for year in [2001, 2002, 2003] {
        let payload = payloads::from_json(CONFIRMED, &confirmed_in(&order_id, year)).expect("it is sound");
        confirm(&bench, &order_id, &payload).await;
    }
    let outcome = bench.replay(&plan, in_flight(64), &Progress::default()).await;
    assert_eq!(outcome.orders.len(), 300, "the others flow");
    let listed = eventually("everybody has parked all four", PATIENCE, async || {
        let (code, told) = tool(&bench, &["list", "--messages"]);
        assert_eq!(code, Some(0), "{told}");
        (told.matches("behind an earlier message").count() == 3 * HEARERS.len()).then_some(told)
    });
    let listed = listed.await;
    assert_eq!(bench.count("projection", "SELECT count(*) FROM messaging.parked_keys").await, 1);

    let folder = tempfile::tempdir().expect("a folder");
    let (wrong, right) = (folder.path().join("wrong.json"), folder.path().join("right.json"));
    std::fs::write(&wrong, r#"{"order": "x"}"#).expect("written");
    std::fs::write(&right, confirmed_in(&order_id, 2000)).expect("written");
    for service in HEARERS {
        let head = format!("{service}/1");
        assert!(listed.contains(&head), "{listed}");
        let (code, told) = tool(&bench, &["edit", &head, "--file", wrong.to_str().expect("text")]);
        assert!(code == Some(1) && told.contains("'order'"), "{told}");
        let (code, told) = tool(&bench, &["edit", &head, "--file", right.to_str().expect("text")]);
        assert_eq!(code, Some(0), "{told}");
    }
    let (code, told) = tool(&bench, &["retry", "--all", "--note", "mended"]);
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = tool(&bench, &["list"]);
    assert_eq!((code, told.trim()), (Some(0), "nothing is parked"));

    // 2003-01-01T00:00:00Z, what the last of the four says.
    let view = seen(&queries, &order_id, |_| true).await;
    assert_eq!(view.confirmed_time.expect("it is confirmed").seconds, 1_041_379_200);
    let request = GetOrderTimelineRequest { order_id: order_id.clone() };
    let timeline = queries.clone().get_order_timeline(request).await.expect("it is known").into_inner();
    let confirmations =
        timeline.entries.iter().filter(|entry| entry.r#type.ends_with("OrderConfirmed")).count();
    assert_eq!(confirmations, 1 + 4);
    bench.stop().await;
}
