//! The payment simulator and the four services as processes of a stack.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use bowline_dev_stack::{Databases, ProcessSpec, ServiceDatabaseUrls, Stack};
use bowline_messaging::KafkaOptions;
use bowline_prove::{Access, DatabaseUrls};
use url::Url;

/// How long a process may take from its start to its readiness; the first start of all migrates databases.
const READY_MAX: Duration = Duration::from_mins(1);
/// A service drains within 20 s; only then is it killed.
const STOP_MAX: Duration = Duration::from_secs(25);
const SERVICES: [&str; 4] = ["orders", "inventory", "payment", "projection"];
const SIMULATOR: &str = "payment-simulator";
/// The names of addresses in the description of the stack.
const NAMESPACE: &str = "kafka.namespace";

/// Where everything of a fleet listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    /// By service: gRPC and HTTP.
    services: BTreeMap<&'static str, (String, String)>,
    /// The payment simulator.
    provider: String,
}

/// What a fleet stands on.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    /// Put in front of the names of processes; empty for the fleet that the user sees.
    pub(crate) name_prefix: &'static str,
    pub(crate) databases: Databases,
    pub(crate) kafka: KafkaOptions,
    pub(crate) places: Places,
    /// The simulator's own options.
    pub(crate) switches: Vec<String>,
}

/// Running processes, ready for work.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) ground: Ground,
}

impl Places {
    /// Takes ports for a fleet.
    pub(crate) fn take(stack: &Stack) -> anyhow::Result<Self> {
        let port = |what: &str| stack.ports().next(what).map(|port| format!("127.0.0.1:{port}"));
        let mut services = BTreeMap::new();
        for service in SERVICES {
            let (grpc, http) = (port(&format!("gRPC of {service}"))?, port(&format!("HTTP of {service}"))?);
            services.insert(service, (grpc, http));
        }
        Ok(Self { services, provider: port("the payment simulator")? })
    }

    /// The gRPC address of a service as a URL.
    pub(crate) fn grpc_url(&self, service: &str) -> String {
        format!("http://{}", self.services[service].0)
    }

    /// What belongs into the description of the stack.
    fn named(&self) -> BTreeMap<String, String> {
        let mut named = BTreeMap::from([(format!("{SIMULATOR}.http"), self.provider.clone())]);
        for (service, (grpc, http)) in &self.services {
            named.insert(format!("{service}.grpc"), grpc.clone());
            named.insert(format!("{service}.http"), http.clone());
        }
        named
    }
}

impl Ground {
    fn name(&self, process: &str) -> String {
        format!("{}{process}", self.name_prefix)
    }

    fn simulator(&self, stack: &Stack) -> anyhow::Result<ProcessSpec> {
        let name = self.name(SIMULATOR);
        let mut spec = ProcessSpec::new(&name, program("bowline-payment-simulator")?, stack.log_of(&name)?);
        let books = stack.folder_of(&name)?;
        spec.args =
            vec![format!("--listen={}", self.places.provider), format!("--data-dir={}", books.display())];
        spec.args.extend(self.switches.iter().cloned());
        Ok(spec)
    }

    fn service(&self, stack: &Stack, service: &'static str) -> anyhow::Result<ProcessSpec> {
        let name = self.name(service);
        let mut spec = ProcessSpec::new(&name, program(&format!("bowline-{service}"))?, stack.log_of(&name)?);
        let (grpc, http) = &self.places.services[service];
        spec.args = vec![
            format!("--grpc-listen={grpc}"),
            format!("--http-listen={http}"),
            format!("--instance-id={name}"),
            format!("--kafka-brokers={}", self.kafka.brokers.join(",")),
            format!("--kafka-namespace={}", self.kafka.namespace),
        ];
        match service {
            "orders" => spec.args.push(format!("--inventory-url={}", self.places.grpc_url("inventory"))),
            "payment" => spec.args.push(format!("--provider-url=http://{}", self.places.provider)),
            _ => {}
        }
        let urls = self.databases.service(service).context("the stack has no database for it")?;
        // Everybody on the machine can read a command line; an environment only its owner.
        let variable = format!("BOWLINE_{}", service.to_uppercase());
        spec.env = vec![
            ("BOWLINE_DATABASE_URL".to_owned(), urls.runtime.clone()),
            ("BOWLINE_MIGRATIONS_DATABASE_URL".to_owned(), urls.owner.clone()),
            (format!("{variable}_DATABASE_URL"), urls.runtime.clone()),
            (format!("{variable}_MIGRATIONS_DATABASE_URL"), urls.owner.clone()),
        ];
        spec.stop_grace = STOP_MAX;
        Ok(spec)
    }

