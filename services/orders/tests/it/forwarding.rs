//! Calls about orders that another replica owns.

use std::time::Duration;

use bowline_contracts::orders::v1::{self, CancelOrderRequest, CancelReason, OrderStatus};
use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use bowline_service::Forwards;
use bowline_test_support::eventually;
use tokio::net::TcpListener;
use tonic::{Code, Request, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::expiring::PATIENCE;
use crate::owner::{LEASES, Owner, PATIENT, calls_the_owner, owned_by};
use crate::running::{HEART, Running, reason, request, start_with};
use crate::stage::{TRACE, new_request};

/// Two replicas that own half of the partitions each, and know it.
async fn two() -> (Running, Running) {
    let options = [LEASES, PATIENT].concat();
    let one = start_with(&options).await;
    let other = one.beside(&options).await;
    eventually("they share the partitions", PATIENCE, async || {
        let shares: Vec<i64> =
            sqlx::query_scalar("SELECT count(*) FROM messaging.leases GROUP BY holder, address")
                .fetch_all(&mut one.owner().await)
                .await
                .unwrap();
        let half = i64::from(PARTITIONS) / 2;
        (shares == [half, half]).then_some(())
    })
    .await;
    calls_the_owner(&one).await;
    calls_the_owner(&other).await;
    (one, other)
}

/// Where the replica is that owns an order.
async fn address_of_owner(running: &Running, order_id: &str) -> String {
    let partition = partition::of_key(order_id.parse().unwrap(), PARTITIONS);
    sqlx::query_scalar("SELECT address FROM messaging.leases WHERE partition = $1")
        .bind(partition.cast_signed())
        .fetch_one(&mut running.owner().await)
        .await
        .unwrap()
}

/// The types of an order's stored events.
async fn history(running: &Running, order_id: &str) -> Vec<String> {
    sqlx::query_scalar("SELECT type FROM event_store.events WHERE stream_id = $1::uuid ORDER BY version")
        .bind(order_id)
        .fetch_all(&mut running.owner().await)
        .await
        .unwrap()
}

/// How the counts have changed while something was done.
async fn counted<T>(running: &Running, doing: impl Future<Output = T>) -> (T, Forwards) {
    let before = *running.forwards.borrow();
    let done = doing.await;
    let now = *running.forwards.borrow();
    let change = Forwards {
        answered: now.answered - before.answered,
        fallen_back: now.fallen_back - before.fallen_back,
        received: now.received - before.received,
    };
    (done, change)
}

const NONE: Forwards = Forwards { answered: 0, fallen_back: 0, received: 0 };
const ANSWERED: Forwards = Forwards { answered: 1, ..NONE };
const FALLEN_BACK: Forwards = Forwards { fallen_back: 1, ..NONE };

/// Places an order and cancels it, both through this replica.
async fn place_and_cancel(running: &Running) -> (String, Result<v1::Order, Status>, Forwards) {
    let placed = running.place(request(HEART, 3)).await.unwrap();
    let request_id = new_request().to_string();
    let (answer, counts) = counted(running, running.cancel(&request_id, &placed.order_id)).await;
    (placed.order_id, answer, counts)
}

fn assert_cancelled(answer: Result<v1::Order, Status>) {
    let order = answer.unwrap();
    assert_eq!((order.status(), order.cancel_reason()), (OrderStatus::Cancelled, CancelReason::Customer));
    assert_eq!(order.version, 2);
}

#[tokio::test]
async fn an_order_is_owned_by_the_replica_that_took_it_and_cancelled_there_whoever_is_called() {
    let (one, other) = two().await;
    for (here, there) in [(&one, &other), (&other, &one), (&one, &other), (&other, &one)] {
        let placed = here.place(request(HEART, 3)).await.unwrap();
        assert_eq!(address_of_owner(here, &placed.order_id).await, here.address);

        let request_id = new_request().to_string();
        let cancelling = counted(there, there.cancel(&request_id, &placed.order_id));
        let ((answer, sent), received) = counted(here, cancelling).await;
        assert_eq!((sent, received), (ANSWERED, Forwards { received: 1, ..NONE }));
        let cancelled = answer.unwrap();
        assert_cancelled(Ok(cancelled.clone()));

        // The same again where it is owned, and a new one where it is not.
        let (again, counts) = counted(here, here.cancel(&request_id, &placed.order_id)).await;
        assert_eq!((again.unwrap(), counts), (cancelled, NONE));
        let refused = there.cancel(&new_request().to_string(), &placed.order_id).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert_eq!(reason(&refused), "ORDER_ALREADY_CANCELLED");
    }
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_repeated_order_is_answered_by_any_replica_as_it_was_by_the_first() {
    let (one, other) = two().await;
    let place = request(HEART, 3);
    let placed = one.place(place.clone()).await.unwrap();
    assert_eq!(other.place(place.clone()).await.unwrap(), placed);
    assert_cancelled(other.cancel(&new_request().to_string(), &placed.order_id).await);
    for replica in [&one, &other] {
        assert_eq!(replica.place(place.clone()).await.unwrap(), placed);
    }
    let changed = v1::PlaceOrderRequest { customer_id: "other".into(), ..place };
    assert_eq!(reason(&other.place(changed).await.unwrap_err()), "REQUEST_ID_REUSED");
    assert_eq!(one.orders().await, 1);
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn what_the_owner_answers_is_the_answer_and_nothing_is_executed_here() {
    let owner = Owner::open().await;
    let running = owner.with_another(&PATIENT).await;
    let (order_id, answer, counts) = place_and_cancel(&running).await;
    assert_eq!((answer.unwrap().customer_id.as_str(), counts), ("of the owner", ANSWERED));
    assert_eq!(history(&running, &order_id).await, ["order_placed"]);

    let details = ErrorDetails::with_error_info("ON_A_WHIM", "bowline.dev", [("mood".into(), "bad".into())]);
    let refusal = Status::with_error_details(Code::FailedPrecondition, "not today", details);
    owner.does(move |_| std::future::ready(Err(refusal.clone())));
    let (order_id, answer, counts) = place_and_cancel(&running).await;
    let refused = answer.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message(), counts),
        (Code::FailedPrecondition, "not today", ANSWERED)
    );
    let info = refused.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.metadata["mood"].as_str()), ("ON_A_WHIM", "bad"));
    assert_eq!(history(&running, &order_id).await, ["order_placed"]);

    // What cannot be asked is not asked.
    owner.heard();
    let refused = running.cancel("no id", &order_id).await.unwrap_err();
    assert_eq!((refused.code(), owner.heard().len()), (Code::InvalidArgument, 0));
    running.stop().await;
}

