//! Pools of connections, one per kind of work.

use std::ops::{Deref, DerefMut};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, Postgres};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::{Error, Transaction};

/// How long the server may take to let a connection in. Longer than callers wait: see [`Database::acquire`].
const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the database is and how many connections may be open.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// `postgres://role:password@host:port/database`.
    pub url: String,
    /// What the server sees as `application_name`.
    pub application: &'static str,
    /// The most connections that are open at once.
    pub connections_max: u32,
    /// How long a caller waits for a connection.
    pub acquire_timeout: Duration,
    /// What the connections are for.
    pub profile: Profile,
}

/// What connections are for, which decides their settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Reads of callers: the server's own planning, and a limit on how long a statement may run.
    Query,
    /// The fixed statements of executors and relays: plans that do not flip while tables grow from nothing, a limit
    /// on how long locks are waited for and on how long a transaction may stand idle.
    Hot,
    /// What can be made again after a crash that loses it: as [`Profile::Hot`], but `COMMIT` does not wait for the disk.
    Lazy,
}

/// Whether a server that may forget commits is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// `fsync` and `synchronous_commit` must be on.
    Required,
    /// Anything goes; for experiments.
    Waived,
}

/// A pool of connections to one database.
#[derive(Debug, Clone)]
pub struct Database {
    pool: PgPool,
    /// As many permits as the pool may have connections: who holds one never waits in the pool's own queue.
    permits: Arc<Semaphore>,
    connections_max: usize,
    logins: TaskTracker,
    acquire_timeout: Duration,
}

/// How much of a pool is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Connections that are lent, or are being opened for somebody.
    pub lent: usize,
    /// The most that may be.
    pub most: usize,
}

/// A connection that is lent until it is dropped. Use it as a `&mut PgConnection`.
#[derive(Debug)]
pub struct Connection {
    // In this order: the permit is free when the connection is on its way back.
    connection: PoolConnection<Postgres>,
    _permit: OwnedSemaphorePermit,
}

impl Database {
    /// Opens a pool. Connects lazily: a server that is away is met at the first statement.
    pub fn open(options: &ConnectOptions) -> Result<Self, Error> {
        let connect = PgConnectOptions::from_str(&options.url)?
            .application_name(options.application)
            .options(settings(options.profile));
        let pool = PgPoolOptions::new()
            .max_connections(options.connections_max)
            .acquire_timeout(LOGIN_TIMEOUT)
            .test_before_acquire(options.profile == Profile::Query)
            .connect_lazy_with(connect);
        let permits = usize::try_from(options.connections_max).unwrap_or(Semaphore::MAX_PERMITS);
        Ok(Self {
            pool,
            permits: Arc::new(Semaphore::new(permits)),
            connections_max: permits,
            logins: TaskTracker::new(),
            acquire_timeout: options.acquire_timeout,
        })
    }

    /// Opens a pool and checks that the server can be reached, is new enough, and keeps what it commits.
    pub async fn connect(options: &ConnectOptions, durability: Durability) -> Result<Self, Error> {
        // A connection of its own: a pool would wait and then say only that it waited.
        let connect = PgConnectOptions::from_str(&options.url)?.application_name(options.application);
        tokio::time::timeout(LOGIN_TIMEOUT, PgConnection::connect_with(&connect))
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)??
            .close()
            .await?;
        let database = Self::open(options)?;
        database.check(durability).await?;
        Ok(database)
    }

    /// Lends a connection, opening one if none is idle and fewer than the most are open.
    ///
    /// A caller waits for [`ConnectOptions::acquire_timeout`] and then gets [`sqlx::Error::PoolTimedOut`]; the login that
    /// it waited for goes on and serves the next one. Were it given up with its caller, callers who queue for a server
    /// that is slow to let them in would each reach it with too little of their time left, and none would ever get in.
    pub async fn acquire(&self) -> Result<Connection, Error> {
        tokio::time::timeout(self.acquire_timeout, async {
            let permits = Arc::clone(&self.permits);
            let permit = permits.acquire_owned().await.map_err(|_closed| sqlx::Error::PoolClosed)?;
            let pool = self.pool.clone();
            let login = self.logins.spawn(async move {
                let connection = pool.acquire().await?;
                Ok::<_, sqlx::Error>(Connection { connection, _permit: permit })
            });
            Ok(login.await.map_err(|_died| sqlx::Error::WorkerCrashed)??)
        })
        .await
        .map_err(|_late| sqlx::Error::PoolTimedOut)?
    }

    /// Begins a transaction on a connection of the pool.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        Transaction::begin(self.acquire().await?).await
    }

    /// Succeeds if the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        sqlx::query("SELECT 1").execute(&mut *self.acquire().await?).await?;
        Ok(())
    }

    /// How much of the pool is in use at this moment.
    pub fn pool_use(&self) -> PoolUse {
        let lent = self.connections_max - self.permits.available_permits();
        PoolUse { lent, most: self.connections_max }
    }

    async fn check(&self, durability: Durability) -> Result<(), Error> {
        let (number, version, fsync, synchronous_commit): (i32, String, String, String) = sqlx::query_as(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'), \
             current_setting('fsync'), (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit')",
        )
        .fetch_one(&mut *self.acquire().await?)
        .await?;
        if number < 150_000 {
            return Err(Error::TooOld { found: version });
        }
        if durability == Durability::Required {
            for (setting, value) in [("fsync", fsync), ("synchronous_commit", synchronous_commit)] {
                if value == "off" {
                    return Err(Error::Unsafe { setting });
                }
            }
        }
        Ok(())
    }
}

impl Connection {
    /// Closes the connection when it is dropped, instead of lending it again.
    pub(crate) fn close_on_drop(&mut self) {
        self.connection.close_on_drop();
    }
}

impl Deref for Connection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

/// Session settings by profile.
fn settings(profile: Profile) -> impl Iterator<Item = (&'static str, &'static str)> {
    let (settings, lazily): (&[_], _) = match profile {
        Profile::Query => (&[("statement_timeout", "10s"), ("jit", "off")], None),
        Profile::Hot => (HOT, None),
        Profile::Lazy => (HOT, Some(("synchronous_commit", "off"))),
    };
    settings.iter().copied().chain(lazily)
}

/// The planner switches keep the fixed statements on their keys while the statistics of young tables say that scanning
/// is cheaper.
const HOT: &[(&str, &str)] = &[
    ("jit", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("lock_timeout", "5s"),
    ("statement_timeout", "30s"),
    ("idle_in_transaction_session_timeout", "5s"),
];
