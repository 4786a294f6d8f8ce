use std::time::Duration;

use bowline_service::{Grpc, Service, ServiceError};
use futures::StreamExt as _;
use tokio::sync::watch;
use tonic::{Code, Request, Streaming};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_types::StatusExt as _;

use crate::echo::{MESSAGE_SIZE_MAX, call, send};
use crate::running::{settings, start, start_with};

#[tokio::test]
async fn a_call_is_answered_and_has_its_callers_trace_id() {
    let service = start(&[]).await;
    assert_eq!(call(&service.channel, "Say", "hello").await.expect("answers"), "hello");
    let mut request = Request::new(String::new());
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().expect("ASCII");
    request.metadata_mut().insert("traceparent", parent);
    let id = send(&service.channel, "Trace", request).await.expect("answers");
    assert_eq!(id, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(call(&service.channel, "Trace", "").await.expect("answers").len(), 32);
}

#[tokio::test]
async fn reflection_shows_what_is_served_and_nothing_else() {
    let service = start(&[]).await;
    let mut client = ServerReflectionClient::new(service.channel.clone());
    let list = MessageRequest::ListServices(String::new());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let asked = futures::stream::iter([request]).chain(futures::stream::pending());
    let mut answers = client.server_reflection_info(asked).await.expect("is there").into_inner();
    let answer = answers.message().await.expect("answers").expect("once").message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else {
        panic!("expected a list, got {answer:?}");
    };
    let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    let expected = [
        "bowline.common.v1.StatusService",
        "bowline.test.v1.EchoService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    ];
    assert_eq!(names, expected);
}

/// Waits until a watch tells `wanted`.
async fn told(states: &mut Streaming<HealthCheckResponse>, wanted: ServingStatus) {
    while let Some(state) = states.message().await.expect("goes on") {
        if state.status() == wanted {
            return;
        }
    }
    panic!("the watch ended before {wanted:?}");
}

#[tokio::test]
async fn health_follows_readiness() {
    let service = start(&[]).await;
    for name in ["", "bowline.test.v1.EchoService"] {
        let mut client = HealthClient::new(service.channel.clone());
        let request = HealthCheckRequest { service: name.into() };
        let mut states = client.watch(request).await.expect("is watched").into_inner();
        told(&mut states, ServingStatus::Serving).await;
        service.check.set_not_ready("no database answers");
        told(&mut states, ServingStatus::NotServing).await;
        service.check.set_ready();
        told(&mut states, ServingStatus::Serving).await;
    }
}

#[tokio::test]
async fn a_panic_and_a_bug_are_internal_errors_without_text() {
    let service = start(&[]).await;
    for method in ["Panic", "Fail"] {
        let status = call(&service.channel, method, "").await.expect_err("fails");
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().starts_with("internal error, correlation id "), "{status}");
        let info = status.get_details_error_info().expect("has an ErrorInfo");
        assert!(info.metadata.contains_key("correlation_id"));
    }
    assert!(call(&service.channel, "Say", "").await.is_ok(), "the connection lives on");
}

#[tokio::test]
async fn a_thousand_violations_reach_the_caller_as_one_answer() {
    let service = start(&[]).await;
    for (description, named) in [("must be between 1 and 100000, was 0".to_owned(), 20), ("é".repeat(150), 6)]
    {
        let status = call(&service.channel, "Refuse", &description).await.expect_err("is refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        let violations = status.get_details_bad_request().expect("has violations").field_violations;
        assert_eq!(violations.len(), named + 1);
        assert_eq!(violations[named].description, format!("has {} more violations", 1_000 - named));
    }
    assert!(call(&service.channel, "Say", "").await.is_ok(), "the connection lives on");
}

#[tokio::test]
async fn a_message_that_is_too_large_names_the_limit() {
    let service = start(&["--message-size-max", "4KiB"]).await;
    let text = "x".repeat(MESSAGE_SIZE_MAX);
    let status = call(&service.channel, "Say", &text).await.expect_err("is refused");
    assert_eq!(status.code(), Code::InvalidArgument);
    let violations = status.get_details_bad_request().expect("has violations").field_violations;
    assert_eq!(violations[0].field, "request");
    assert_eq!(violations[0].description, "must have at most 4096 bytes");
}

#[tokio::test]
async fn a_call_past_the_time_limit_ends() {
    let service = start(&["--request-timeout", "1ms"]).await;
    let status = call(&service.channel, "Wait", "").await.expect_err("ends");
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(status.get_details_error_info().expect("has an ErrorInfo").reason, "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn the_health_of_a_dependency_is_told_under_its_name_and_is_not_readiness() {
    let (sender, state) = watch::channel("fine");
    let grpc = Grpc::new(&[]).health("ledger", state, |state| *state == "fine");
    let service = start_with(&[], |service| service.grpc(grpc)).await;
    let mut client = HealthClient::new(service.channel.clone());
    let request = HealthCheckRequest { service: "ledger".into() };
    let mut states = client.watch(request).await.expect("is watched").into_inner();
    told(&mut states, ServingStatus::Serving).await;
    sender.send_replace("on fire");
    told(&mut states, ServingStatus::NotServing).await;
    assert!(service.readiness.is_ready());
    sender.send_replace("fine");
    told(&mut states, ServingStatus::Serving).await;
    drop(sender);
    told(&mut states, ServingStatus::Unknown).await;
}

#[tokio::test]
async fn too_many_calls_are_refused_at_once_but_health_answers() {
    let mut service = start(&["--requests-in-flight-max", "1"]).await;
    let (channel, gate) = (service.channel.clone(), service.steering.gate.clone());
    let meanwhile = async {
        service.steering.entered.recv().await.expect("the call came in");
        let status = call(&service.channel, "Say", "").await.expect_err("no place");
        let mut health = HealthClient::new(service.channel.clone());
        let healthy = health.check(HealthCheckRequest::default()).await;
        gate.add_permits(1);
        (status, healthy)
    };
    let (waited, (status, healthy)) = tokio::join!(call(&channel, "Wait", ""), meanwhile);
    assert_eq!(waited.expect("is finished"), "waited");
    assert_eq!(healthy.expect("answers").into_inner().status(), ServingStatus::Serving);
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.get_details_error_info().expect("has an ErrorInfo").reason, "OVERLOADED");
    let retry = status.get_details_retry_info().expect("has a RetryInfo");
    assert!(retry.retry_delay.is_some_and(|wait| wait > Duration::ZERO));
    assert!(call(&service.channel, "Say", "").await.is_ok(), "the place is free again");
}

#[tokio::test]
async fn one_connection_carries_as_many_calls_as_there_are_places() {
    const CALLS: usize = 500;
    let mut service = start(&["--requests-in-flight-max", "500"]).await;
    let (channel, gate) = (service.channel.clone(), service.steering.gate.clone());
    let calls = futures::future::join_all((0..CALLS).map(|_| call(&channel, "Wait", "")));
    let all_in = async {
        for _ in 0..CALLS {
            service.steering.entered.recv().await.expect("the call came in");
        }
        gate.add_permits(CALLS);
    };
    let (answers, ()) = tokio::join!(calls, all_in);
    assert!(answers.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_taken_address_is_named_with_its_flag() {
    let first = Service::start("test", settings(&[])).await.expect("free ports").grpc(Grpc::new(&[]));
    let taken = first.grpc_address().to_string();
    let error = Service::start("test", settings(&["--instance-id", "second", "--drain-grace", "1s"])).await;
    assert!(error.is_ok(), "other ports are free");
    let mut again = settings(&[]);
    again.listen.grpc = first.grpc_address();
    let error = Service::start("test", again).await.expect_err("taken");
    assert!(matches!(error, ServiceError::Listen { flag: "--grpc-listen", .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("cannot listen on {taken}; choose another one with --grpc-listen"));
}
