use std::future::pending;
use std::io::Error;
use std::sync::{Arc, Mutex};

use bowline_service::ServiceError;
use tokio::sync::oneshot;
use tonic::Code;

use crate::echo::{call, open_stream};
use crate::running::{start, start_with};

#[tokio::test]
async fn a_drain_answers_what_is_in_flight_then_runs_its_steps_then_stops_the_tasks() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let note = |what| {
        let order = Arc::clone(&order);
        move || order.lock().expect("not poisoned").push(what)
    };
    let (executor, relay, task, answered) = (note("executor"), note("relay"), note("task"), note("answered"));
    let mut service = start_with(&[], |service| {
        let stopping = service.background().stopping();
        service.background().spawn("task", async move {
            stopping.cancelled().await;
            task();
            Ok::<_, Error>(())
        });
        service.on_drain("executor", async move { executor() }).on_drain("relay", async move { relay() })
    })
    .await;
    let (channel, gate) = (service.channel.clone(), service.steering.gate.clone());
    let mut ready = service.readiness.watch();
    let steer = async {
        service.steering.entered.recv().await.expect("the call came in");
        service.signals.send();
        ready.wait_for(|ready| !ready).await.expect("the service lives");
        let (code, body) = service.probe("/readyz").await;
        assert_eq!((code, body["status"].as_str()), (503, Some("draining")));
        answered();
        gate.add_permits(1);
    };
    let (waited, ()) = tokio::join!(call(&channel, "Wait", ""), steer);
    assert_eq!(waited.expect("is finished"), "waited");
    service.ended().await.expect("a clean drain");
    assert_eq!(*order.lock().expect("not poisoned"), ["answered", "executor", "relay", "task"]);
    assert!(call(&channel, "Say", "").await.is_err(), "nothing is accepted any more");
}

#[tokio::test]
async fn an_open_stream_does_not_hold_the_drain() {
    let service = start(&["--drain-timeout", "1h"]).await;
    let mut stream = open_stream(&service.channel, "first").await.expect("opens");
    assert_eq!(stream.message().await.expect("goes on"), Some("first".into()));
    service.signals.send();
    let status = stream.message().await.expect_err("the stream ends with a status");
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "this server is stopping"));
    service.ended().await.expect("a clean drain");
}

#[tokio::test]
async fn the_deadline_bounds_the_drain_and_names_what_it_waited_for() {
    let service =
        start_with(&["--drain-timeout", "1s"], |service| service.on_drain("relay", pending())).await;
    service.signals.send();
    let error = service.ended().await.expect_err("takes too long");
    assert!(matches!(error, ServiceError::DrainTimeout { waiting_for: "relay", .. }), "{error:?}");
}

#[tokio::test]
async fn a_second_signal_ends_the_drain_at_once() {
    let (reached, at_relay) = oneshot::channel();
    let service = start_with(&["--drain-timeout", "1h"], |service| {
        service.on_drain("relay", async move {
            reached.send(()).expect("the test waits");
            pending::<()>().await;
        })
    })
    .await;
    service.signals.send();
    at_relay.await.expect("the step runs");
    service.signals.send();
    let error = service.ended().await.expect_err("is interrupted");
    assert!(matches!(error, ServiceError::Interrupted { waiting_for: "relay" }), "{error:?}");
}

#[tokio::test]
async fn new_calls_are_taken_during_the_grace_time() {
    let service = start(&["--drain-timeout", "2h", "--drain-grace", "1h"]).await;
    let mut ready = service.readiness.watch();
    service.signals.send();
    ready.wait_for(|ready| !ready).await.expect("the service lives");
    assert_eq!(call(&service.channel, "Say", "late").await.expect("still answers"), "late");
    service.signals.send();
    let error = service.ended().await.expect_err("is interrupted");
    assert!(matches!(error, ServiceError::Interrupted { waiting_for: "the grace time" }), "{error:?}");
}

#[tokio::test]
async fn a_task_that_fails_ends_the_service() {
    let service = start(&[]).await;
    service.background.spawn("relay", async { Err(Error::other("no broker")) });
    let error = service.ended().await.expect_err("fails fast");
    assert_eq!(error.to_string(), "the background task \"relay\" failed: no broker");
}

#[tokio::test]
async fn a_task_that_panics_ends_the_service() {
    let service = start(&[]).await;
    service.background.spawn("relay", async { panic!("on purpose") as Result<(), Error> });
    let error = service.ended().await.expect_err("fails fast");
    assert_eq!(error.to_string(), "the background task \"relay\" failed: it panicked");
}

#[tokio::test]
async fn a_task_that_ends_too_early_ends_the_service() {
    let service = start(&[]).await;
    service.background.spawn("relay", async { Ok::<_, Error>(()) });
    let error = service.ended().await.expect_err("fails fast");
    assert_eq!(
        error.to_string(),
        "the background task \"relay\" failed: it ended although nobody stopped it"
    );
}

#[tokio::test]
async fn a_task_that_fails_while_it_is_stopped_is_told() {
    let service = start_with(&[], |service| {
        let stopping = service.background().stopping();
        service.background().spawn("relay", async move {
            stopping.cancelled().await;
            Err(Error::other("could not flush"))
        });
        service
    })
    .await;
    service.signals.send();
    let error = service.ended().await.expect_err("fails");
    assert_eq!(error.to_string(), "the background task \"relay\" failed: could not flush");
}
