//! Options of the projection service.

use std::time::Duration;

use bowline_config::{DatabaseUrl, Faults, Given};
use bowline_database::Durability;
use bowline_messaging::{KafkaArgs, KafkaOptions, LaneArgs, LaneOptions};
use bowline_service::{ServiceOptions, ServiceSettings};

/// The Bowline projection service: order views, lists and timelines, derived from the events of the other services.
///
/// Every option can be given as a flag or as an environment variable. All faults are named at once.
#[derive(Debug, clap::Parser)]
#[command(name = "bowline-projection", version)]
pub struct Options {
    #[command(flatten)]
    service: ServiceOptions,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    lanes: LaneArgs,
    /// The database, with the role that the service works as: postgres://role:password@host:port/database.
    #[arg(long, env = "BOWLINE_PROJECTION_DATABASE_URL", value_name = "URL", help_heading = "Database")]
    database_url: Option<Given<DatabaseUrl>>,
    /// The database, with the role that owns its tables; if given, migrations are applied at start.
    #[arg(
        long,
        env = "BOWLINE_PROJECTION_MIGRATIONS_DATABASE_URL",
        value_name = "URL",
        help_heading = "Database"
    )]
    migrations_database_url: Option<Given<DatabaseUrl>>,
    /// Accept a server that forgets commits after a crash (fsync or synchronous_commit off).
    #[arg(long, env = "BOWLINE_ALLOW_UNSAFE_DURABILITY", help_heading = "Database")]
    allow_unsafe_durability: bool,
    /// Connections for reads of callers.
    #[arg(long, env = "BOWLINE_QUERY_CONNECTIONS_MAX", default_value = "8", help_heading = "Database")]
    query_connections_max: Given<u32>,
    /// The most callers that watch an order at the same time; the next one is refused.
    #[arg(long, env = "BOWLINE_WATCHERS_MAX", default_value = "4096", help_heading = "Limits")]
    watchers_max: Given<usize>,
    /// How often watched orders are looked at for what other replicas have committed.
    #[arg(long, env = "BOWLINE_WATCH_POLL", default_value = "500ms", help_heading = "Limits")]
    watch_poll: Given<Duration>,
}

/// Checked [`Options`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// What every service has.
    pub service: ServiceSettings,
    /// Where Kafka is.
    pub kafka: KafkaOptions,
    /// How work is shared and batched.
    pub lanes: LaneOptions,
    /// The database, as the role that the service works as.
    pub database_url: DatabaseUrl,
    /// The database, as the role that owns its tables.
    pub migrations_database_url: Option<DatabaseUrl>,
    /// Whether a server that forgets commits is accepted.
    pub durability: Durability,
    /// Connections for reads of callers.
    pub query_connections_max: u32,
    /// Limits of watching.
    pub watching: WatchSettings,
}

/// Limits of watching orders.
#[derive(Debug, Clone, Copy)]
pub struct WatchSettings {
    /// The most callers at the same time.
    pub watchers_max: usize,
    /// How often watched orders are looked at for what other replicas have committed.
    pub poll: Duration,
}

impl Options {
    /// Takes the values out, collecting every fault.
    pub fn check(self, faults: &mut Faults) -> Option<Settings> {
        let service = self.service.check(faults);
        let kafka = self.kafka.check(faults);
        let lanes = self.lanes.check(faults);
        let database_url = faults.require("database-url", self.database_url, DATABASE_URL);
        let migrations_database_url =
            faults.optional("migrations-database-url", self.migrations_database_url);
        let query_connections_max =
            faults.within("query-connections-max", self.query_connections_max, 1..=1000);
        let watchers_max = faults.within("watchers-max", self.watchers_max, 1..=100_000);
        let poll = faults
            .take_if("watch-poll", self.watch_poll, "a time of at least 10ms", |poll| *poll >= POLL_MIN);
        Some(Settings {
            service: service?,
            kafka: kafka?,
            lanes: lanes?,
            database_url: database_url?,
            migrations_database_url: migrations_database_url?,
            durability: if self.allow_unsafe_durability { Durability::Waived } else { Durability::Required },
            query_connections_max: query_connections_max?,
            watching: WatchSettings { watchers_max: watchers_max?, poll: poll? },
        })
    }
}

const DATABASE_URL: &str = "an address such as postgres://role:password@host:5432/database";
const POLL_MIN: Duration = Duration::from_millis(10);
