//! A failover that lost commits uses sequence numbers again, and consumers drop the new messages as duplicates.

use bowline_messaging::tail::Message;
use uuid::Uuid;

use crate::naive;
use crate::stage::{Service, kafka, key_in, steady};

const LANE: u16 = 4;
/// What the standby has: the commits of sequences 2 and 3 never reached it. Its timeline is not the one recorded.
const FAIL_OVER: &str = "DELETE FROM messaging.outbox WHERE sequence > 1;
    UPDATE messaging.lane_heads SET next_sequence = 2 WHERE next_sequence > 2;
    UPDATE messaging.published SET sequence = 1 WHERE sequence > 1;
    UPDATE messaging.incarnations SET timeline = timeline + 1";

/// The keys of what is applied by a consumer that goes by the sequence alone.
fn applied_naively(messages: &[Message]) -> Vec<Uuid> {
    let mut last = 0;
    let mut keys = Vec::new();
    for message in messages {
        if message.envelope.sequence > last {
            last = message.envelope.sequence;
            keys.push(message.key);
        }
    }
    keys
}

#[tokio::test]
async fn new_messages_under_old_sequences_are_dropped_by_a_naive_consumer_alone() {
    let (orders, inventory, kafka) = (Service::orders().await, Service::inventory().await, kafka().await);
    let listener = inventory.start(&kafka, steady()).await;
    let speaker = orders.start(&kafka, steady()).await;
    let [old, new] = [[0, 1, 2], [10, 11, 12]].map(|nths| nths.map(|nth| key_in(LANE, nth)));
    speaker.say(old).await;
    inventory.applies(3).await;
    speaker.drain().await;
    sqlx::raw_sql(FAIL_OVER).execute(&mut orders.owner().await).await.unwrap();

    let speaker = orders.start(&kafka, steady()).await;
    speaker.say(new).await;
    let stopped = listener.troubles().await.stopped;
    speaker.drain().await;
    let topic = naive::read(&kafka, LANE).await;
    let sequences: Vec<i64> = topic.iter().map(|message| message.envelope.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 2, 3, 4]);
    assert_eq!(
        applied_naively(&topic),
        [old[0], old[1], old[2], new[2]],
        "two new orders are lost in silence, and a third is applied as if they had been"
    );

    assert_ne!(topic[2].envelope.incarnation, topic[3].envelope.incarnation);
    assert!(
        matches!(&stopped[..], [reason] if reason.starts_with("orders.events.v1/4: orders behind sequence 3: ")),
        "{stopped:?}"
    );
    listener.drain().await;
    assert_eq!(inventory.applied().await, [(LANE.cast_signed(), vec![1, 2, 3])].into());
    let position =
        "SELECT next_offset FROM messaging.positions WHERE topic = 'orders.events.v1' AND partition = 4";
    assert!(
        inventory.number(position).await <= topic[3].offset,
        "reading never goes on past the first new one"
    );
}
