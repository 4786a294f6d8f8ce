//! The options of this service.

use std::time::Duration;

use bowline_config::Faults;
use bowline_service::{AnswersArgs, ReplicaOptions, ReplicaSettings};

/// Catalogue, stock levels, reservations and the ledger of stock movements, over gRPC and Kafka.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "bowline-inventory", version)]
pub struct Options {
    #[command(flatten)]
    replica: ReplicaOptions,
    #[command(flatten)]
    answers: AnswersArgs,
}

/// Checked [`Options`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// What every service has whose work runs on lanes.
    pub replica: ReplicaSettings,
    /// How long the answer to a request is kept for its repetition.
    pub answers_kept: Duration,
}

impl Options {
    /// Takes the values out, collecting every fault.
    pub fn check(self, faults: &mut Faults) -> Option<Settings> {
        let replica = self.replica.check(faults);
        let answers_kept = self.answers.check(faults);
        Some(Settings { replica: replica?, answers_kept: answers_kept? })
    }
}

#[cfg(test)]
mod tests {
    use bowline_config::{Refused, parse_from};
    use bowline_database::Durability;

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
            "--answers-kept",
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
                "--answers-kept"
            ]
        );
        assert!(!faults.to_string().contains("s3cret"));
    }

    #[test]
    fn the_database_is_enough() {
        let settings = parse(&["--database-url", "postgres://a:b@db/inventory"]).expect("valid");
        assert_eq!(settings.replica.database.durability, Durability::Required);
        assert_eq!(settings.answers_kept, Duration::from_hours(48));
        assert!(settings.replica.database.migrations_url.is_none());
    }
}
