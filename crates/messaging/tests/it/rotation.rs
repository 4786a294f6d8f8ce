//! What is published and old leaves the outbox by the slot, and nothing else does.

use std::collections::BTreeSet;
use std::time::Duration;

use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_database::{Database, Error, Transaction, sqlstate};
use bowline_messaging::Outbox;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};
use tokio::task::JoinSet;

use crate::stage::{Service, append, key_in, message, outbox};

/// The retention of these tests. Nobody waits for it: time passes by moving what was noted into the past.
const RETENTION: &str = "interval '1 hour'";
const LANE: u16 = 3;

/// How many sessions wait for a lock.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// What one look has found and done.
#[derive(Debug, Default, PartialEq, Eq, sqlx::FromRow)]
struct Look {
    looked: Option<bool>,
    emptied: Option<i16>,
    entered: Option<i16>,
    unpublished: Option<i64>,
    locked: Option<bool>,
    overdue: Option<bool>,
}

/// A look that had nothing to do.
const IDLE: Look = Look {
    looked: Some(true),
    emptied: None,
    entered: None,
    unpublished: Some(0),
    locked: Some(false),
    overdue: Some(false),
};

/// `orders`, with nobody but the test at work.
struct Stage {
    service: Service,
    database: Database,
    outbox: Outbox,
}

impl Stage {
    async fn new() -> Self {
        let service = Service::orders().await;
        let database = service.open();
        let outbox = outbox(&database).await;
        Self { service, database, outbox }
    }

    /// A stage whose lane has sequence 1 in slot 0, left half an hour ago but not looked at since.
    async fn with_a_slot_left() -> Self {
        let stage = Self::new().await;
        stage.append(1).await;
        stage.minutes_pass(30).await;
        assert_eq!(stage.look().await, Look { entered: Some(1), ..IDLE });
        stage
    }

    /// Appends so many messages to the lane.
    async fn append(&self, count: usize) {
        let keys: Vec<_> = (0..count).map(|nth| key_in(LANE, nth)).collect();
        append(&self.database, &self.outbox, &keys).await;
    }

    /// As [`Stage::append`] of one message, but before the commit.
    async fn begin_to_append(&self) -> Transaction {
        let mut slow = self.database.begin().await.unwrap();
        slow.execute("SET LOCAL idle_in_transaction_session_timeout = 0").await.unwrap();
        self.outbox.append(&mut slow, vec![message(&ORDERS_EVENTS, key_in(LANE, 0))]).await.unwrap();
        slow
    }

    /// Notes that everything up to this sequence is published.
    async fn publish(&self, up_to: i64) {
        let note = "UPDATE messaging.published SET sequence = $1
                     WHERE lane = (SELECT lane FROM messaging.lanes WHERE topic = 'orders.events.v1' AND partition = $2)";
        let noted = sqlx::query(note).bind(up_to).bind(LANE.cast_signed());
        noted.execute(&mut self.service.owner().await).await.unwrap();
    }

    async fn minutes_pass(&self, minutes: i32) {
        let pass = "UPDATE messaging.outbox_slots SET entered_at = entered_at - make_interval(mins => $1),
                           left_at = left_at - make_interval(mins => $1),
                           settled_at = settled_at - make_interval(mins => $1)";
        sqlx::query(pass).bind(minutes).execute(&mut self.service.owner().await).await.unwrap();
    }

    async fn look(&self) -> Look {
        look(&mut self.service.connect().await).await.unwrap()
    }

    /// The sequences that the outbox still has.
    async fn kept(&self) -> Vec<i64> {
        let kept = "SELECT sequence FROM messaging.outbox ORDER BY sequence";
        sqlx::query_scalar(kept).fetch_all(&mut self.service.connect().await).await.unwrap()
    }
}

async fn look(connection: &mut PgConnection) -> Result<Look, sqlx::Error> {
    look_patiently(connection, Duration::from_millis(50)).await
}

async fn look_patiently(connection: &mut PgConnection, lock_wait: Duration) -> Result<Look, sqlx::Error> {
    let lock_wait = lock_wait.as_millis();
    let look = format!(
        "SELECT looked, emptied, entered, unpublished, locked, CASE WHEN looked THEN overdue IS NOT NULL END AS overdue
           FROM messaging.rotate_outbox({RETENTION}, {lock_wait})"
    );
    sqlx::query_as(AssertSqlSafe(look)).fetch_one(connection).await
}

