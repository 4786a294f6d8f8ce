//! Messages that cannot be applied wait for an operator, in order, with what follows of their key.

use std::collections::BTreeMap;

use bowline_contracts::topics::PARTITIONS;
use bowline_messaging::{DeadLetter, DeadLetters, EditError, KafkaOptions, LaneOptions, Operator, Selection};
use bowline_test_support::eventually;
use uuid::Uuid;

use crate::broker::{Speaker, envelope, key_of};
use crate::ledger::POISON;
use crate::stage::{ALL, PATIENCE, Replica, SAID, Service, in_order, kafka, steady};

/// The key of every third message on partition 5: 3, 6, 9, …
fn troubled() -> Uuid {
    key_of(5, 3)
}

/// Says `sequences` on partition 5; those that three divides are about [`troubled`], the third is poison.
async fn say(speaker: &Speaker, sequences: impl IntoIterator<Item = i64>) {
    for sequence in sequences {
        let key = if sequence % 3 == 0 { troubled() } else { key_of(5, sequence) };
        let payload = if sequence == 3 { POISON } else { b"said" };
        speaker.send_about(5, &envelope(SAID, sequence), key, payload).await;
    }
}

fn operator() -> Operator {
    Operator { name: "ada".into(), note: "seen".into() }
}

async fn listed(letters: &DeadLetters) -> Vec<DeadLetter> {
    letters.list(&Selection::All, 0, 100).await.unwrap()
}

fn sequences(letters: &[DeadLetter]) -> Vec<i64> {
    letters.iter().map(|letter| letter.envelope.sequence).collect()
}

/// A service that has applied 1 to 8 of partition 5 but for the messages about [`troubled`].
async fn troubled_service(lanes: LaneOptions) -> (Service, KafkaOptions, Replica, Speaker, DeadLetters) {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    // Everything lies there before anybody reads, so that culprit and neighbours meet in one batch.
    inventory.start(&kafka, steady()).await.node.topics_ready().await;
    let speaker = Speaker::new(&kafka);
    say(&speaker, 1..=8).await;
    let replica = inventory.start(&kafka, lanes).await;
    let letters = DeadLetters::new(inventory.open(), "inventory");
    (inventory, kafka, replica, speaker, letters)
}

#[tokio::test]
async fn poison_is_parked_with_what_follows_of_its_key_and_taken_up_in_order() {
    let (inventory, kafka, replica, speaker, letters) = troubled_service(steady()).await;
    assert_eq!(inventory.applies(6).await, BTreeMap::from([(5, vec![1, 2, 4, 5, 7, 8])]));
    inventory.number_becomes("SELECT sequence FROM messaging.watermarks WHERE partition = 5", 8).await;
    assert_eq!(sequences(&listed(&letters).await), [3, 6]);
    assert_eq!(replica.troubles().await.parked_keys, 1);
    replica.drain().await;

    // Whoever starts next knows of it.
    let replica = inventory.start(&kafka, steady()).await;
    say(&speaker, 9..=10).await;
    inventory.applies(7).await;
    let waiting = listed(&letters).await;
    assert_eq!(sequences(&waiting), [3, 6, 9]);
    let heads: Vec<bool> = waiting.iter().map(|letter| letter.head.is_some()).collect();
    assert_eq!(heads, [true, false, false]);
    assert_eq!(waiting[0].head.as_ref().unwrap().reason, "it is poison");

    // Tried again as it is, it stays.
    assert_eq!(letters.retry(&Selection::All, &operator()).await.unwrap(), 1);
    let tried = "SELECT count(*) FROM messaging.parked_keys WHERE attempts = 1 AND NOT retry_requested";
    inventory.number_becomes(tried, 1).await;
    assert_eq!(sequences(&listed(&letters).await), [3, 6, 9]);

    // Mended, all of it is applied, in order, once, although the operator clicks twice.
    letters.edit(waiting[0].letter, 0, b"mended", &operator()).await.unwrap();
    assert_eq!(letters.retry(&Selection::Key(troubled()), &operator()).await.unwrap(), 1);
    letters.retry(&Selection::Key(troubled()), &operator()).await.unwrap();
    assert_eq!(inventory.applies(10).await[&5], [1, 2, 4, 5, 7, 8, 10, 3, 6, 9]);
    replica.has_no_troubles().await;
    say(&speaker, 11..=12).await;
    assert_eq!(inventory.applies(12).await[&5][10..], [11, 12]);
    assert!(listed(&letters).await.is_empty());
    let kinds: Vec<String> =
        letters.actions(troubled()).await.unwrap().into_iter().map(|action| action.kind).collect();
    assert_eq!(kinds[..3], ["retry", "edit", "retry"]);
    replica.drain().await;
}

