use std::time::Duration;

use bowline_contracts::common::v1::{
    BreakerState, DeadLetterCause, Dependency, DrainValve, GetStatusResponse, HeardLane, HeardLaneState,
    Obstacle, ParkedMessages, PartitionLease, SentLane, ServingPhase, StoredStatus, UnappliedRecords,
    WorkStep,
};
use bowline_contracts::convert::duration;
use chrono::DateTime;

use super::ask::{Asked, Silence};
use super::show::Picture;

const LATE_AFTER: Duration = Duration::from_secs(10);
const TOPIC: &str = "orders.events.v1";

/// Orders, which says 10 messages on each of two partitions, and inventory, which has applied 10 and 7 of them.
fn stack() -> [GetStatusResponse; 2] {
    let sent = |partition, published, age: Option<u64>| SentLane {
        topic: TOPIC.into(),
        partition,
        head_sequence: 10,
        published_sequence: published,
        oldest_unpublished_age: age.map(|seconds| duration(Duration::from_secs(seconds))),
    };
    let mut orders = process("orders");
    orders.in_flight =
        vec![WorkStep { awaits: "stock".into(), count: 3 }, WorkStep { awaits: "payment".into(), count: 5 }];
    orders.stored.as_mut().unwrap().sent_lanes = vec![sent(0, 10, None), sent(1, 8, Some(2))];
    let heard = |partition, watermark_sequence| HeardLane {
        topic: TOPIC.into(),
        partition,
        source: "orders".into(),
        watermark_sequence,
        state: HeardLaneState::Flowing.into(),
        ..HeardLane::default()
    };
    let mut inventory = process("inventory");
    inventory.stored.as_mut().unwrap().heard_lanes = vec![heard(0, 11), heard(1, 7)];
    inventory.unapplied = vec![UnappliedRecords {
        topic: TOPIC.into(),
        partition: 1,
        record_count: 1,
        oldest_age: Some(duration(Duration::from_secs(1))),
    }];
    [orders, inventory]
}

fn process(service: &str) -> GetStatusResponse {
    let lease = |partition| PartitionLease { partition, holder: service.into(), ..PartitionLease::default() };
    GetStatusResponse {
        service: service.into(),
        instance: service.into(),
        version: "1.2.3".into(),
        phase: ServingPhase::Serving.into(),
        partitions: vec![0, 1],
        stored: Some(StoredStatus { leases: vec![lease(0), lease(1)], ..StoredStatus::default() }),
        ..GetStatusResponse::default()
    }
}

fn stored(told: &mut GetStatusResponse) -> &mut StoredStatus {
    told.stored.as_mut().unwrap()
}

fn asked(answers: impl IntoIterator<Item = GetStatusResponse>) -> Vec<Asked> {
    let asked = answers.into_iter().map(|told| Asked {
        service: told.service.clone(),
        url: format!("http://{}", told.instance),
        answer: Ok(told),
    });
    asked.collect()
}

fn picture(asked: Vec<Asked>) -> Picture {
    Picture::of(asked, LATE_AFTER, " --data-dir /tmp/x", DateTime::UNIX_EPOCH)
}

/// The only problem of a picture.
fn problem(answers: [GetStatusResponse; 2]) -> (String, String) {
    let picture = picture(asked(answers));
    let [problem] = &picture.problems[..] else { panic!("{:?}", picture.problems) };
    (problem.what.clone(), problem.mend.clone())
}

/// Whether one line of a text has all these words.
fn has_line(text: &str, words: &[&str]) -> bool {
    text.lines().any(|line| words.iter().all(|word| line.contains(word)))
}

