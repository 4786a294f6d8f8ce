//! What faults happen to.

use std::fmt;

use bowline_fault_points::Point;

/// A process of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSite {
    /// What the supervisor knows it by.
    pub name: String,
    /// The service that it is a replica of.
    pub service: String,
    /// Where it takes calls, as it tells its replicas: host and port.
    pub grpc_address: String,
    /// Base address of its probes.
    pub http_url: String,
}

/// A connection that faults of the network can reach.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// The process at its one end; `None` stands for all of them.
    pub process: Option<String>,
    /// The party at its other end.
    pub party: String,
}

/// Everything that faults can happen to.
#[derive(Debug, Clone, Default)]
pub struct Terrain {
    /// The processes of all services.
    pub processes: Vec<ProcessSite>,
    /// The connections.
    pub links: Vec<Link>,
}

/// What one fault happens to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A process, by its name.
    Process(String),
    /// A process at a point of its work.
    Point {
        /// Its name.
        process: String,
        /// Where it dies.
        point: Point,
    },
    /// The database of a service.
    Database(String),
    /// The PostgreSQL server.
    Postgres,
    /// The Kafka broker.
    Kafka,
    /// The payment provider.
    Provider,
    /// A connection.
    Link(Link),
}

impl Terrain {
    /// The services, each once, in the order of their first process.
    pub fn services(&self) -> Vec<&str> {
        let mut services: Vec<&str> = Vec::new();
        for process in &self.processes {
            if !services.contains(&process.service.as_str()) {
                services.push(&process.service);
            }
        }
        services
    }

    /// The service that a process is a replica of.
    pub fn service_of(&self, process: &str) -> Option<&str> {
        self.process(process).map(|site| site.service.as_str())
    }

    /// A process by its name.
    pub fn process(&self, name: &str) -> Option<&ProcessSite> {
        self.processes.iter().find(|site| site.name == name)
    }

    /// How many processes a service has.
    pub fn replicas(&self, service: &str) -> usize {
        self.processes.iter().filter(|site| site.service == service).count()
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ↔ {}", self.process.as_deref().unwrap_or("all services"), self.party)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(name) => f.write_str(name),
            Self::Point { process, point } => write!(f, "{process} {point}"),
            Self::Database(service) => write!(f, "database of {service}"),
            Self::Postgres => f.write_str("postgres"),
            Self::Kafka => f.write_str("kafka"),
            Self::Provider => f.write_str("payment provider"),
            Self::Link(link) => write!(f, "{link}"),
        }
    }
}