#[tokio::test]
async fn what_is_no_answer_of_the_owner_has_the_call_executed_here() {
    let owner = Owner::open().await;
    // None of these may keep the next one from being tried.
    let breaker = ["--breaker-failure-rate", "1", "--breaker-calls-min", "50"];
    let running = owner.with_another(&[breaker, PATIENT].concat()).await;
    let ours = |code| {
        let details = ErrorDetails::with_error_info("SOMETHING", "bowline.dev", []);
        Status::with_error_details(code, "as the test says", details)
    };
    let somebody_else = ErrorDetails::with_error_info("SOMETHING", "elsewhere.example", []);
    let failures = [
        Status::unimplemented("this is another service"),
        Status::not_found("this is no service of ours at all"),
        Status::with_error_details(Code::FailedPrecondition, "nor is this", somebody_else),
        ours(Code::Unavailable),
        ours(Code::DeadlineExceeded),
    ];
    for failure in failures {
        let shown = failure.to_string();
        owner.does(move |_| std::future::ready(Err(failure.clone())));
        let (_, answer, counts) = place_and_cancel(&running).await;
        assert_eq!((counts, owner.heard().len()), (FALLEN_BACK, 1), "{shown}");
        assert_cancelled(answer);
    }
    running.stop().await;
}

#[tokio::test]
async fn while_the_owner_cannot_be_reached_the_call_is_executed_here() {
    // Nobody listens there, or it is no address.
    for address in ["127.0.0.1:1", "no address at all:-1"] {
        let running = owned_by(address, &PATIENT).await;
        let (_, answer, counts) = place_and_cancel(&running).await;
        assert_eq!(counts, FALLEN_BACK, "{address}");
        assert_cancelled(answer);
        running.stop().await;
    }
}

