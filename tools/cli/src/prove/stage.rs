//! The fleet of a proof: several processes of each service, and proxies where faults of the network are to happen.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use bowline_dev_stack::kafka::Detour;
use bowline_dev_stack::{Stack, databases};
use bowline_faults::proxy::Proxy;
use bowline_faults::{Hands, Kind, Link, ProcessSite, Site, Terrain};
use url::Url;

use super::ProveArgs;
use crate::fleet::{Changes, Fleet, Ground, Places};
use crate::running::Names;

/// How long anything may take to come back before that is a failure.
const RECOVERY_MAX: Duration = Duration::from_mins(1);

/// Everything that runs.
pub(super) struct Stage<'s> {
    pub(super) fleet: Fleet,
    pub(super) hands: Hands<'s>,
    /// The gRPC addresses of orders.
    pub(super) orders: Vec<String>,
}

impl<'s> Stage<'s> {
    /// Starts everything and waits until all of it is ready. `env` is for every service.
    pub(super) async fn start(
        args: &ProveArgs,
        stack: &'s Stack,
        names: &Names,
        kinds: &[Kind],
        env: Vec<(String, String)>,
    ) -> anyhow::Result<Self> {
        let places = Places::take(stack)?;
        let proxied = kinds.iter().any(|kind| kind.is_of_the_network());
        let Network { detours, proxies } =
            if proxied { Network::lay(args, stack, &places).await? } else { Network::default() };
        let ground = Ground {
            programs: args.programs()?,
            name_prefix: "",
            databases: stack.databases().clone(),
            kafka: names.kafka(stack),
            switches: args.provider.switches()?,
            changes: Changes { env, detours },
            places,
        };
        let mut fleet = Fleet::start(stack, ground).await?;
        fleet.grow(stack, args.replicas).await?;
        fleet.publish(stack)?;
        let terrain = Terrain { processes: processes(&fleet), links: proxies.keys().cloned().collect() };
        let orders = terrain.processes.iter().filter(|process| process.service == "orders");
        let orders = orders.map(|process| format!("http://{}", process.grpc_address)).collect();
        let provider = format!("http://{}", fleet.ground.places.provider());
        let provider = Url::parse(&provider).context("the provider has no valid address")?;
        let site = Site { stack, terrain, provider, proxies, recovery_max: RECOVERY_MAX };
        Ok(Self { hands: Hands::new(site).await?, fleet, orders })
    }
}

fn processes(fleet: &Fleet) -> Vec<ProcessSite> {
    let places = &fleet.ground.places;
    let first = databases::SERVICES.iter().map(|service| ProcessSite {
        name: (*service).to_owned(),
        service: (*service).to_owned(),
        grpc_address: places.grpc_address(service).to_owned(),
        http_url: places.http_url(service),
    });
    let further = fleet.replicas.iter().map(|replica| ProcessSite {
        name: replica.name.clone(),
        service: replica.service.clone(),
        grpc_address: replica.grpc_address().to_owned(),
        http_url: replica.http_url.clone(),
    });
    first.chain(further).collect()
}

/// The names of the processes of a service.
fn process_names(service: &str, replicas: u8) -> impl Iterator<Item = String> {
    let further = (2..=replicas).map(move |number| format!("{service}-{number}"));
    [service.to_owned()].into_iter().chain(further)
}

/// Proxies, and the ways that lead through them.
#[derive(Default)]
struct Network {
    detours: BTreeMap<(String, String), String>,
    proxies: BTreeMap<Link, Proxy>,
}

impl Network {
    /// A proxy for every process and every party that it calls.
    async fn lay(args: &ProveArgs, stack: &Stack, places: &Places) -> anyhow::Result<Self> {
        let postgres = stack.postgres().admin_url();
        let host = postgres.host_str().context("PostgreSQL has a host")?;
        let postgres = format!("{host}:{}", postgres.port().unwrap_or(5432));
        let mut network = Self::default();
        for service in databases::SERVICES {
            let mut parties = vec![("postgres", postgres.as_str())];
            match service {
                "orders" => parties.extend(
                    ["inventory", "payment"].map(|neighbour| (neighbour, places.grpc_address(neighbour))),
                ),
                "payment" => parties.push(("provider", places.provider())),
                _ => {}
            }
            for process in process_names(service, args.replicas) {
                for (party, address) in &parties {
                    network.connect(&process, party, address).await?;
                }
            }
        }
        network.connect_kafka(args, stack).await?;
        Ok(network)
    }

    /// One proxy before Kafka for all processes: a broker tells all its clients one address. A given one is left out.
    async fn connect_kafka(&mut self, args: &ProveArgs, stack: &Stack) -> anyhow::Result<()> {
        let Some(Detour { port, advertised }) = stack.kafka().detour() else { return Ok(()) };
        let upstream = format!("127.0.0.1:{port}");
        let proxy = Proxy::start_at(advertised, upstream).await.context("cannot listen for a proxy")?;
        for service in databases::SERVICES {
            for process in process_names(service, args.replicas) {
                let from = (process, stack.kafka().brokers().to_owned());
                self.detours.insert(from, proxy.address().to_string());
            }
        }
        self.proxies.insert(Link { process: None, party: "kafka".to_owned() }, proxy);
        Ok(())
    }

    async fn connect(&mut self, process: &str, party: &str, address: &str) -> anyhow::Result<()> {
        let proxy = Proxy::start(address.to_owned()).await.context("cannot listen for a proxy")?;
        self.detours.insert((process.to_owned(), address.to_owned()), proxy.address().to_string());
        let link = Link { process: Some(process.to_owned()), party: party.to_owned() };
        self.proxies.insert(link, proxy);
        Ok(())
    }
}
