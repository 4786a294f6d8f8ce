//! What the user may want to connect to.

use std::collections::BTreeMap;

use bowline_dev_stack::Stack;
use bowline_dev_stack::databases::SERVICES;

use super::{Fleet, SIMULATOR};

impl Fleet {
    /// A line for every process of this fleet and every server.
    pub(crate) fn table(&self, stack: &Stack) -> String {
        let pids: BTreeMap<String, u32> =
            stack.running().into_iter().map(|running| (running.name, running.pid)).collect();
        let line = |name: &str, process: &str, place: &str| {
            let pid = match pids.get(process) {
                Some(pid) => format!("pid {pid:<8}"),
                None => "not started ".to_owned(),
            };
            format!("  {name:<18} {pid} {place}")
        };
        let service = |name: &str, process: &str, grpc: &str, http: &str| {
            line(name, process, &format!("gRPC {grpc}  HTTP {http}"))
        };
        let places = &self.ground.places;
        let postgres = stack.postgres().admin_url();
        let (host, port) = (postgres.host_str().unwrap_or("localhost"), postgres.port().unwrap_or(5432));
        let mut lines = vec![
            line("postgres", "postgres", &format!("{host}:{port}")),
            line("kafka", "kafka", stack.kafka().brokers()),
            line(SIMULATOR, &self.ground.name(SIMULATOR), &format!("http://{}", places.provider)),
        ];
        for name in SERVICES {
            let (grpc, http) = (places.grpc_address(name), places.http_url(name));
            lines.push(service(name, &self.ground.name(name), grpc, &http));
            for replica in self.replicas.iter().filter(|replica| replica.service == name) {
                lines.push(service(&replica.name, &replica.name, replica.grpc_address(), &replica.http_url));
            }
        }
        lines.join("\n")
    }
}
