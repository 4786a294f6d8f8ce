//! The whole local stack: servers, databases, a supervisor for services, and a description for other processes.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::account::{make_folder, write_private};
use crate::data::wipe;
use crate::databases::{DEFAULT_PREFIX, Databases, ServiceDatabaseUrls};
use crate::error::{Error, FileContext as _, Result};
use crate::folders::Folders;
use crate::guardian::Guardian;
use crate::kafka::{Detour, Kafka, KafkaOptions};
use crate::owner::{is_locked, lock};
use crate::ports::Ports;
use crate::postgres::{Postgres, PostgresOptions};
use crate::process::Ending;
use crate::process_table::{Leftover, ProcessTable, stop_leftovers};
use crate::secrets::Secrets;
use crate::services::{Running, Supervisor};

/// How to start a stack.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// Where things are kept.
    pub folders: Folders,
    /// A PostgreSQL to use, as a role that may make roles and databases; else one is started.
    pub postgres_url: Option<String>,
    /// Kafka brokers to use; else one is started.
    pub kafka_brokers: Option<String>,
    /// First of a run of ports; else free ones are chosen.
    pub port_base: Option<u16>,
    /// How many ports the caller will take beside those of the servers: with a base, all are looked at before anything starts.
    pub ports_further: u16,
    /// What the names of databases begin with.
    pub database_prefix: String,
    /// `max_connections` of a PostgreSQL of ours.
    pub connections_max: u32,
    /// Heap of a Kafka of ours.
    pub kafka_heap_mb: u32,
    /// Whether a Kafka of ours has a second way in, for clients that come through a proxy.
    pub kafka_detour: bool,
    /// Begin with empty servers: what ours hold from earlier runs is removed first. Given servers are not touched.
    pub fresh: bool,
}

impl StackOptions {
    /// Servers of our own on free ports, keeping what earlier runs left in them.
    pub fn new(folders: Folders) -> Self {
        Self {
            folders,
            postgres_url: None,
            kafka_brokers: None,
            port_base: None,
            ports_further: 0,
            database_prefix: DEFAULT_PREFIX.to_owned(),
            connections_max: 200,
            kafka_heap_mb: 750,
            kafka_detour: false,
            fresh: false,
        }
    }
}

/// What another process needs to know of a running stack. It holds passwords: its file is private.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StackDescription {
    /// Addresses of the brokers.
    pub kafka_brokers: String,
    /// Database URLs by service.
    pub databases: BTreeMap<String, ServiceDatabaseUrls>,
    /// Further addresses, by a name that their writer chose, such as `orders.grpc`.
    pub addresses: BTreeMap<String, String>,
}

impl StackDescription {
    /// Reads the description of the stack that runs in `folder`.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = description_path(folder);
        let content = match std::fs::read(&path) {
            Ok(content) if is_locked(folder) => content,
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).on("read", &path);
            }
            // No file, or one of a stack that did not end well.
            _ => return Err(Error::NotRunning { folder: folder.to_owned() }),
        };
        serde_json::from_slice(&content).map_err(|error| Error::File {
            action: "read",
            path,
            source: error.into(),
        })
    }
}

/// A running stack. [`Stack::stop`] ends it in order; should this process end without, a guardian stops everything.
#[derive(Debug)]
pub struct Stack {
    postgres: Postgres,
    kafka: Kafka,
    databases: Databases,
    supervisor: Supervisor,
    ports: Ports,
    leftovers: Vec<Leftover>,
    folder: PathBuf,
    guardian: Guardian,
    _lock: File,
}

impl Stack {
    /// Starts PostgreSQL and Kafka side by side, then makes databases and roles. What an earlier run left behind in
    /// the folder is stopped first. On failure nothing is left running.
    pub async fn start(options: StackOptions) -> Result<Self> {
        let folder = options.folders.state.clone();
        make_folder(&folder, 0o755, None)?;
        let lock = lock(&folder)?;
        let leftovers = stop_leftovers(&folder).await?;
        remove_if_there(&description_path(&folder))?;
        let ports = Ports::new(options.port_base);
        ports.check_run(ports_of_servers(&options).saturating_add(options.ports_further))?;
        if options.fresh {
            wipe(&folder)?;
        }
        let table = Arc::new(ProcessTable::create(&folder)?);
        let guardian = Guardian::watch_owner(&table)?;

        let (postgres, kafka) = start_servers(&options, &ports, &table).await?;
        let prepared = async {
            let secrets = Secrets::open(&folder.join("secrets.json"))?;
            Databases::prepare(postgres.admin_url(), &options.database_prefix, &secrets).await
        };
        let databases = match prepared.await {
            Ok(databases) => databases,
            Err(error) => {
                tokio::join!(postgres.server().stop(), kafka.server().stop());
                return Err(error);
            }
        };
        let supervisor = Supervisor::new(table);
        Ok(Self { postgres, kafka, databases, supervisor, ports, leftovers, folder, guardian, _lock: lock })
    }

    /// The PostgreSQL server.
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// The Kafka broker.
    pub fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    /// The services' databases.
    pub fn databases(&self) -> &Databases {
        &self.databases
    }

    /// Makes a further set of databases on the same server, with roles of their own; `prefix` as in the options.
    pub async fn prepare_databases(&self, prefix: &str) -> Result<Databases> {
        let secrets = Secrets::open(&self.folder.join("secrets.json"))?;
        Databases::prepare(self.postgres.admin_url(), prefix, &secrets).await
    }

    /// Starts and watches services.
    pub fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// Ports for services.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// What an earlier run had left behind and was stopped.
    pub fn leftovers(&self) -> &[Leftover] {
        &self.leftovers
    }

