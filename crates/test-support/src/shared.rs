//! The one stack of all test processes.
//!
//! Folder `bowline-tests-<user id>` in the system's temporary folder: `lock` is held while one process starts or checks
//! the stack, `stack.json` describes it, `users/<process id>` marks each process that uses it, and a guardian stops and
//! empties it when no user has lived for [`IDLE_SECONDS`].

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bowline_dev_stack::ports::Ports;
use bowline_dev_stack::process_table::{ProcessTable, stop_leftovers};
use bowline_dev_stack::{
    Error, Folders, Kafka, KafkaOptions, Postgres, PostgresOptions, Result, Surroundings, databases,
    leave_guardian,
};
use tokio::sync::OnceCell;

use crate::variable;

const IDLE_SECONDS: u32 = 120;
/// Many tests run at once, each with pools of its own.
const CONNECTIONS_MAX: u32 = 500;
const HEAP_MB: u32 = 750;
/// The guardian is deciding or stopping; after this it is taken for dead.
const STOPPING_MAX: Duration = Duration::from_secs(40);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Where the shared servers are.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TestStack {
    /// PostgreSQL as its superuser.
    pub postgres_url: String,
    /// Kafka's brokers.
    pub kafka_brokers: String,
}

/// The shared servers, started if need be. The two group roles exist.
pub async fn stack() -> &'static TestStack {
    static STACK: OnceCell<TestStack> = OnceCell::const_new();
    STACK
        .get_or_init(|| async {
            // On a thread and a runtime of its own: what it starts must not end with the runtime of one test.
            let (send, receive) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let found = runtime.expect("a runtime can be made").block_on(find_or_start());
                let _caller_gone = send.send(found);
            });
            match receive.await.expect("the thread answers or has told why not") {
                Ok(stack) => stack,
                Err(error) => panic!("the servers for tests cannot be had: {}", with_causes(&error)),
            }
        })
        .await
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

async fn find_or_start() -> Result<TestStack> {
    let (postgres_url, kafka_brokers) =
        (variable("BOWLINE_TEST_POSTGRES_URL"), variable("BOWLINE_TEST_KAFKA"));
    let stack = if let (Some(postgres_url), Some(kafka_brokers)) = (&postgres_url, &kafka_brokers) {
        TestStack { postgres_url: postgres_url.clone(), kafka_brokers: kafka_brokers.clone() }
    } else {
        let ours = local().await?;
        TestStack {
            postgres_url: postgres_url.unwrap_or(ours.postgres_url),
            kafka_brokers: kafka_brokers.unwrap_or(ours.kafka_brokers),
        }
    };
    let postgres = Postgres::given(&stack.postgres_url).await?;
    databases::prepare_group_roles(postgres.admin_url()).await?;
    Ok(stack)
}

async fn local() -> Result<TestStack> {
    let folder = folder()?;
    let users = folder.join("users");
    std::fs::create_dir_all(&users).map_err(|source| file_error("make the folder", &users, source))?;
    // The mark comes before the look at the description: the guardian looks the other way round.
    let mark = users.join(std::process::id().to_string());
    std::fs::write(&mark, "").map_err(|source| file_error("write", &mark, source))?;

    let lock_path = folder.join("lock");
    let lock = File::create(&lock_path).map_err(|source| file_error("write", &lock_path, source))?;
    lock.lock().map_err(|source| file_error("lock", &lock_path, source))?;
    guardian_has_decided(&folder).await;
    let description = folder.join("stack.json");
    if let Some(stack) = read(&description)
        && works(&stack).await
    {
        return Ok(stack);
    }
    start(&folder, &description).await
}

/// Waits while the guardian is about to stop the stack, or to take that back because it saw our mark.
async fn guardian_has_decided(folder: &Path) {
    let stopping = folder.join("stack.stopping");
    let gone = async {
        while stopping.exists() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    if tokio::time::timeout(STOPPING_MAX, gone).await.is_err() {
        let _gone_after_all = std::fs::remove_file(&stopping);
    }
}

fn read(description: &Path) -> Option<TestStack> {
    serde_json::from_slice(&std::fs::read(description).ok()?).ok()
}

async fn works(stack: &TestStack) -> bool {
    Postgres::given(&stack.postgres_url).await.is_ok() && Kafka::given(&stack.kafka_brokers).await.is_ok()
}

async fn start(folder: &Path, description: &Path) -> Result<TestStack> {
    stop_leftovers(folder).await?;
    let _none = std::fs::remove_file(description);
    for name in ["postgres", "kafka"] {
        let part = folder.join(name);
        if part.exists() {
            std::fs::remove_dir_all(&part).map_err(|source| file_error("remove", &part, source))?;
        }
    }
    let table = Arc::new(ProcessTable::create(folder)?);
    // First, so that a failure or our death half-way leaves somebody to stop the rest.
    leave_guardian(&table, folder, IDLE_SECONDS)?;
    let ports = Ports::new(None);
    let postgres_options = PostgresOptions {
        folder: folder.join("postgres"),
        port: ports.next("PostgreSQL")?,
        connections_max: CONNECTIONS_MAX,
        supervised: false,
    };
    let kafka_options = KafkaOptions {
        folder: folder.join("kafka"),
        cache: cache()?,
        port: ports.next("Kafka")?,
        controller_port: ports.next("Kafka's controller")?,
        heap_mb: HEAP_MB,
        detour: None,
        supervised: false,
    };
    let (postgres, kafka) =
        tokio::join!(Postgres::start(&postgres_options, &table), Kafka::start(&kafka_options, &table));
    let stack = TestStack {
        postgres_url: postgres?.admin_url().to_string(),
        kafka_brokers: kafka?.brokers().to_owned(),
    };
    let content = serde_json::to_vec_pretty(&stack).expect("strings are JSON");
    // In one step: the guardian renames the file.
    let fresh = folder.join("stack.json.new");
    write_private(&fresh, &content).map_err(|source| file_error("write", &fresh, source))?;
    std::fs::rename(&fresh, description).map_err(|source| file_error("write", description, source))?;
    Ok(stack)
}

/// Ours alone to write, but open to enter for the user that PostgreSQL runs as.
fn folder() -> Result<PathBuf> {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};

    let user = rustix::process::geteuid();
    let folder = std::env::temp_dir().join(format!("bowline-tests-{}", user.as_raw()));
    match std::fs::DirBuilder::new().mode(0o711).create(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(file_error("make the folder", &folder, error));
        }
        _ => {}
    }
    // Whoever else made a folder of this name could read the passwords in it.
    let about = folder.symlink_metadata().map_err(|source| file_error("look at", &folder, source))?;
    if !about.is_dir() || about.uid() != user.as_raw() {
        return Err(Error::FolderForeign { folder });
    }
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o711))
        .map_err(|source| file_error("set the mode of", &folder, source))?;
    Ok(folder)
}

/// The description holds the superuser's password.
fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?
        .write_all(content)
}

fn cache() -> Result<PathBuf> {
    let path = |name| variable(name).map(PathBuf::from);
    let around = Surroundings {
        home: path("HOME"),
        xdg_state_home: path("XDG_STATE_HOME"),
        xdg_cache_home: path("XDG_CACHE_HOME"),
    };
    Ok(Folders::choose(None, None, &around)?.cache)
}

fn file_error(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::File { action, path: path.to_owned(), source }
}
