//! The options of this service.

use std::time::Duration;

use bowline_config::{DatabaseUrl, Faults, Given};
use bowline_database::Durability;
use bowline_messaging::{KafkaArgs, KafkaOptions, LaneArgs, LaneOptions};
use bowline_service::{ServiceOptions, ServiceSettings};

use crate::app::housekeeping::Retention;

/// Callers may repeat a request for a day at least.
const RETENTION_MIN: Duration = Duration::from_hours(24);

/// Catalogue, stock levels, reservations and the ledger of stock movements, over gRPC and Kafka.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "bowline-inventory", version)]
pub struct Options {
    #[command(flatten)]
    service: ServiceOptions,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    lanes: LaneArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Where other replicas find this one; the gRPC address if left out.
    #[arg(long, env = "BOWLINE_ADVERTISED_ADDRESS", value_name = "HOST:PORT", help_heading = "Addresses")]
    advertised_address: Option<Given<String>>,
    /// How long a request_id is remembered; at least 24 hours.
    #[arg(
        long,
        env = "BOWLINE_REQUEST_RETENTION",
        default_value = "24h",
        value_name = "TIME",
        help_heading = "Limits"
    )]
    request_retention: Given<Duration>,
    /// How often request_ids past their retention are looked for.
    #[arg(
        long,
        env = "BOWLINE_REQUEST_SWEEP_EVERY",
        default_value = "10m",
        value_name = "TIME",
        help_heading = "Limits"
    )]
    request_sweep_every: Given<Duration>,
}

/// Where the data is.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Database")]
struct DatabaseArgs {
    /// The service's own database, as its runtime role.
    #[arg(long, env = "BOWLINE_INVENTORY_DATABASE_URL", value_name = "URL")]
    database_url: Option<Given<DatabaseUrl>>,
    /// The same database as its owner; when given, migrations are applied at the start.
    #[arg(long, env = "BOWLINE_INVENTORY_MIGRATIONS_DATABASE_URL", value_name = "URL")]
    migrations_database_url: Option<Given<DatabaseUrl>>,
    /// The most connections for queries; commands and messages have their own.
    #[arg(long, env = "BOWLINE_INVENTORY_QUERY_CONNECTIONS_MAX", default_value = "8", value_name = "COUNT")]
    query_connections_max: Given<u32>,
    /// How long a query waits for a connection.
    #[arg(long, env = "BOWLINE_INVENTORY_QUERY_ACQUIRE_TIMEOUT", default_value = "2s", value_name = "TIME")]
    query_acquire_timeout: Given<Duration>,
    /// Start even if the server would forget commits after a crash (fsync or synchronous_commit off).
    #[arg(long, env = "BOWLINE_ALLOW_UNSAFE_DURABILITY")]
    allow_unsafe_durability: bool,
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
    /// Where the data is.
    pub database: DatabaseSettings,
    /// Where other replicas find this one, if not at its gRPC address.
    pub advertised_address: Option<String>,
    /// How long requests are remembered.
    pub retention: Retention,
}

/// Where the data is.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// As the runtime role.
    pub url: DatabaseUrl,
    /// As the owner, for migrations.
    pub migrations_url: Option<DatabaseUrl>,
    /// The most connections for queries.
    pub query_connections_max: u32,
    /// How long a query waits for a connection.
    pub query_acquire_timeout: Duration,
    /// Whether a server that may forget commits is accepted.
    pub durability: Durability,
}

impl Options {
    /// Takes the values out, collecting every fault.
    pub fn check(self, faults: &mut Faults) -> Option<Settings> {
        let service = self.service.check(faults);
        let kafka = self.kafka.check(faults);
        let lanes = self.lanes.check(faults);
        let database = self.database.check(faults);
        let advertised_address = faults.optional("advertised-address", self.advertised_address);
        let keep = faults.take_if("request-retention", self.request_retention, "at least 24h", |time| {
            *time >= RETENTION_MIN
        });
        let every =
            faults.take_if("request-sweep-every", self.request_sweep_every, "a time above zero", |time| {
                !time.is_zero()
            });
        Some(Settings {
            service: service?,
            kafka: kafka?,
            lanes: lanes?,
            database: database?,
            advertised_address: advertised_address?,
            retention: Retention { keep: keep?, every: every? },
        })
    }
}

impl DatabaseArgs {
    fn check(self, faults: &mut Faults) -> Option<DatabaseSettings> {
        let expected = "postgres://user:password@host:port/database";
        let url = faults.require("database-url", self.database_url, expected);
        let migrations_url = faults.optional("migrations-database-url", self.migrations_database_url);
        let connections = faults.within("query-connections-max", self.query_connections_max, 1..=1_000);
        let acquire = faults.take_if(
            "query-acquire-timeout",
            self.query_acquire_timeout,
            "a time above zero",
            |time| !time.is_zero(),
        );
        let durability = if self.allow_unsafe_durability { Durability::Waived } else { Durability::Required };
        Some(DatabaseSettings {
            url: url?,
            migrations_url: migrations_url?,
            query_connections_max: connections?,
            query_acquire_timeout: acquire?,
            durability,
        })
    }
}

#[cfg(test)]
mod tests {
    use bowline_config::{Refused, parse_from};

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Settings, Refused> {
        parse_from([&["bowline-inventory"], arguments].concat(), Options::check)
    }

    #[test]
    fn all_faults_are_named_at_once_and_no_password_is_shown() {
        let refused = parse(&[
            "--migrations-database-url",
            "mysql://owner:s3cret@db/x",
            "--query-connections-max",
            "0",
            "--request-retention",
            "1h",
            "--batch-max",
            "0",
        ]);
        let Err(Refused::Faults(faults)) = refused else { panic!("five options are wrong") };
        let flags: Vec<_> = faults.list().iter().map(|fault| fault.flag.as_str()).collect();
        assert_eq!(
            flags,
            [
                "--batch-max",
                "--database-url",
                "--migrations-database-url",
                "--query-connections-max",
                "--request-retention"
            ]
        );
        assert!(!faults.to_string().contains("s3cret"));
    }

    #[test]
    fn the_database_is_enough() {
        let settings = parse(&["--database-url", "postgres://a:b@db/inventory"]).expect("valid");
        assert_eq!(settings.database.durability, Durability::Required);
        assert_eq!(settings.retention.keep, RETENTION_MIN);
        assert!(settings.database.migrations_url.is_none());
    }
}
