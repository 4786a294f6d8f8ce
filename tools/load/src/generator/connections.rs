//! HTTP/2 connections to the services, few and shared.

use std::num::NonZeroUsize;
use std::time::Duration;

use tonic::Request;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};

/// A trace that is not sampled (W3C Trace Context, level 1): who respects it makes no spans.
const UNSAMPLED: &str = "00-626f776c696e652d6c6f61642d67656e-72657175657374ff-00";
/// Windows wide enough that no answer ever waits for an update.
const WINDOW_BYTES: u32 = 4 << 20;

/// Text that is no address of a gRPC server.
#[derive(Debug, thiserror::Error)]
#[error("{address:?} is not an address such as http://127.0.0.1:7001")]
pub struct InvalidAddress {
    /// The text.
    pub address: String,
    /// What is wrong with it.
    pub source: tonic::transport::Error,
}

/// How connections are made and when they are given up.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionSettings {
    /// The number of connections to each address.
    pub per_address: NonZeroUsize,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long one try of a call may take.
    pub call_timeout: Duration,
    /// A connection that is silent for so long is asked for a sign of life, and given up after as long again.
    pub keep_alive: Duration,
    /// Whether the services are told not to trace the orders; else they decide by their own samplers.
    pub untraced: bool,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            per_address: NonZeroUsize::new(2).expect("2 is not zero"),
            connect_timeout: Duration::from_secs(2),
            call_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(5),
            untraced: false,
        }
    }
}

/// Connections to all replicas of one service. Nothing connects before the first call, and what breaks is made anew.
#[derive(Debug, Clone)]
pub struct Connections {
    channels: Vec<Channel>,
    untraced: bool,
}

impl Connections {
    /// Connections to `addresses`, of which there must be at least one. Must be called within a tokio runtime.
    pub fn new<A: AsRef<str>>(
        addresses: impl IntoIterator<Item = A>,
        settings: ConnectionSettings,
    ) -> Result<Self, InvalidAddress> {
        let mut endpoints = Vec::new();
        for address in addresses {
            let address = address.as_ref();
            let endpoint = Endpoint::from_shared(address.to_owned())
                .map_err(|source| InvalidAddress { address: address.to_owned(), source })?;
            endpoints.push(
                endpoint
                    .connect_timeout(settings.connect_timeout)
                    .timeout(settings.call_timeout)
                    .tcp_nodelay(true)
                    .initial_connection_window_size(WINDOW_BYTES)
                    .initial_stream_window_size(WINDOW_BYTES)
                    .http2_keep_alive_interval(settings.keep_alive)
                    .keep_alive_timeout(settings.keep_alive)
                    .keep_alive_while_idle(true),
            );
        }
        assert!(!endpoints.is_empty(), "a service has at least one address");
        // Neighbours in the list lead to different replicas, so that a second try goes elsewhere.
        let channels =
            (0..settings.per_address.get()).flat_map(|_| endpoints.iter().map(Endpoint::connect_lazy));
        Ok(Self { channels: channels.collect(), untraced: settings.untraced })
    }

    /// The connection for the `turn`th call.
    pub(super) fn channel(&self, turn: usize) -> Channel {
        self.channels[turn % self.channels.len()].clone()
    }

    /// A call about an order.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if self.untraced {
            request.metadata_mut().insert("traceparent", MetadataValue::from_static(UNSAMPLED));
        }
        request
    }
}
