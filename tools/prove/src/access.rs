//! How the ledger reaches what it reads.

use std::str::FromStr as _;
use std::time::Duration;

use bowline_messaging::KafkaOptions;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use url::Url;

use crate::Error;

/// Connections to one database: a long read, a short one beside it, and one to spare.
const CONNECTIONS_MAX: u32 = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that is read.
#[derive(Debug, Clone)]
pub struct Access {
    /// The services' databases.
    pub databases: DatabaseUrls,
    /// The topics.
    pub kafka: KafkaOptions,
    /// Base address of the payment provider.
    pub provider: Url,
}

/// Addresses of the four databases, as a role that may read all of their tables.
#[derive(Clone)]
pub struct DatabaseUrls {
    /// Of orders.
    pub orders: String,
    /// Of inventory.
    pub inventory: String,
    /// Of payment.
    pub payment: String,
    /// Of projection.
    pub projection: String,
}

/// They hold passwords.
impl std::fmt::Debug for DatabaseUrls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseUrls").finish_non_exhaustive()
    }
}

/// The open databases.
#[derive(Debug, Clone)]
pub(crate) struct Databases {
    pub(crate) orders: Database,
    pub(crate) inventory: Database,
    pub(crate) payment: Database,
    pub(crate) projection: Database,
}

/// One open database.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) service: &'static str,
    pub(crate) pool: PgPool,
}

impl DatabaseUrls {
    pub(crate) fn connect(&self) -> Result<Databases, Error> {
        Ok(Databases {
            orders: Database::open("orders", &self.orders)?,
            inventory: Database::open("inventory", &self.inventory)?,
            payment: Database::open("payment", &self.payment)?,
            projection: Database::open("projection", &self.projection)?,
        })
    }
}

impl Databases {
    pub(crate) fn all(&self) -> [&Database; 4] {
        [&self.orders, &self.inventory, &self.payment, &self.projection]
    }
}

impl Database {
    fn open(service: &'static str, url: &str) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|source| Error::Database { database: service, source })?
            .application_name("bowline-prove")
            .options([("jit", "off"), ("default_transaction_read_only", "on"), ("work_mem", "64MB")]);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_lazy_with(options);
        Ok(Self { service, pool })
    }

    /// Wraps what the driver said.
    pub(crate) fn failed(&self, source: sqlx::Error) -> Error {
        Error::Database { database: self.service, source }
    }
}