/// A process that is stopped takes connections, by the hand of its system, and says nothing on them.
#[tokio::test]
async fn an_owner_that_hangs_leaves_the_caller_half_of_its_time() {
    let hung = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = hung.local_addr().unwrap().to_string();
    // The circuit breaker has no part in it.
    let breaker = ["--breaker-calls-min", "50"];
    let patience = ["--forward-timeout", "1h", "--request-timeout", "4s"];
    let running = owned_by(&address, &[&breaker[..], &patience[..]].concat()).await;
    let (_, answer, counts) = place_and_cancel(&running).await;
    assert_eq!(counts, FALLEN_BACK);
    assert_cancelled(answer);
    running.stop().await;
}

#[tokio::test]
async fn an_owner_that_hangs_again_and_again_is_not_waited_for_any_more() {
    let owner = Owner::open().await;
    let breaker =
        ["--breaker-window-calls", "4", "--breaker-calls-min", "4", "--breaker-failure-rate", "0.5"];
    let patience = ["--breaker-open-time", "1h", "--forward-timeout", "300ms"];
    let running = owner.with_another(&[&breaker[..], &patience[..]].concat()).await;
    owner.does(|_| std::future::pending());
    for _ in 0..8 {
        let (_, answer, counts) = place_and_cancel(&running).await;
        assert_eq!(counts, FALLEN_BACK);
        assert_cancelled(answer);
    }
    assert!(owner.heard().len() <= 4, "the circuit breaker has opened by then");
    running.stop().await;
}

#[tokio::test]
async fn a_call_that_was_forwarded_is_not_forwarded_again() {
    let owner = Owner::open().await;
    let running = owner.with_another(&PATIENT).await;
    // The owner takes this replica for the owner.
    let client = running.client.clone();
    owner.does(move |request| {
        let mut client = client.clone();
        async move { client.cancel_order(request).await }
    });
    let (order_id, answer, counts) = place_and_cancel(&running).await;
    assert_eq!(owner.heard().len(), 1);
    assert_eq!(counts, Forwards { answered: 1, received: 1, ..NONE });
    assert_cancelled(answer);
    assert_eq!(history(&running, &order_id).await, ["order_placed", "order_cancelled"]);
    running.stop().await;
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_takes_effect_once() {
    let owner = Owner::open().await;
    let running = owner.with_another(&PATIENT).await;
    let client = running.client.clone();
    owner.does(move |request| {
        let mut client = client.clone();
        async move {
            client.cancel_order(request).await.unwrap();
            Err(Status::unavailable("the connection broke"))
        }
    });
    let (order_id, answer, counts) = place_and_cancel(&running).await;
    assert_eq!(counts, Forwards { fallen_back: 1, received: 1, ..NONE });
    assert_cancelled(answer);
    assert_eq!(history(&running, &order_id).await, ["order_placed", "order_cancelled"]);
    running.stop().await;
}

/// A time as the protocol writes it.
fn time(text: &str) -> Duration {
    let (digits, unit) = text.split_at(text.len() - 1);
    let amount: u64 = digits.parse().unwrap();
    match unit {
        "n" => Duration::from_nanos(amount),
        "u" => Duration::from_micros(amount),
        "m" => Duration::from_millis(amount),
        "S" => Duration::from_secs(amount),
        _ => panic!("not expected here: {text}"),
    }
}

#[tokio::test]
async fn deadline_and_trace_of_the_caller_go_with_its_call() {
    let owner = Owner::open().await;
    let running = owner.with_another(&["--forward-timeout", "7s", "--request-timeout", "60s"]).await;
    let limits = [
        (None, Duration::from_secs(7)),
        (Some(Duration::from_secs(10)), Duration::from_secs(5)),
        (Some(Duration::from_mins(2)), Duration::from_secs(7)),
    ];
    for (callers, limit) in limits {
        let cancel = CancelOrderRequest {
            request_id: new_request().to_string(),
            order_id: crate::stage::new_order().to_string(),
        };
        let mut asked = Request::new(cancel);
        asked.metadata_mut().insert("traceparent", TRACE.parse().unwrap());
        if let Some(callers) = callers {
            asked.set_timeout(callers);
        }
        running.client.clone().cancel_order(asked).await.unwrap();
        let heard = owner.heard();
        let came_with = |name| heard[0].get(name).map(|value| value.to_str().unwrap());
        assert_eq!((heard.len(), came_with("traceparent")), (1, Some(TRACE)));
        let given = time(came_with("grpc-timeout").unwrap());
        assert!(given <= limit && given > limit / 2, "{given:?} of {callers:?}");
    }
    running.stop().await;
}