fn code(error: sqlx::Error) -> Option<String> {
    Error::from(error).sqlstate()
}

#[tokio::test]
async fn rows_older_than_the_retention_go_and_younger_ones_stay() {
    let stage = Stage::new().await;
    stage.append(3).await;
    stage.publish(3).await;
    stage.minutes_pass(29).await;
    assert_eq!(stage.look().await, IDLE, "too early for the next slot");
    stage.minutes_pass(1).await;
    assert_eq!(stage.look().await, Look { entered: Some(1), ..IDLE });
    assert_eq!(stage.look().await, IDLE, "slot 0 is settled from here on");
    stage.append(2).await;
    stage.publish(5).await;
    stage.minutes_pass(30).await;
    assert_eq!(stage.look().await, Look { entered: Some(2), ..IDLE });
    assert_eq!(stage.look().await, IDLE, "and slot 1 from here on");
    stage.append(1).await;
    stage.publish(6).await;
    stage.minutes_pass(29).await;
    assert_eq!(stage.look().await, IDLE);
    assert_eq!(stage.kept().await, [1, 2, 3, 4, 5, 6]);
    stage.minutes_pass(1).await;
    assert_eq!(stage.look().await, Look { emptied: Some(0), entered: Some(0), ..IDLE });
    assert_eq!(stage.kept().await, [4, 5, 6]);
    stage.append(1).await;
    stage.publish(7).await;
    stage.minutes_pass(30).await;
    assert_eq!(stage.look().await, Look { emptied: Some(1), entered: Some(1), ..IDLE });
    assert_eq!(stage.kept().await, [6, 7]);
}

#[tokio::test]
async fn what_is_not_published_is_never_rotated_out() {
    let stage = Stage::with_a_slot_left().await;
    stage.append(1).await;
    stage.minutes_pass(600).await;
    let held_up = Look { unpublished: Some(1), ..IDLE };
    assert_eq!(stage.look().await, Look { entered: Some(2), ..held_up });
    stage.minutes_pass(600).await;
    let held_up = Look { overdue: Some(true), ..held_up };
    assert_eq!(stage.look().await, held_up, "slot 0 is not empty, so nothing may go there");
    assert_eq!(stage.kept().await, [1, 2]);

    // Published late, and kept for its time from then on.
    stage.publish(2).await;
    assert_eq!(stage.look().await, Look { overdue: Some(true), ..IDLE });
    stage.minutes_pass(59).await;
    assert_eq!(stage.look().await, Look { overdue: Some(true), ..IDLE });
    assert_eq!(stage.kept().await, [1, 2]);
    stage.minutes_pass(1).await;
    assert_eq!(stage.look().await, Look { emptied: Some(0), entered: Some(0), ..IDLE });
    assert_eq!(stage.look().await, Look { emptied: Some(1), ..IDLE });
    assert_eq!(stage.kept().await, [0_i64; 0]);
}

#[tokio::test]
async fn a_note_that_is_taken_back_or_missing_keeps_the_rows() {
    let stage = Stage::with_a_slot_left().await;
    stage.publish(1).await;
    assert_eq!(stage.look().await, IDLE, "settled");
    stage.minutes_pass(600).await;
    stage.publish(0).await;
    let held_up = Look { unpublished: Some(1), ..IDLE };
    assert_eq!(stage.look().await, Look { entered: Some(2), ..held_up });
    stage.publish(1).await;
    assert_eq!(stage.look().await, IDLE, "settled anew");
    stage.minutes_pass(600).await;
    stage.service.owner().await.execute("DELETE FROM messaging.published").await.unwrap();
    assert_eq!(stage.look().await, Look { overdue: Some(true), ..held_up });
    assert_eq!(stage.kept().await, [1]);
}