    /// How the ledger reaches this fleet.
    pub(crate) fn access(&self) -> anyhow::Result<Access> {
        access(self.databases.all(), self.kafka.clone(), &self.places.provider)
    }
}

impl Fleet {
    /// Starts the simulator and the services and waits until all are ready.
    pub(crate) async fn start(stack: &Stack, ground: Ground) -> anyhow::Result<Self> {
        let supervisor = stack.supervisor();
        supervisor.start(ground.simulator(stack)?).await?;
        for service in SERVICES {
            supervisor.start(ground.service(stack, service)?).await?;
        }
        let Places { services, provider } = &ground.places;
        let probes = services.iter().map(|(service, (_, http))| (*service, format!("http://{http}/readyz")));
        let probes = probes.chain([(SIMULATOR, format!("http://{provider}/healthz"))]);
        // All at once, so that the first one that cannot start is told, not those that wait for it.
        let waits = probes.map(|(name, probe)| {
            let name = ground.name(name);
            async move { supervisor.wait_ready(&name, &probe, READY_MAX).await }
        });
        futures::future::try_join_all(waits).await?;
        Ok(Self { ground })
    }

    /// Stops the processes of this fleet, all at once.
    pub(crate) async fn stop(&self, stack: &Stack) -> anyhow::Result<()> {
        let names = SERVICES.iter().chain([&SIMULATOR]).map(|name| self.ground.name(name));
        let stops = names.map(|name| async move { stack.supervisor().stop(&name).await });
        futures::future::try_join_all(stops).await?;
        Ok(())
    }

    /// Tells other processes, such as `bowline check`, of this fleet.
    pub(crate) fn publish(&self, stack: &Stack) -> anyhow::Result<()> {
        let mut addresses = self.ground.places.named();
        addresses.insert(NAMESPACE.to_owned(), self.ground.kafka.namespace.clone());
        stack.publish(addresses)?;
        Ok(())
    }

    /// What the user may want to connect to: a line for every process of this fleet and every server.
    pub(crate) fn table(&self, stack: &Stack) -> String {
        let pids: BTreeMap<String, u32> =
            stack.running().into_iter().map(|running| (running.name, running.pid)).collect();
        let pid = |name: &str| match pids.get(name) {
            Some(pid) => format!("pid {pid:<8}"),
            None => "not started ".to_owned(),
        };
        let postgres = stack.postgres().admin_url();
        let mut lines = vec![
            format!(
                "  {:<18} {} {}:{}",
                "postgres",
                pid("postgres"),
                postgres.host_str().unwrap_or("localhost"),
                postgres.port().unwrap_or(5432)
            ),
            format!("  {:<18} {} {}", "kafka", pid("kafka"), stack.kafka().brokers()),
            format!(
                "  {SIMULATOR:<18} {} http://{}",
                pid(&self.ground.name(SIMULATOR)),
                self.ground.places.provider
            ),
        ];
        for service in SERVICES {
            let (grpc, http) = &self.ground.places.services[service];
            lines.push(format!(
                "  {service:<18} {} gRPC {grpc}  HTTP http://{http}",
                pid(&self.ground.name(service))
            ));
        }
        lines.join("\n")
    }
}

/// How the ledger reaches a stack that another process has started.
pub(crate) fn access_of(description: &bowline_dev_stack::StackDescription) -> anyhow::Result<Access> {
    let address = |name: &str| {
        description.addresses.get(name).with_context(|| format!("the description of the stack has no {name}"))
    };
    let brokers = description.kafka_brokers.split(',').map(|broker| broker.trim().to_owned()).collect();
    let kafka = KafkaOptions::new(brokers, address(NAMESPACE)?.clone());
    access(&description.databases, kafka, address(&format!("{SIMULATOR}.http"))?)
}

fn access(
    databases: &BTreeMap<String, ServiceDatabaseUrls>,
    kafka: KafkaOptions,
    provider: &str,
) -> anyhow::Result<Access> {
    let auditor = |service: &str| {
        databases
            .get(service)
            .map(|urls| urls.auditor.clone())
            .with_context(|| format!("{service} has no database"))
    };
    Ok(Access {
        databases: DatabaseUrls {
            orders: auditor("orders")?,
            inventory: auditor("inventory")?,
            payment: auditor("payment")?,
            projection: auditor("projection")?,
        },
        kafka,
        provider: Url::parse(&format!("http://{provider}")).context("the provider has no valid address")?,
    })
}

/// A program that was built together with this one and lies beside it.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find out where this program lies")?;
    let path = own.with_file_name(name);
    anyhow::ensure!(
        path.is_file(),
        "{} is missing: build everything with `cargo build --release`, or start with ./bowline, which does",
        path.display()
    );
    Ok(path)
}
