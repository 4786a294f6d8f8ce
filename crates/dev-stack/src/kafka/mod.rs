//! A Kafka broker: given by address, or one node of Apache Kafka run on this machine's Java.

pub(crate) mod parts;
mod probe;
mod settings;
mod survey;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use crate::account::{Account, check_reachable, give, make_folder};
use crate::error::{Error, FileContext as _, Result};
use crate::process::{Process, ProcessSpec, last_lines};
use crate::process_table::ProcessTable;
use crate::server::Server;
pub use survey::{ClusterSurvey, TopicSurvey, survey};

const STOP_MAX: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const NAME: &str = "kafka";
const WHAT: &str = "Kafka";

/// How to run the local broker.
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// Data, settings and log; made when missing.
    pub folder: PathBuf,
    /// Where the jars are kept between runs.
    pub cache: PathBuf,
    /// Where clients connect, on 127.0.0.1 only.
    pub port: u16,
    /// Where the controller listens, on 127.0.0.1 only.
    pub controller_port: u16,
    /// Largest heap; 256 to 750 are sensible.
    pub heap_mb: u32,
    /// A second way in, for clients that come through a proxy.
    pub detour: Option<Detour>,
    /// Whether it is started again when it dies.
    pub supervised: bool,
}

/// A way into the broker for clients that come through a proxy. A broker tells its clients where to find it; those that
/// come this way are told the address of the proxy. Both ports are on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detour {
    /// Where the broker listens, and where the proxy leads.
    pub port: u16,
    /// Where the proxy listens.
    pub advertised: u16,
}

/// A Kafka broker, or a cluster that was given.
#[derive(Debug)]
pub struct Kafka {
    brokers: String,
    detour: Option<Detour>,
    server: Server,
}

impl Kafka {
    /// Uses brokers that somebody else runs; asks them once to be sure.
    pub async fn given(brokers: &str) -> Result<Self> {
        if probe::answers(brokers).await {
            Ok(Self { brokers: brokers.to_owned(), detour: None, server: Server::given(WHAT) })
        } else {
            Err(Error::KafkaUnreachable { brokers: brokers.to_owned() })
        }
    }

    /// Starts a broker of ours (fetching it first if need be) and waits until it is at work.
    pub async fn start(options: &KafkaOptions, table: &Arc<ProcessTable>) -> Result<Self> {
        let java = parts::java()?;
        let jars = parts::jars(&options.cache).await?;
        let account = Account::for_servers()?;
        make_folder(&options.folder, 0o755, None)?;
        check_reachable(&options.folder, account.as_ref())?;
        check_reachable(&jars, account.as_ref())?;
        let data = options.folder.join("data");
        make_folder(&data, 0o700, account.as_ref())?;
        for (port, what) in [(options.port, WHAT), (options.controller_port, "Kafka's controller")] {
            crate::ports::check_free(port, what)?;
        }
        let properties = options.folder.join("server.properties");
        std::fs::write(
            &properties,
            settings::properties(&data, options.port, options.controller_port, options.detour),
        )
        .on("write", &properties)?;
        give(&properties, account.as_ref())?;
        if !data.join("meta.properties").is_file() {
            format_storage(&java, &jars, &properties, account.as_ref()).await?;
        }

        let mut spec = ProcessSpec::new(NAME, java, options.folder.join("kafka.log"));
        spec.args = settings::java_arguments(&jars, options.heap_mb, "kafka.Kafka");
        spec.args.push(properties.display().to_string());
        spec.stop_grace = STOP_MAX;
        spec.restart = options.supervised;
        spec.account = account;
        let this = Self {
            brokers: format!("127.0.0.1:{}", options.port),
            detour: options.detour,
            server: Server::ours(WHAT, Process::new(spec, table.clone())),
        };
        if let Err(error) = this.start_again().await {
            this.server.stop().await;
            return Err(error);
        }
        Ok(this)
    }

    /// Addresses of the brokers, as clients take them.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The second way in, if there is one.
    pub fn detour(&self) -> Option<Detour> {
        self.detour
    }

    /// What it runs as.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Starts our broker after [`Server::stop`] or [`Server::kill`] and waits until it is at work.
    pub async fn start_again(&self) -> Result<()> {
        self.server.process()?.start().await?;
        self.wait_ready().await
    }

    /// Stops our broker cleanly and starts it again at the same port.
    pub async fn restart(&self) -> Result<()> {
        self.server.process()?.stop().await;
        self.start_again().await
    }

    /// Waits until the broker is at work.
    pub async fn wait_ready(&self) -> Result<()> {
        let at_work = async {
            while !probe::answers(&self.brokers).await {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Ok(())
        };
        self.server.wait_ready(at_work).await
    }
}

/// Fails if there is no usable Java on this machine.
pub(crate) fn check_present() -> Result<()> {
    parts::java().map(|_| ())
}

async fn format_storage(
    java: &Path,
    jars: &Path,
    properties: &Path,
    account: Option<&Account>,
) -> Result<()> {
    let mut command = tokio::process::Command::new(java);
    // It runs for a second: a thorough compiler would only cost time.
    command.arg("-XX:TieredStopAtLevel=1");
    command.args(settings::java_arguments(jars, 256, "kafka.tools.StorageTool"));
    command.args(["format", "--ignore-formatted", "--cluster-id"]).arg(settings::cluster_id());
    command.arg("--config").arg(properties).current_dir("/").stdin(Stdio::null());
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command.kill_on_drop(true);
    let out = command.output().await.map_err(|source| Error::Spawn { program: java.to_owned(), source })?;
    if out.status.success() {
        return Ok(());
    }
    let said = format!("{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    Err(Error::Program {
        program: "Kafka's storage formatter".to_owned(),
        status: out.status.to_string(),
        said: last_lines(&said),
    })
}