#[tokio::test]
async fn what_the_database_refuses_is_found_and_parked_alone() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    inventory.start(&kafka, steady()).await.node.topics_ready().await;
    let speaker = Speaker::new(&kafka);
    for partition in 0..PARTITIONS {
        speaker.say(partition, 1..=8).await;
    }
    let replica = inventory.start(&kafka, steady()).await;
    replica.script.refuse(key_of(5, 3));
    replica.script.refuse(key_of(6, 8));
    let applied = inventory.applies(8 * ALL - 2).await;
    assert_eq!((&applied[&5], &applied[&6]), (&vec![1, 2, 4, 5, 6, 7, 8], &(1..=7).collect()));
    let letters = DeadLetters::new(inventory.open(), "inventory");
    let causes = letters.causes().await.unwrap();
    assert_eq!((causes.len(), causes[0].keys, causes[0].messages), (1, 2, 2));
    assert_eq!(causes[0].example, "the batch failed: the database takes offence");

    replica.script.forgive();
    let again = letters.retry(&Selection::Cause(causes[0].cause.clone()), &operator()).await.unwrap();
    assert_eq!(again, 2);
    let applied = inventory.applies(8 * ALL).await;
    assert_eq!((&applied[&5], &applied[&6]), (&vec![1, 2, 4, 5, 6, 7, 8, 3], &(1..=8).collect()));
    replica.drain().await;
}

#[tokio::test]
async fn a_message_whose_parking_was_not_answered_is_parked_once() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    replica.script.lose_answers(2);
    let speaker = Speaker::new(&kafka);
    say(&speaker, 3..=3).await;
    say(&speaker, 1..=2).await;
    speaker.send_about(5, &envelope(SAID, 3), troubled(), POISON).await;
    let letters = DeadLetters::new(inventory.open(), "inventory");
    say(&speaker, 4..=7).await;
    assert_eq!(inventory.applies(5).await[&5], [1, 2, 4, 5, 7]);
    assert_eq!(sequences(&listed(&letters).await), [3, 6]);
    assert_eq!(replica.script.answers_lost(), 2);
    replica.drain().await;
}

#[tokio::test]
async fn a_dropped_message_is_kept_on_record_and_those_behind_it_wait_for_a_word() {
    let (inventory, _, replica, speaker, letters) = troubled_service(steady()).await;
    inventory.applies(6).await;
    let head = listed(&letters).await.remove(0);
    assert_eq!(letters.discard(&[head.letter], &operator()).await.unwrap(), 1);
    assert_eq!(letters.discard(&[head.letter], &operator()).await.unwrap(), 0, "clicked twice");
    let left = listed(&letters).await;
    assert_eq!(sequences(&left), [6]);
    assert!(left[0].head.as_ref().unwrap().reason.contains("was dropped"));
    assert_eq!(letters.actions(troubled()).await.unwrap()[0].payload_before.as_deref(), Some(POISON));
    letters.retry(&Selection::All, &operator()).await.unwrap();
    assert_eq!(inventory.applies(7).await[&5], [1, 2, 4, 5, 7, 8, 6]);

    // A queue that is dropped whole frees its key, although the executor has not looked yet.
    speaker.send_about(5, &envelope(SAID, 9), troubled(), POISON).await;
    let parked = eventually("it is parked", PATIENCE, async || {
        let parked = listed(&letters).await;
        (!parked.is_empty()).then_some(parked)
    });
    let parked: Vec<i64> = parked.await.iter().map(|letter| letter.letter).collect();
    assert_eq!(letters.discard(&parked, &operator()).await.unwrap(), 1);
    speaker.send_about(5, &envelope(SAID, 10), troubled(), b"said").await;
    assert_eq!(inventory.applies(8).await[&5].last(), Some(&10));
    replica.drain().await;
}

#[tokio::test]
async fn an_edit_needs_the_message_as_it_was_seen() {
    let (inventory, _, replica, _, letters) = troubled_service(steady()).await;
    inventory.applies(6).await;
    let head = listed(&letters).await.remove(0);
    letters.edit(head.letter, 0, b"first", &operator()).await.unwrap();
    let late = letters.edit(head.letter, 0, b"second", &operator()).await;
    assert!(matches!(late, Err(EditError::Changed { expected: 0, found: 1 })), "{late:?}");
    let unknown = letters.edit(i64::MAX, 0, b"third", &operator()).await;
    assert!(matches!(unknown, Err(EditError::NotFound(i64::MAX))), "{unknown:?}");
    let found = letters.get(head.letter).await.unwrap().unwrap();
    assert_eq!((found.payload.as_slice(), found.edits), (b"first".as_slice(), 1));
    replica.drain().await;
}

#[tokio::test]
async fn a_lane_stops_before_more_is_parked_than_may_be() {
    let limited = LaneOptions { parked_messages_max: 1, ..steady() };
    let (inventory, kafka, replica, speaker, letters) = troubled_service(limited).await;
    let mut troubles = replica.node.troubles();
    let stopped = troubles.wait_for(|troubles| !troubles.stopped.is_empty());
    let stopped = tokio::time::timeout(PATIENCE, stopped).await.unwrap().unwrap().stopped.clone();
    assert!(
        stopped[0].contains("orders behind sequence 5: more than 1 messages would be parked"),
        "{stopped:?}"
    );
    assert_eq!(inventory.applies(4).await[&5], [1, 2, 4, 5]);
    speaker.say(6, 1..=3).await;
    assert_eq!(inventory.applies(7).await[&6], [1, 2, 3]);
    replica.drain().await;
    let head = listed(&letters).await.remove(0);
    letters.discard(&[head.letter], &operator()).await.unwrap();
    let replica = inventory.start(&kafka, steady()).await;
    let applied = inventory.applies(10).await;
    assert_eq!(applied[&5], [1, 2, 4, 5, 6, 7, 8]);
    assert!(in_order(&[(6, applied[&6].clone())].into()), "{applied:?}");
    replica.drain().await;
}
