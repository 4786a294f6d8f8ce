//! Where the processes of a fleet listen.

use std::collections::BTreeMap;

use bowline_dev_stack::Stack;
use bowline_dev_stack::databases::SERVICES;

use super::SIMULATOR;

/// Where everything of a fleet listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// By service: gRPC and HTTP.
    pub(super) services: BTreeMap<&'static str, (String, String)>,
    /// The payment simulator.
    pub(super) provider: String,
}

/// One more process of a service that a fleet has already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// The service.
    pub service: String,
    /// What the supervisor knows it by.
    pub name: String,
    /// Its gRPC address as a URL.
    pub grpc_url: String,
    /// Base address of its probes.
    pub http_url: String,
    /// What answers 200 once it is ready.
    pub ready_url: String,
}

impl Places {
    /// Takes ports for a fleet.
    pub fn take(stack: &Stack) -> anyhow::Result<Self> {
        let mut services = BTreeMap::new();
        for service in SERVICES {
            services.insert(service, pair(stack, service)?);
        }
        Ok(Self { services, provider: place(stack, "the payment simulator")? })
    }

    /// How many ports a fleet takes with so many processes of each service.
    pub(crate) fn ports(replicas: u8) -> u16 {
        SERVICES.iter().map(|_| 2 * u16::from(replicas)).sum::<u16>() + 1
    }

    /// The gRPC address of a service as a URL.
    pub fn grpc_url(&self, service: &str) -> String {
        format!("http://{}", self.services[service].0)
    }

    /// The gRPC address of a service: host and port.
    pub fn grpc_address(&self, service: &str) -> &str {
        &self.services[service].0
    }

    /// Base address of the probes of a service.
    pub fn http_url(&self, service: &str) -> String {
        format!("http://{}", self.services[service].1)
    }

    /// What answers 200 once the service is ready.
    pub fn ready_url(&self, service: &str) -> String {
        ready_url(&self.services[service].1)
    }

    /// The address of the payment simulator: host and port.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// What belongs into the description of the stack: `NAME.grpc` and `NAME.http` of every process.
    pub(super) fn named(&self, replicas: &[Replica]) -> BTreeMap<String, String> {
        let mut named = BTreeMap::from([(format!("{SIMULATOR}.http"), self.provider.clone())]);
        for (service, (grpc, http)) in &self.services {
            named.insert(format!("{service}.grpc"), grpc.clone());
            named.insert(format!("{service}.http"), http.clone());
        }
        for replica in replicas {
            named.insert(format!("{}.grpc", replica.name), replica.grpc_address().to_owned());
            named.insert(format!("{}.http", replica.name), replica.http_address().to_owned());
        }
        named
    }
}

impl Replica {
    /// One that listens at these places: gRPC and HTTP.
    pub(super) fn at((grpc, http): &(String, String), service: &str, name: String) -> Self {
        let (grpc_url, http_url) = (format!("http://{grpc}"), format!("http://{http}"));
        Self { service: service.to_owned(), name, grpc_url, http_url, ready_url: ready_url(http) }
    }

    /// Its gRPC address: host and port.
    pub fn grpc_address(&self) -> &str {
        self.grpc_url.trim_start_matches("http://")
    }

    fn http_address(&self) -> &str {
        self.http_url.trim_start_matches("http://")
    }
}

/// Takes the ports of a process of a service: gRPC and HTTP.
pub(super) fn pair(stack: &Stack, service: &str) -> anyhow::Result<(String, String)> {
    Ok((place(stack, &format!("gRPC of {service}"))?, place(stack, &format!("HTTP of {service}"))?))
}

pub(super) fn ready_url(http: &str) -> String {
    format!("http://{http}/readyz")
}

fn place(stack: &Stack, what: &str) -> anyhow::Result<String> {
    Ok(format!("127.0.0.1:{}", stack.ports().next(what)?))
}