#[tokio::test]
async fn a_writer_that_is_still_at_it_delays_the_rotation_and_is_not_broken() {
    let stage = Stage::new().await;
    let slow = stage.begin_to_append().await;
    stage.minutes_pass(30).await;
    assert_eq!(stage.look().await, Look { entered: Some(1), ..IDLE });
    assert_eq!(stage.look().await, IDLE, "nobody sees that there is something in slot 0");
    stage.minutes_pass(60).await;
    let blocked = Look { locked: Some(true), entered: Some(2), ..IDLE };
    assert_eq!(stage.look().await, blocked, "but it is locked");
    append(&stage.database, &stage.outbox, &[key_in(LANE + 1, 0)]).await;

    slow.commit().await.unwrap();
    stage.publish(1).await;
    assert_eq!(stage.look().await, IDLE, "what came late is kept for its time as well");
    stage.minutes_pass(59).await;
    assert_eq!(stage.look().await, Look { overdue: Some(true), ..IDLE });
    assert_eq!(stage.kept().await, [1, 1]);
    stage.minutes_pass(1).await;
    assert_eq!(stage.look().await, Look { emptied: Some(0), entered: Some(0), ..IDLE });
    assert_eq!(stage.kept().await, [1]);
}

#[tokio::test]
async fn what_is_committed_while_the_lock_is_waited_for_stays() {
    let stage = Stage::new().await;
    let slow = stage.begin_to_append().await;
    stage.minutes_pass(30).await;
    assert_eq!(stage.look().await, Look { entered: Some(1), ..IDLE });
    assert_eq!(stage.look().await, IDLE, "settled, as nobody sees that there is something");
    stage.minutes_pass(60).await;
    stage.publish(1).await;
    let mut connection = stage.service.connect().await;
    let mut rotating = JoinSet::new();
    rotating.spawn(async move { look_patiently(&mut connection, crate::stage::PATIENCE).await.unwrap() });
    stage.service.number_becomes(WAITING, 1).await;
    slow.commit().await.unwrap();
    let look = rotating.join_next().await.unwrap().unwrap();
    assert_eq!(look, Look { entered: Some(2), ..IDLE });
    assert_eq!(stage.kept().await, [1]);
}

#[tokio::test]
async fn a_writer_that_has_read_the_slot_and_writes_after_its_rotation_loses_nothing() {
    let stage = Stage::new().await;
    let mut holder = stage.database.begin().await.unwrap();
    holder.execute("SELECT FROM messaging.lane_heads FOR UPDATE").await.unwrap();
    let mut late = JoinSet::new();
    let (database, outbox) = (stage.database.clone(), stage.outbox.clone());
    late.spawn(async move { append(&database, &outbox, &[key_in(LANE, 0)]).await });
    stage.service.number_becomes(WAITING, 1).await;

    stage.minutes_pass(30).await;
    assert_eq!(stage.look().await, Look { entered: Some(1), ..IDLE });
    assert_eq!(stage.look().await, IDLE, "settled");
    stage.minutes_pass(60).await;
    assert_eq!(stage.look().await, Look { emptied: Some(0), entered: Some(2), ..IDLE });
    holder.rollback().await.unwrap();
    late.join_next().await.unwrap().unwrap();
    stage.append(1).await;
    let slots = "SELECT string_agg(slot || ':' || sequence, ' ' ORDER BY sequence) FROM messaging.outbox";
    let slots: String =
        sqlx::query_scalar(slots).fetch_one(&mut stage.service.connect().await).await.unwrap();
    assert_eq!(slots, "0:1 2:2", "where nothing goes any more, and yet in its lane");

    // It takes part in the next round of its slot.
    stage.minutes_pass(30).await;
    assert_eq!(stage.look().await, Look { entered: Some(0), ..IDLE });
    stage.publish(2).await;
    assert_eq!(stage.look().await, IDLE, "settled, slot 2");
    stage.minutes_pass(60).await;
    assert_eq!(stage.look().await, Look { emptied: Some(1), entered: Some(1), ..IDLE });
    assert_eq!(stage.look().await, Look { emptied: Some(2), ..IDLE });
    assert_eq!(stage.kept().await, [1]);
    stage.minutes_pass(60).await;
    assert_eq!(stage.look().await, Look { emptied: Some(0), entered: Some(2), ..IDLE });
    assert_eq!(stage.kept().await, [0_i64; 0]);
}