#[test]
fn what_flows_is_summed_over_the_partitions_and_shown_in_full_when_asked_for() {
    let picture = picture(asked(stack()));
    assert_eq!(picture.problems, []);
    let json = serde_json::to_value(picture.json()).unwrap();
    let route = &json["routes"][0];
    // Partition 0 was asked of its source before it was applied: nothing is behind there.
    let numbers =
        ["lanes", "held", "head", "published", "applied", "behind"].map(|name| route[name].as_i64());
    assert_eq!(numbers, [2, 0, 20, 18, 18, 3].map(Some));
    assert_eq!(route["oldest_seconds"], 2.0);
    assert_eq!(
        (&json["is_well"], &json["lanes"][0]["oldest_seconds"]),
        (&true.into(), &serde_json::Value::Null)
    );
    assert_eq!(json["processes"][0]["status"]["stored"]["sent_lanes"][0]["head_sequence"], "10");
    let text = picture.text(false);
    assert!(has_line(&text, &["✓ all is well: 2 replicas of 2 services", "3 messages"]), "{text}");
    assert!(has_line(&text, &["orders → inventory", TOPIC, "2 flow", "20", "18", "3", "2.0 s"]), "{text}");
    assert!(has_line(&text, &["sagas", ": 3 wait for stock, 5 wait for payment"]), "{text}");
    assert!(has_line(&text, &["inventory", "1.2.3", "0-1", "takes calls", "http://inventory"]), "{text}");
    let text = picture.text(true);
    assert!(
        has_line(&text, &["inventory/orders.events.v1/1/orders", "flows", "10", "8", "7", "3"]),
        "{text}"
    );
}

#[test]
fn a_service_that_gives_no_answer_is_a_row_and_the_others_are_shown_all_the_same() {
    let [orders, inventory] = stack();
    let silence = Silence {
        why: "no answer: connection refused".into(),
        whole: "orders gave no answer at U; does it run?".into(),
    };
    let mut all = asked([orders, inventory]);
    all[0].answer = Err(silence);
    let picture = picture(all);
    let text = picture.text(false);
    assert!(has_line(&text, &["✗ orders gives no answer"]), "{text}");
    assert!(has_line(&text, &["orders", "–", "no answer: connection refused"]), "{text}");
    assert!(has_line(&text, &["→ does it run?"]), "{text}");
    // What inventory knows by itself: one record of one partition.
    assert!(has_line(&text, &["orders → inventory", "2 flow", "?", "18", "1.0 s"]), "{text}");
}

#[test]
fn without_kafka_its_silence_is_the_trouble_and_not_what_is_late_for_it() {
    let mut answers = stack();
    for told in &mut answers {
        told.kafka_silence = Some(duration(Duration::from_secs(42)));
    }
    stored(&mut answers[0]).sent_lanes[1].oldest_unpublished_age = Some(duration(Duration::from_secs(40)));
    let (what, mend) = problem(answers);
    assert_eq!(what, "Kafka has given no answer for 42 s to inventory, orders");
    assert!(mend.contains("start it again"), "{mend}");
}

#[test]
fn what_waits_for_too_long_is_told_with_where_it_waits() {
    let mut answers = stack();
    let long = Some(duration(Duration::from_secs(12)));
    stored(&mut answers[0]).sent_lanes[1].oldest_unpublished_age = long;
    let (what, _) = problem(answers);
    assert!(
        what.contains("not applied 3 messages of orders.events.v1 from orders, the first for 12 s: not all"),
        "{what}"
    );
    let mut answers = stack();
    stored(&mut answers[0]).sent_lanes[1].published_sequence = 10;
    answers[1].unapplied[0].oldest_age = long;
    let (what, mend) = problem(answers);
    assert!(
        what.ends_with("the first for 12 s: all of them are published") && mend.contains("inventory"),
        "{what}"
    );
}

#[test]
fn a_lane_that_has_stopped_is_told_with_the_command_that_mends_it() {
    let stopped = |state: HeardLaneState| {
        let mut answers = stack();
        let lane = &mut stored(&mut answers[1]).heard_lanes[1];
        lane.state = state.into();
        lane.reason = "sequences 8 to 9 were applied".into();
        problem(answers)
    };
    let (what, mend) = stopped(HeardLaneState::Forgotten);
    assert!(
        what.starts_with("lane inventory/orders.events.v1/1/orders has stopped")
            && what.ends_with("8 to 9 were applied")
    );
    assert!(
        mend.contains(
            "`bowline lanes accept inventory/orders.events.v1/1/orders --note WHY --data-dir /tmp/x`"
        ),
        "{mend}"
    );
    assert!(stopped(HeardLaneState::Missing).1.contains("asked of orders"));
    assert!(stopped(HeardLaneState::Stopped).1.contains("start inventory again"));
}

