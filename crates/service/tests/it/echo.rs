//! A gRPC service to be called by the tests, and its client. Requests and answers are `google.protobuf.StringValue`.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bowline_service::{ApiError, TraceId, Violations};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use http::uri::PathAndQuery;
use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto};
use tokio::sync::{Semaphore, mpsc};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

pub(crate) const MESSAGE_SIZE_MAX: usize = 4_096;

#[derive(Clone)]
pub(crate) struct Echo {
    entered: mpsc::UnboundedSender<()>,
    gate: Arc<Semaphore>,
}

/// Steers the calls to `Wait`: tells when one has come in, and lets them go on.
pub(crate) struct Steering {
    pub(crate) entered: mpsc::UnboundedReceiver<()>,
    pub(crate) gate: Arc<Semaphore>,
}

type Codec = ProstCodec<String, String>;

impl Echo {
    pub(crate) fn new() -> (Self, Steering) {
        let (sender, entered) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        (Self { entered: sender, gate: Arc::clone(&gate) }, Steering { entered, gate })
    }

    async fn answer(self, method: String, request: Request<String>) -> Result<Response<String>, Status> {
        match method.as_str() {
            "Say" => Ok(Response::new(request.into_inner())),
            "Trace" => {
                let id = request.extensions().get::<TraceId>().expect("every call has one");
                Ok(Response::new(id.to_string()))
            }
            "Wait" => {
                self.entered.send(()).expect("the test listens");
                let _gate = self.gate.acquire().await.expect("never closed");
                Ok(Response::new("waited".into()))
            }
            "Panic" => panic!("on purpose"),
            "Fail" => Err(ApiError::internal("text that no caller may see").into()),
            "Refuse" => {
                let mut violations = Violations::new();
                for index in 0..1_000 {
                    violations.add(&format!("lines[{index}].note"), request.get_ref().as_str());
                }
                Err(violations.finish().expect_err("all are wrong").into())
            }
            _ => Err(Status::unimplemented(method)),
        }
    }
}

impl NamedService for Echo {
    const NAME: &'static str = "bowline.test.v1.EchoService";
}

impl tower::Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            let mut grpc = tonic::server::Grpc::new(Codec::default())
                .apply_max_message_size_config(Some(MESSAGE_SIZE_MAX), None);
            let response = if method == "Stream" {
                grpc.server_streaming(tower::service_fn(one_and_no_more), request).await
            } else {
                let unary = move |request| echo.clone().answer(method.clone(), request);
                grpc.unary(tower::service_fn(unary), request).await
            };
            Ok(response)
        })
    }
}

/// A stream like that of a watch: it stays open.
async fn one_and_no_more(
    request: Request<String>,
) -> Result<Response<BoxStream<'static, Result<String, Status>>>, Status> {
    let first = stream::iter([Ok(request.into_inner())]);
    Ok(Response::new(first.chain(stream::pending()).boxed()))
}

pub(crate) async fn call(channel: &Channel, method: &str, text: &str) -> Result<String, Status> {
    send(channel, method, Request::new(text.to_owned())).await
}

pub(crate) async fn send(
    channel: &Channel,
    method: &str,
    request: Request<String>,
) -> Result<String, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    client.unary(request, path(method), Codec::default()).await.map(Response::into_inner)
}

pub(crate) async fn open_stream(channel: &Channel, text: &str) -> Result<Streaming<String>, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let request = Request::new(text.to_owned());
    client.server_streaming(request, path("Stream"), Codec::default()).await.map(Response::into_inner)
}

fn path(method: &str) -> PathAndQuery {
    format!("/{}/{method}", Echo::NAME).parse().expect("a valid path")
}

/// What reflection has to show, and beside it a service that this process does not serve.
pub(crate) fn descriptors() -> &'static [u8] {
    let method = |name: &str| MethodDescriptorProto {
        name: Some(name.into()),
        input_type: Some(".google.protobuf.StringValue".into()),
        output_type: Some(".google.protobuf.StringValue".into()),
        server_streaming: Some(name == "Stream"),
        ..MethodDescriptorProto::default()
    };
    let service = |name: &str| ServiceDescriptorProto {
        name: Some(name.into()),
        method: ["Say", "Refuse", "Panic", "Stream"].map(method).into(),
        ..ServiceDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("bowline/test/v1/echo.proto".into()),
        package: Some("bowline.test.v1".into()),
        service: vec![service("EchoService"), service("ForeignService")],
        syntax: Some("proto3".into()),
        ..FileDescriptorProto::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec().leak()
}
