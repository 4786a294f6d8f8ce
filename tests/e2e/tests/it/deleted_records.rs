//! Records that are deleted from the topics before a consumer has read them.

use bowline_contracts::topics::{INVENTORY_EVENTS, ORDERS_EVENTS, PAYMENT_COMMANDS, Topic};
use bowline_load::generator::Progress;
use bowline_messaging::KafkaOptions;
use bowline_prove::Proof;
use bowline_test_support::eventually;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::bench::{Bench, PATIENCE, assert_agrees, in_flight, plan, sagas_in_flight, until};

/// What payment reads.
const TOPICS: [&Topic; 3] = [&INVENTORY_EVENTS, &ORDERS_EVENTS, &PAYMENT_COMMANDS];
const IN_FLIGHT: u64 = 128;

/// What a service has said on the topics that payment reads, and how much of it payment has applied.
const SAID: &str = "SELECT coalesce(sum(next_sequence - 1), 0)::int8
    FROM messaging.lane_heads JOIN messaging.lanes USING (lane)
   WHERE topic IN ('inventory.events.v1', 'orders.events.v1', 'payment.commands.v1')";
const APPLIED: &str = "SELECT sum(sequence)::int8 FROM messaging.watermarks";
/// What orders has to say to inventory, how much of it inventory has answered, and how much of that is on its topic.
const ASKED: &str =
    "SELECT sum(next_sequence - 1)::int8 FROM messaging.lane_heads JOIN messaging.lanes USING (lane)
   WHERE topic IN ('orders.events.v1', 'inventory.commands.v1')";
const ANSWERED: &str = "SELECT sum(sequence)::int8 FROM messaging.watermarks WHERE source = 'orders'";
const UNPUBLISHED: &str = "SELECT sum(next_sequence - 1 - sequence)::int8
    FROM messaging.lane_heads JOIN messaging.published USING (lane)";
const FINISHED: &str = "SELECT count(*) FROM event_store.events WHERE type = 'order_finished'";
const HEALED: &str =
    "SELECT coalesce(sum(last_sequence - first_sequence + 1), 0)::int8 FROM messaging.healed_gaps";
const UNFINISHED_VIEWS: &str = "SELECT count(*) FROM projection.order_views WHERE finished_at IS NULL";
const VIEWS: &str = "SELECT count(*) FROM projection.order_views";

/// Deletes everything that a topic holds.
async fn empty(kafka: &KafkaOptions, topic: &Topic) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", kafka.brokers.join(","))
        .create()
        .expect("the broker is there");
    let mut ends = TopicPartitionList::new();
    for partition in 0..topic.partitions {
        ends.add_partition_offset(&kafka.topic_name(topic), i32::from(partition), Offset::End)
            .expect("the end is an offset");
    }
    let deleted = admin.delete_records(&ends, &AdminOptions::new()).await.expect("the broker answers");
    for partition in deleted.elements() {
        partition.error().expect("its records are deleted");
    }
}

/// Every invariant holds but those that are computed from the topics, which are emptied.
fn assert_holds_but_for_the_topics(proof: &Proof) {
    let (by_topics, others): (Vec<_>, Vec<_>) = proof.invariants.iter().partition(|invariant| {
        ["projection equals", "timelines hold", "topics hold"]
            .iter()
            .any(|name| invariant.name.contains(name))
    });
    assert_eq!(by_topics.len(), 3);
    assert!(by_topics[2].violations > 0, "records are missing on the topics");
    for invariant in others {
        assert!(invariant.checked > 0, "nothing was checked: {}", invariant.name);
        assert_eq!(invariant.violations, 0, "{}: {:#?}", invariant.name, invariant.examples);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_records_are_deleted_in_the_middle_of_a_replay_and_every_gap_is_healed() {
    let bench = Bench::recording(&[]).await;
    let plan = plan(600);
    bench.load(&plan).await;
    let progress = Progress::default();
    let deleting = async {
        until("sagas finish", &progress, |now| now.done() >= 100).await;
        bench.stack.supervisor().stop("payment").await.expect("it stops");
        // Everybody else has come to rest: what is deleted now is the last of its lane.
        eventually("all but payment is done", PATIENCE, async || {
            let now = progress.snapshot();
            let finished = bench.count("orders", FINISHED).await;
            let answered = bench.count("orders", ASKED).await == bench.count("inventory", ANSWERED).await;
            let published =
                bench.count("orders", UNPUBLISHED).await + bench.count("inventory", UNPUBLISHED).await == 0;
            let heard = u64::try_from(finished) == Ok(now.confirmed + now.cancelled);
            (sagas_in_flight(now) == IN_FLIGHT && answered && published && heard).then_some(())
        })
        .await;
        let said = bench.count("orders", SAID).await + bench.count("inventory", SAID).await;
        let unread = said - bench.count("payment", APPLIED).await;
        for topic in TOPICS {
            empty(&bench.fleet.ground.kafka, topic).await;
        }
        bench.stack.supervisor().start_again("payment").await.expect("it starts");
        unread
    };
    let (outcome, unread) =
        tokio::join!(bench.replay(&plan, in_flight(IN_FLIGHT.try_into().expect("few")), &progress), deleting);
    let proof = bench.prove().await;
    assert_holds_but_for_the_topics(&proof);
    assert_agrees(&plan, &outcome, &proof, 0);
    assert!(unread >= 64, "every other order in flight waits for its payment: {unread}");
    assert_eq!(bench.count("payment", HEALED).await, unread);
    assert_eq!(bench.count("projection", UNFINISHED_VIEWS).await, 0);
    assert_eq!(u64::try_from(bench.count("projection", VIEWS).await), Ok(outcome.placed()));
    bench.stop().await;
}