#[test]
fn parked_messages_open_breakers_and_free_partitions_are_told() {
    let mut answers = stack();
    let cause = DeadLetterCause {
        order_count: 2,
        example_reason: "no such SKU".into(),
        ..DeadLetterCause::default()
    };
    stored(&mut answers[1]).parked =
        Some(ParkedMessages { order_count: 2, message_count: 5, causes: vec![cause] });
    let (what, mend) = problem(answers);
    assert_eq!(what, "2 orders with 5 messages wait in inventory: 2 because of no such SKU");
    assert!(
        mend.contains("`bowline dead-letters list --service inventory --messages --data-dir /tmp/x`"),
        "{mend}"
    );

    let mut answers = stack();
    answers[0].dependencies = vec![
        Dependency { name: "catalogue".into(), breaker_state: BreakerState::Closed.into(), valve: None },
        Dependency {
            name: "payment provider".into(),
            breaker_state: BreakerState::Open.into(),
            valve: Some(DrainValve { waiting_count: 37, calls_per_second_max: Some(0.0) }),
        },
    ];
    let (what, _) = problem(answers);
    assert!(
        what.contains("for payment provider is open") && what.ends_with("37 operations wait for it"),
        "{what}"
    );

    let mut answers = stack();
    stored(&mut answers[1]).leases[1].holder.clear();
    assert_eq!(problem(answers).0, "nobody works on the partitions 1 of inventory");

    let mut answers = stack();
    answers[1].obstacles = vec![Obstacle { check: "database".into(), reason: "it is away".into() }];
    answers[1].stored = None;
    answers[1].stored_obstacle = "it is away".into();
    assert_eq!(
        problem(answers).0,
        "PostgreSQL gives no answer to inventory, which take no calls: it is away"
    );
}

#[test]
fn replicas_of_one_service_share_what_is_stored_and_add_up_what_they_hold() {
    let [orders, mut first] = stack();
    let mut second = first.clone();
    second.instance = "inventory-2".into();
    (first.partitions, second.partitions) = (vec![0], vec![1]);
    first.unapplied.clear();
    let json = picture(asked([orders, first, second])).json_value();
    assert_eq!(json["processes"].as_array().map(Vec::len), Some(3));
    assert_eq!(json["lanes"].as_array().map(Vec::len), Some(2), "each lane once");
    assert_eq!(json["routes"][0]["behind"], 3);
    assert_eq!(
        json["headline"],
        "all is well: 3 replicas of 2 services up, 2 lanes without trouble, 3 messages on their way"
    );
}

#[test]
fn what_has_moved_since_the_picture_before_is_told_by_the_second() {
    let [orders, inventory] = stack();
    let [mut later_orders, mut later_inventory] = stack();
    stored(&mut later_orders).sent_lanes[0].head_sequence += 8;
    stored(&mut later_inventory).heard_lanes[1].watermark_sequence += 2;
    let before = picture(asked([orders, inventory])).since(None);
    let at = DateTime::UNIX_EPOCH + Duration::from_secs(4);
    let now = Picture::of(asked([later_orders, later_inventory]), LATE_AFTER, "", at).since(Some(&before));
    let route = &now.json_value()["routes"][0];
    assert_eq!((&route["sent_a_second"], &route["applied_a_second"]), (&2.0.into(), &0.5.into()));
    assert!(!before.text(false).contains("applied/s") && now.text(false).contains("applied/s"));
}

#[test]
fn the_headline_is_one_line_however_much_there_is_to_say() {
    let mut answers = stack();
    for told in &mut answers {
        told.dependencies = ["a", "b", "c"]
            .map(|name| Dependency {
                name: name.into(),
                breaker_state: BreakerState::HalfOpen.into(),
                valve: None,
            })
            .into();
    }
    let json = picture(asked(answers)).json_value();
    let headline = json["headline"].as_str().unwrap();
    assert!(
        headline.starts_with("breaker of orders for a half open; ") && headline.ends_with("; and 2 more"),
        "{headline}"
    );
}

impl Picture {
    fn json_value(&self) -> serde_json::Value {
        serde_json::to_value(self.json()).unwrap()
    }
}
