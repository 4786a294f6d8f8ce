//! Starts a service for one test.

use std::net::SocketAddr;

use bowline_config::parse_from;
use bowline_service::{
    Background, Check, Grpc, Readiness, Service, ServiceError, ServiceOptions, ServiceSettings, SignalSender,
    Signals,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tonic::transport::{Channel, Endpoint};

use crate::echo::{Echo, Steering, descriptors};

#[derive(clap::Parser, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) service: ServiceOptions,
}

pub(crate) struct Running {
    pub(crate) http: SocketAddr,
    pub(crate) channel: Channel,
    pub(crate) readiness: Readiness,
    pub(crate) background: Background,
    pub(crate) check: Check,
    pub(crate) signals: SignalSender,
    pub(crate) steering: Steering,
    outcome: JoinHandle<Result<(), ServiceError>>,
}

pub(crate) fn settings(more: &[&str]) -> ServiceSettings {
    let arguments = ["test", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];
    parse_from([&arguments, more].concat(), |options: Options, faults| options.service.check(faults))
        .expect("good options")
}

pub(crate) async fn start(more: &[&str]) -> Running {
    start_with(more, |service| service).await
}

/// Starts a service with one check, which is ready, and waits until it serves.
pub(crate) async fn start_with(more: &[&str], extend: impl FnOnce(Service) -> Service) -> Running {
    let service = Service::start("test", settings(more)).await.expect("free ports");
    let (readiness, background) = (service.readiness(), service.background());
    let check = readiness.register("database");
    check.set_ready();
    let (http, grpc) = (service.http_address(), service.grpc_address());
    let (echo, steering) = Echo::new();
    let service = extend(service.grpc(Grpc::new(descriptors()).add_service(echo)));
    let (signals, receiver) = Signals::by_hand();
    let outcome = TaskTracker::new().spawn(service.run_until(receiver));
    readiness.watch().wait_for(|ready| *ready).await.expect("the service lives");
    let channel = Endpoint::from_shared(format!("http://{grpc}")).expect("an address").connect_lazy();
    Running { http, channel, readiness, background, check, signals, steering, outcome }
}

impl Running {
    pub(crate) async fn ended(self) -> Result<(), ServiceError> {
        self.outcome.await.expect("does not panic")
    }

    /// Status code and JSON body of a probe.
    pub(crate) async fn probe(&self, path: &str) -> (u16, serde_json::Value) {
        probe(self.http, path).await
    }
}

pub(crate) async fn probe(address: SocketAddr, path: &str) -> (u16, serde_json::Value) {
    let (head, body) = get(address, path).await;
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
    (code, serde_json::from_str(&body).expect("JSON"))
}

/// Head and body of an answer.
pub(crate) async fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut connection = TcpStream::connect(address).await.expect("answers");
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.expect("takes the request");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("answers in text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    (head.to_owned(), body.to_owned())
}
