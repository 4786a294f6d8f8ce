//! Servers that the commands stand on: started first, stopped last.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use bowline_dev_stack::{Ending, Owner, Stack, StackOptions, wait_until_gone};
use bowline_kernel::{IdSource as _, SystemIds};
use bowline_messaging::KafkaOptions;

use crate::args::StackArgs;
use crate::fleet::Places;
use crate::screen::say;
use crate::stop::{Stop, Stopped};

/// Connections that one process of a service, and whoever breaks it, need at the most.
const CONNECTIONS_PER_PROCESS: u32 = 20;
/// Connections of everybody else.
const CONNECTIONS_SPARE: u32 = 60;

/// What a command's databases and topics are called.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) database_prefix: String,
    pub(crate) namespace: String,
}

impl Names {
    /// The plain names, for data that is kept.
    pub(crate) fn plain() -> Self {
        Self {
            database_prefix: bowline_dev_stack::databases::DEFAULT_PREFIX.to_owned(),
            namespace: String::new(),
        }
    }

    /// Names for one run: plain ones on servers of our own, which begin empty, and new ones on given servers.
    pub(crate) fn of_one_run(args: &StackArgs) -> Self {
        let plain = Self::plain();
        let run = run_name();
        Self {
            database_prefix: match args.postgres_url {
                Some(_) => format!("demo_{run}_"),
                None => plain.database_prefix,
            },
            namespace: if args.kafka.is_some() { format!("demo-{run}.") } else { plain.namespace },
        }
    }

    /// Names for the warm-up of a run that has these names.
    pub(crate) fn of_warm_up(&self) -> Self {
        let database_prefix = match self.database_prefix.strip_prefix("demo_") {
            Some(run) => format!("warmup_{run}"),
            None => "warmup_".to_owned(),
        };
        Self { database_prefix, namespace: format!("{}warmup.", self.namespace) }
    }

    pub(crate) fn kafka(&self, stack: &Stack) -> KafkaOptions {
        let brokers = stack.kafka().brokers().split(',').map(|broker| broker.trim().to_owned()).collect();
        KafkaOptions::new(brokers, self.namespace.clone())
    }
}

/// The random end of an id, which differs between any two runs.
fn run_name() -> String {
    let id = SystemIds.next_id().simple().to_string();
    id[id.len() - 8..].to_owned()
}

/// Starts PostgreSQL and Kafka, or uses those that are given, for a command. `fresh` as in [`StackOptions`].
pub(crate) async fn start(
    command: &str,
    args: &StackArgs,
    names: &Names,
    fresh: bool,
    stop: &Stop,
) -> anyhow::Result<Stack> {
    start_with(options(command, args, names, fresh)?, args, stop).await
}

/// How the stack of a command is started, for those who change something about it.
pub(crate) fn options(
    command: &str,
    args: &StackArgs,
    names: &Names,
    fresh: bool,
) -> anyhow::Result<StackOptions> {
    let mut options = StackOptions::new(args.folders.of(command)?);
    options.postgres_url.clone_from(&args.postgres_url);
    options.kafka_brokers.clone_from(&args.kafka);
    options.port_base = args.port_base;
    options.ports_further = Places::ports(1);
    options.database_prefix.clone_from(&names.database_prefix);
    options.fresh = fresh;
    Ok(options)
}

/// Makes room for so many processes of each service: connections to a PostgreSQL of ours, and ports.
pub(crate) fn make_room(options: &mut StackOptions, replicas: u8) {
    options.connections_max = options.connections_max.max(connections(replicas));
    options.ports_further = Places::ports(replicas);
}

/// How many connections to PostgreSQL so many processes of each service need.
pub(crate) fn connections(replicas: u8) -> u32 {
    4 * u32::from(replicas) * CONNECTIONS_PER_PROCESS + CONNECTIONS_SPARE
}

/// The same with options of the caller's own. When it is stopped on the way, nothing of it runs any more afterwards.
pub(crate) async fn start_with(
    options: StackOptions,
    args: &StackArgs,
    stop: &Stop,
) -> anyhow::Result<Stack> {
    let folder = options.folders.state.clone();
    refuse_a_second(&folder, &args.folders.hint()).await?;
    match (&args.postgres_url, &args.kafka) {
        (None, None) => say("starting PostgreSQL and Kafka"),
        (None, Some(brokers)) => say(&format!("starting PostgreSQL; Kafka is given: {brokers}")),
        (Some(_), None) => say("starting Kafka; PostgreSQL is given"),
        (Some(_), Some(_)) => say("PostgreSQL and Kafka are given"),
    }
    let started = stop.or(Box::pin(Stack::start(options))).await;
    if started.as_ref().is_err_and(anyhow::Error::is::<Stopped>) {
        // The start was given up half-way: the guardian stops what there is of it.
        say("stopping what was started");
        wait_until_gone(&folder).await?;
    }
    let stack = started?;
    for leftover in stack.leftovers() {
        say(&format!(
            "stopped {} (pid {}), which an earlier run had left behind",
            leftover.name, leftover.pid
        ));
    }
    Ok(stack)
}

/// Refuses while a stack runs in `folder`, before anything is said to be started. The stack itself looks once more.
async fn refuse_a_second(folder: &Path, hint: &str) -> anyhow::Result<()> {
    if let Some(owner) = Owner::of(folder).await? {
        bail!(
            "a stack runs in {}, started by process {}: stop it with `bowline down{hint}`, or give another folder with \
             --data-dir",
            folder.display(),
            owner.pid()
        );
    }
    Ok(())
}

/// Where the services' logs are.
pub(crate) fn logs_of(stack: &Stack) -> anyhow::Result<PathBuf> {
    let log = stack.log_of("any")?;
    Ok(log.parent().map_or_else(PathBuf::new, Path::to_path_buf))
}

/// Removes the logs of earlier runs, before anything of this run writes one.
pub(crate) fn forget_logs(stack: &Stack) -> anyhow::Result<()> {
    let logs = logs_of(stack)?;
    std::fs::remove_dir_all(&logs).with_context(|| format!("cannot remove {}", logs.display()))
}

/// Removes the databases of a run from a given server, however far the run has come.
pub(crate) async fn drop_databases(stack: &Stack, runs: impl IntoIterator<Item = &Names>) {
    stack.supervisor().stop_all().await;
    for Names { database_prefix, .. } in runs {
        // Preparing makes those that the run did not come to; then all of them are there to be dropped.
        let dropped = async { stack.prepare_databases(database_prefix).await?.drop_all().await };
        if let Err(error) = dropped.await {
            say(&format!("the databases {database_prefix}* remain on the given server: {error}"));
        }
    }
}

/// Stops everything and tells what did not go well.
pub(crate) async fn stop(stack: Stack) {
    say("stopping what was started");
    match stack.stop().await {
        Ok(endings) => {
            for (name, ending) in endings {
                if ending == Ending::Killed {
                    say(&format!("{name} did not stop in time and was killed"));
                }
            }
        }
        Err(error) => say(&format!("not everything was cleared away: {error}")),
    }
}
