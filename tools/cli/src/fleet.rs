//! The payment simulator and the four services as processes of a stack. The end-to-end tests start them the same way.

mod changes;
mod places;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use bowline_contracts::topics::{INVENTORY, ORDERS, PAYMENT};
use bowline_dev_stack::databases::SERVICES;
use bowline_dev_stack::{Databases, ProcessSpec, ServiceDatabaseUrls, Stack};
use bowline_messaging::KafkaOptions;
use bowline_prove::{Access, DatabaseUrls};
use url::Url;

pub use changes::Changes;
pub use places::{Places, Replica};
use places::{pair, ready_url};

/// How long a process may take from its start to its readiness; the first start of all migrates databases.
const READY_MAX: Duration = Duration::from_mins(1);
/// A service drains within 20 s; only then is it killed.
const STOP_MAX: Duration = Duration::from_secs(25);
const SIMULATOR: &str = "payment-simulator";
/// The names of addresses in the description of the stack.
pub(crate) const NAMESPACE: &str = "kafka.namespace";

/// What a fleet stands on.
#[derive(Debug, Clone)]
pub struct Ground {
    /// The folder of the programs.
    pub programs: PathBuf,
    /// Put in front of the names of processes; empty for the fleet that the user sees.
    pub name_prefix: &'static str,
    /// The services' databases.
    pub databases: Databases,
    /// Brokers and namespace.
    pub kafka: KafkaOptions,
    /// Where everything listens.
    pub places: Places,
    /// The simulator's own options.
    pub switches: Vec<String>,
    /// What differs from an ordinary start.
    pub changes: Changes,
}

/// Running processes, ready for work.
#[derive(Debug)]
pub struct Fleet {
    /// What it stands on.
    pub ground: Ground,
    /// What [`Fleet::grow`] has added.
    pub replicas: Vec<Replica>,
}

impl Ground {
    fn name(&self, process: &str) -> String {
        format!("{}{process}", self.name_prefix)
    }

    fn simulator(&self, stack: &Stack) -> anyhow::Result<ProcessSpec> {
        let name = self.name(SIMULATOR);
        let mut spec =
            ProcessSpec::new(&name, self.program("bowline-payment-simulator")?, stack.log_of(&name)?);
        let books = stack.folder_of(&name)?;
        spec.args = vec![
            format!("--listen={}", self.places.provider),
            format!("--data-dir={}", books.display()),
            // A provider's disk is not part of the machine that is measured here.
            "--no-sync".to_owned(),
        ];
        spec.args.extend(self.switches.iter().cloned());
        Ok(spec)
    }

    fn service(
        &self,
        stack: &Stack,
        service: &str,
        name: &str,
        (grpc, http): &(String, String),
    ) -> anyhow::Result<ProcessSpec> {
        let program = self.program(&format!("bowline-{service}"))?;
        let mut spec = ProcessSpec::new(name, program, stack.log_of(name)?);
        let neighbour = |neighbour| self.changes.way(name, self.places.grpc_address(neighbour));
        // Where each service that sends messages is asked for what its topics have lost.
        let sources =
            [ORDERS, INVENTORY, PAYMENT].map(|source| format!("{source}=http://{}", neighbour(source)));
        spec.args = vec![
            format!("--grpc-listen={grpc}"),
            format!("--http-listen={http}"),
            format!("--instance-id={name}"),
            format!("--kafka-brokers={}", self.changes.way(name, &self.kafka.brokers.join(","))),
            format!("--kafka-namespace={}", self.kafka.namespace),
            format!("--lane-sources={}", sources.join(",")),
        ];
        match service {
            "orders" => spec.args.extend([
                format!("--inventory-url=http://{}", neighbour("inventory")),
                format!("--payment-url=http://{}", neighbour("payment")),
            ]),
            "payment" => {
                let provider = self.changes.way(name, &self.places.provider);
                spec.args.push(format!("--provider-url=http://{provider}"));
            }
            _ => {}
        }
        let urls = self.databases.service(service).context("the stack has no database for it")?;
        // Everybody on the machine can read a command line; an environment only its owner.
        spec.env = vec![
            ("BOWLINE_DATABASE_URL".to_owned(), self.changes.way_of_url(name, &urls.runtime)?),
            ("BOWLINE_MIGRATIONS_DATABASE_URL".to_owned(), self.changes.way_of_url(name, &urls.owner)?),
        ];
        spec.env.extend(self.changes.env.iter().cloned());
        spec.stop_grace = STOP_MAX;
        Ok(spec)
    }

