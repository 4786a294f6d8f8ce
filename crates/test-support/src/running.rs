//! A service in the process of a test.

use std::net::SocketAddr;

use bowline_service::{Service, ServiceError, SignalSender, Signals};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

/// A service that runs until it is told to stop, or dropped.
#[derive(Debug)]
pub struct Running {
    grpc_address: SocketAddr,
    http_address: SocketAddr,
    signals: SignalSender,
    outcome: JoinSet<Result<(), ServiceError>>,
}

impl Running {
    /// Runs what a bootstrap has wired.
    pub fn start(service: Service) -> Self {
        let (grpc_address, http_address) = (service.grpc_address(), service.http_address());
        let (signals, receiver) = Signals::by_hand();
        let mut outcome = JoinSet::new();
        outcome.spawn(service.run_until(receiver));
        Self { grpc_address, http_address, signals, outcome }
    }

    /// A connection to its gRPC, made with the first call.
    pub fn channel(&self) -> Channel {
        let address = format!("http://{}", self.grpc_address);
        Endpoint::from_shared(address).expect("an address is a URL").connect_lazy()
    }

    /// What its HTTP answers at `path`, head and all.
    pub async fn page(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.http_address).await.expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nhost: bowline\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers in text");
        answer
    }

    /// Begins to stop it, as the first SIGTERM does.
    pub fn begin_to_stop(&self) {
        self.signals.send();
    }

    /// Waits for the end of its drain.
    pub async fn ended(mut self) {
        let ended = self.outcome.join_next().await.expect("it was started");
        ended.expect("it does not panic").expect("it drains in time");
    }
}