    /// The log of a service of this name; the folder exists.
    pub fn log_of(&self, service: &str) -> Result<PathBuf> {
        let logs = self.folder.join("logs");
        make_folder(&logs, 0o755, None)?;
        Ok(logs.join(format!("{service}.log")))
    }

    /// A folder for files of a service; it exists and is private.
    pub fn folder_of(&self, service: &str) -> Result<PathBuf> {
        let folder = self.folder.join("services").join(service);
        make_folder(&folder, 0o700, None)?;
        Ok(folder)
    }

    /// Everything that runs: our servers, then the services in the order of their start.
    pub fn running(&self) -> Vec<Running> {
        let servers = [("postgres", self.postgres.server().pid()), ("kafka", self.kafka.server().pid())];
        let servers =
            servers.into_iter().filter_map(|(name, pid)| Some(Running { name: name.to_owned(), pid: pid? }));
        servers.chain(self.supervisor.running()).collect()
    }

    /// How often each died and was started again, our servers included.
    pub fn restarts(&self) -> BTreeMap<String, u64> {
        let mut restarts = self.supervisor.restarts();
        for (name, pid, count) in [
            ("postgres", self.postgres.server().pid(), self.postgres.server().restarts()),
            ("kafka", self.kafka.server().pid(), self.kafka.server().restarts()),
        ] {
            // A given server has no process here and does not belong in the report.
            if pid.is_some() || count > 0 {
                restarts.insert(name.to_owned(), count);
            }
        }
        restarts
    }

    /// Writes what other processes need to know, with `addresses` of the caller's choice. They read it with
    /// [`StackDescription::load`].
    pub fn publish(&self, addresses: BTreeMap<String, String>) -> Result<StackDescription> {
        let description = StackDescription {
            kafka_brokers: self.kafka.brokers().to_owned(),
            databases: self.databases.all().clone(),
            addresses,
        };
        let content = serde_json::to_vec_pretty(&description).expect("strings and maps are JSON");
        write_private(&description_path(&self.folder), &content, None)?;
        Ok(description)
    }

    /// Stops the services, then the servers, and tells how each went. Nothing of ours runs afterwards.
    pub async fn stop(self) -> Result<Vec<(String, Ending)>> {
        let mut endings = self.supervisor.stop_all().await;
        let (kafka, postgres) = tokio::join!(self.kafka.server().stop(), self.postgres.server().stop());
        endings.extend([("kafka".to_owned(), kafka), ("postgres".to_owned(), postgres)]);
        self.guardian.release().await;
        remove_if_there(&description_path(&self.folder))?;
        Ok(endings)
    }
}

/// Starts both or neither.
async fn start_servers(
    options: &StackOptions,
    ports: &Ports,
    table: &Arc<ProcessTable>,
) -> Result<(Postgres, Kafka)> {
    let folder = &options.folders.state;
    let postgres_options = PostgresOptions {
        folder: folder.join("postgres"),
        port: port_unless(options.postgres_url.is_some(), ports, "PostgreSQL")?,
        connections_max: options.connections_max,
        supervised: true,
    };
    let given = options.kafka_brokers.is_some();
    let kafka_options = KafkaOptions {
        folder: folder.join("kafka"),
        cache: options.folders.cache.clone(),
        port: port_unless(given, ports, "Kafka")?,
        controller_port: port_unless(given, ports, "Kafka's controller")?,
        heap_mb: options.kafka_heap_mb,
        detour: detour(options, ports)?,
        supervised: true,
    };
    // A missing program is said at once, not after the other server was fetched and started.
    if options.postgres_url.is_none() {
        crate::postgres::check_present()?;
    }
    if !given {
        crate::kafka::check_present()?;
    }
    let postgres = async {
        match &options.postgres_url {
            Some(url) => Postgres::given(url).await,
            None => Postgres::start(&postgres_options, table).await,
        }
    };
    let kafka = async {
        match &options.kafka_brokers {
            Some(brokers) => Kafka::given(brokers).await,
            None => Kafka::start(&kafka_options, table).await,
        }
    };
    match tokio::join!(postgres, kafka) {
        (Ok(postgres), Ok(kafka)) => Ok((postgres, kafka)),
        (Ok(postgres), Err(error)) => {
            postgres.server().stop().await;
            Err(error)
        }
        (Err(error), Ok(kafka)) => {
            kafka.server().stop().await;
            Err(error)
        }
        (Err(error), Err(_)) => Err(error),
    }
}

/// How many ports [`start_servers`] takes.
fn ports_of_servers(options: &StackOptions) -> u16 {
    let (postgres, kafka) = (options.postgres_url.is_none(), options.kafka_brokers.is_none());
    u16::from(postgres) + 2 * u16::from(kafka) + 2 * u16::from(kafka && options.kafka_detour)
}

fn detour(options: &StackOptions, ports: &Ports) -> Result<Option<Detour>> {
    if !options.kafka_detour || options.kafka_brokers.is_some() {
        return Ok(None);
    }
    let (port, advertised) = (ports.next("Kafka behind a proxy")?, ports.next("a proxy before Kafka")?);
    Ok(Some(Detour { port, advertised }))
}

/// `0` stands for a port that is not used: the server is given.
fn port_unless(given: bool, ports: &Ports, what: &str) -> Result<u16> {
    if given { Ok(0) } else { ports.next(what) }
}

fn description_path(folder: &Path) -> PathBuf {
    folder.join("stack.json")
}

fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).on("remove", path),
        _ => Ok(()),
    }
}