    /// A program that was built together with the others and lies beside them.
    fn program(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.programs.join(name);
        anyhow::ensure!(
            path.is_file(),
            "{} is missing: build everything with `cargo build --release`, or start with ./bowline, which does",
            path.display()
        );
        Ok(path)
    }

    /// How the ledger reaches this fleet.
    pub fn access(&self) -> anyhow::Result<Access> {
        access(self.databases.all(), self.kafka.clone(), &self.places.provider)
    }
}

impl Fleet {
    /// Starts the simulator and the services and waits until all are ready.
    pub async fn start(stack: &Stack, ground: Ground) -> anyhow::Result<Self> {
        let supervisor = stack.supervisor();
        supervisor.start(ground.simulator(stack)?).await?;
        for service in SERVICES {
            let (name, places) = (ground.name(service), &ground.places.services[service]);
            supervisor.start(ground.service(stack, service, &name, places)?).await?;
        }
        let Places { services, provider } = &ground.places;
        let probes = services.iter().map(|(service, (_, http))| (*service, ready_url(http)));
        let probes = probes.chain([(SIMULATOR, format!("http://{provider}/healthz"))]);
        // All at once, so that the first one that cannot start is told, not those that wait for it.
        let waits = probes.map(|(name, probe)| {
            let name = ground.name(name);
            async move { supervisor.wait_ready(&name, &probe, READY_MAX).await }
        });
        futures::future::try_join_all(waits).await?;
        Ok(Self { ground, replicas: Vec::new() })
    }

    /// Starts further processes, all at once, until there are `replicas` of each service, and waits until they are ready.
    pub async fn grow(&mut self, stack: &Stack, replicas: u8) -> anyhow::Result<()> {
        let further = SERVICES
            .iter()
            .flat_map(|service| (2..=usize::from(replicas)).map(move |number| (*service, number)));
        let starts = further.map(|(service, number)| self.start_replica(stack, service, number));
        let started = futures::future::try_join_all(starts).await?;
        self.replicas.extend(started);
        Ok(())
    }

    /// Starts one more process of a service and waits until it is ready.
    pub async fn start_replica(
        &self,
        stack: &Stack,
        service: &str,
        number: usize,
    ) -> anyhow::Result<Replica> {
        let (name, places) = (self.ground.name(&format!("{service}-{number}")), pair(stack, service)?);
        stack.supervisor().start(self.ground.service(stack, service, &name, &places)?).await?;
        let replica = Replica::at(&places, service, name);
        stack.supervisor().wait_ready(&replica.name, &replica.ready_url, READY_MAX).await?;
        Ok(replica)
    }

    /// Stops the processes of this fleet, all at once.
    pub(crate) async fn stop(&self, stack: &Stack) -> anyhow::Result<()> {
        let names = SERVICES.iter().chain([&SIMULATOR]).map(|name| self.ground.name(name));
        let names = names.chain(self.replicas.iter().map(|replica| replica.name.clone()));
        let stops = names.map(|name| async move { stack.supervisor().stop(&name).await });
        futures::future::try_join_all(stops).await?;
        Ok(())
    }

    /// Tells other processes, such as `bowline check`, of this fleet.
    pub fn publish(&self, stack: &Stack) -> anyhow::Result<()> {
        let mut addresses = self.ground.places.named(&self.replicas);
        addresses.insert(NAMESPACE.to_owned(), self.ground.kafka.namespace.clone());
        stack.publish(addresses)?;
        Ok(())
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

/// The folder of the program that runs: the others are built together with it and lie beside it.
pub(crate) fn own_programs() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find out where this program lies")?;
    Ok(own.parent().map_or_else(PathBuf::new, Path::to_path_buf))
}
