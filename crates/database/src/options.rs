//! Options of a service's database.

use std::time::Duration;

use bowline_config::{DatabaseUrl, Faults, Given};

use crate::{ConnectOptions, Database, Durability, Error, Migrator, Profile, migrate};

/// Where the database is and as whom it is used.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Database")]
pub struct DatabaseArgs {
    /// The database, with the role that the service works as: postgres://role:password@host:port/database.
    #[arg(long, env = "BOWLINE_DATABASE_URL", value_name = "URL")]
    database_url: Option<Given<DatabaseUrl>>,
    /// The database, with the role that owns its tables; if given, migrations are applied at start.
    #[arg(long, env = "BOWLINE_MIGRATIONS_DATABASE_URL", value_name = "URL")]
    migrations_database_url: Option<Given<DatabaseUrl>>,
    /// Accept a server that forgets commits after a crash (fsync or synchronous_commit off).
    #[arg(long, env = "BOWLINE_ALLOW_UNSAFE_DURABILITY")]
    allow_unsafe_durability: bool,
    /// The most connections for reads of callers.
    #[arg(long, env = "BOWLINE_QUERY_CONNECTIONS_MAX", default_value = "8", value_name = "COUNT")]
    query_connections_max: Given<u32>,
}

/// Checked [`DatabaseArgs`].
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// As the role that the service works as.
    pub url: DatabaseUrl,
    /// As the role that owns the tables.
    pub migrations_url: Option<DatabaseUrl>,
    /// Whether a server that forgets commits is accepted.
    pub durability: Durability,
    /// The most connections for reads of callers.
    pub query_connections_max: u32,
}

impl DatabaseArgs {
    /// Takes the values out, collecting every fault.
    pub fn check(self, faults: &mut Faults) -> Option<DatabaseSettings> {
        let expected = "an address such as postgres://role:password@host:5432/database";
        let url = faults.require("database-url", self.database_url, expected);
        let migrations_url = faults.optional("migrations-database-url", self.migrations_database_url);
        let connections_max = faults.within("query-connections-max", self.query_connections_max, 1..=1000);
        Some(DatabaseSettings {
            url: url?,
            migrations_url: migrations_url?,
            durability: if self.allow_unsafe_durability { Durability::Waived } else { Durability::Required },
            query_connections_max: connections_max?,
        })
    }
}

impl DatabaseSettings {
    /// Applies the migrations of every owner, if there is a role for it.
    pub async fn migrate(&self, migrators: &[(&'static str, &Migrator)]) -> Result<(), Error> {
        match &self.migrations_url {
            Some(url) => migrate(url.expose(), migrators).await.map_err(|error| error.at(url)),
            None => Ok(()),
        }
    }

    /// The pool for reads of callers, after a check that the server can be reached and keeps what it commits.
    pub async fn connect_for_reads(&self, application: &'static str) -> Result<Database, Error> {
        let options = ConnectOptions {
            url: self.url.expose().to_owned(),
            application,
            connections_max: self.query_connections_max,
            acquire_timeout: Duration::from_secs(2),
            profile: Profile::Query,
        };
        Database::connect(&options, self.durability).await.map_err(|error| error.at(&self.url))
    }
}