#[tokio::test]
async fn a_reader_delays_the_rotation_and_nobody_queues_behind_it() {
    let stage = Stage::with_a_slot_left().await;
    stage.publish(1).await;
    assert_eq!(stage.look().await, IDLE, "settled");
    stage.minutes_pass(60).await;
    let mut dump = stage.database.begin().await.unwrap();
    dump.execute("SELECT FROM messaging.outbox").await.unwrap();
    assert_eq!(stage.look().await, Look { locked: Some(true), entered: Some(2), ..IDLE });
    let mut other = stage.database.begin().await.unwrap();
    other.execute("LOCK TABLE messaging.outbox IN ROW EXCLUSIVE MODE NOWAIT").await.unwrap();
    assert_eq!(stage.kept().await, [1]);
    drop((dump, other));
    let emptied = bowline_test_support::eventually("the lock is gone", crate::stage::PATIENCE, async || {
        stage.look().await.emptied
    });
    assert_eq!(emptied.await, 0);
}

#[tokio::test]
async fn of_two_replicas_one_rotates() {
    let stage = Stage::with_a_slot_left().await;
    stage.publish(1).await;
    assert_eq!(stage.look().await, IDLE, "settled");
    stage.minutes_pass(60).await;
    let mut first = stage.database.begin().await.unwrap();
    assert_eq!(look(&mut first).await.unwrap().emptied, Some(0));
    assert_eq!(stage.look().await, Look::default(), "the other is at it");
    // A crash before the commit leaves everything as it was.
    drop(first);
    let done = bowline_test_support::eventually("the other is gone", crate::stage::PATIENCE, async || {
        Some(stage.look().await).filter(|look| look.looked.is_some())
    });
    assert_eq!(done.await, Look { emptied: Some(0), entered: Some(2), ..IDLE });
}

#[tokio::test]
async fn who_does_not_see_the_present_may_not_rotate() {
    let stage = Stage::with_a_slot_left().await;
    let mut connection = stage.service.connect().await;
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        connection.execute(AssertSqlSafe(format!("BEGIN ISOLATION LEVEL {level}"))).await.unwrap();
        let refused = look(&mut connection).await.unwrap_err();
        assert_eq!(code(refused).as_deref(), Some("25000"), "{level}");
        connection.execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn a_service_may_rotate_but_neither_truncate_nor_choose_the_slot() {
    let stage = Stage::new().await;
    stage.append(1).await;
    let mut connection = stage.service.connect().await;
    for forbidden in [
        "TRUNCATE messaging.outbox",
        "TRUNCATE messaging.outbox_0",
        "DELETE FROM messaging.outbox",
        "UPDATE messaging.outbox SET slot = 1",
        "UPDATE messaging.outbox_slot SET slot = 1",
        "UPDATE messaging.outbox_slots SET settled_at = now()",
        "SELECT messaging.outbox_tops(0::smallint)",
        "SET ROLE bowline_auditor_role",
    ] {
        let error = connection.execute(forbidden).await.expect_err(forbidden);
        assert_eq!(code(error).as_deref(), Some("42501"), "{forbidden}");
    }
    // What a caller has called like a table or a function of the rotation is not what it finds.
    let decoy = "CREATE TEMP TABLE outbox_slots (slot smallint); CREATE TEMP TABLE published (lane int, sequence int8);
                 SET search_path = pg_temp, messaging";
    match connection.execute(decoy).await {
        Ok(_) => {}
        Err(error) => assert_eq!(code(error).as_deref(), Some("42501"), "it may not even make some"),
    }
    assert_eq!(look(&mut connection).await.unwrap(), IDLE);
    let all: BTreeSet<i64> = stage.kept().await.into_iter().collect();
    assert_eq!(all, [1].into());
}

#[tokio::test]
async fn a_lock_is_waited_for_as_long_as_told_whatever_the_session_says() {
    let stage = Stage::new().await;
    let mut connection = stage.service.connect().await;
    connection.execute("SET lock_timeout = 0; SET statement_timeout = '30s'").await.unwrap();
    let mut owner = stage.service.owner().await;
    owner.execute("BEGIN; LOCK TABLE messaging.outbox_slot IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let refused = look(&mut connection).await.unwrap_err();
    assert_eq!(code(refused).as_deref(), Some(sqlstate::LOCK_NOT_AVAILABLE));
    owner.execute("ROLLBACK").await.unwrap();
    assert_eq!(look(&mut connection).await.unwrap(), IDLE);
    let left: String = sqlx::query_scalar("SHOW lock_timeout").fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, "0", "the session's own setting is back");
}
