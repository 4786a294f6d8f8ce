//! The options of `bowline prove`.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use bowline_fault_points::Sabotage;
use bowline_faults::Kind;
use bowline_load::generator::Pace;
use clap::Args;

use super::sabotage::{self, Broken};
use crate::args::{DataArgs, ProviderArgs, StackArgs, time};
use crate::fleet;

/// Orders in flight: half of what one process of a service takes.
const IN_FLIGHT: NonZeroUsize = NonZeroUsize::new(4_096).expect("it is not zero");
/// The same where a mechanism is broken, which a few orders show.
const IN_FLIGHT_BROKEN: NonZeroUsize = NonZeroUsize::new(256).expect("it is not zero");

/// Prove on this machine that nothing is lost, doubled or stuck: load, faults, and every invariant afterwards.
///
/// Starts a stack of its own with several processes of each service, places orders all the time, measures how fast the
/// system recovers from one fault at a time, injects faults on a schedule that the seed decides, waits until everything
/// has come to rest, checks every invariant and reports. The exit status is 0 if all invariants hold and nothing is
/// unfinished, 1 if not, and 2 if it could not be found out.
#[derive(Debug, Clone, Args)]
#[command(after_help = help())]
pub(crate) struct ProveArgs {
    /// What the schedule of faults depends on: the same seed, faults, duration and replicas give the same schedule
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub(crate) seed: u64,
    /// How long faults are injected; starting, measuring recovery and checking come on top
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = time)]
    pub(crate) duration: Duration,
    /// Which faults, separated by commas; all of them if left out
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    faults: Vec<Kind>,
    /// How many processes of each service
    #[arg(long, value_name = "COUNT", default_value = "2", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(crate) replicas: u8,
    /// How many orders may be in flight, each from its PlaceOrder until its saga is finished; 4096 if left out, and 256 with
    /// --sabotage
    ///
    /// Those that wait for the end of a fault are in flight as well: with few of them, all wait, and nothing is placed.
    #[arg(long, value_name = "COUNT")]
    concurrency: Option<NonZeroUsize>,
    /// Place so many orders a second instead, however many are in flight
    #[arg(long, value_name = "PER_SECOND", conflicts_with = "concurrency")]
    pub(crate) rate: Option<NonZeroU32>,
    /// Write the report as JSON to this file, and a page for people beside it with the ending .html
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Leave out the phase in which recovery from one fault at a time is measured
    #[arg(long)]
    pub(crate) skip_recovery: bool,
    /// Give up when no order has made any progress for so long; a server that comes back slowly needs a part of it
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = time)]
    pub(crate) stall_after: Duration,
    /// How long the stack may take to come to rest after the last saga
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub(crate) quiet_max: Duration,
    /// Break these mechanisms on purpose, one after the other, separated by commas, or `all`: each run must find a violation.
    /// Needs --programs
    #[arg(long, requires = "programs", value_name = "LIST", value_delimiter = ',', value_parser = sabotage::broken)]
    pub(crate) sabotage: Vec<Broken>,
    /// Run the services in this folder, built with their feature fault-points, instead of those beside this program; ./bowline
    /// builds them and names their folder
    #[arg(long, env = "BOWLINE_PROVE_PROGRAMS", value_name = "DIR")]
    pub(crate) programs: Option<PathBuf>,
    /// Inject faults into the servers that --postgres-url and --kafka name as well, in databases and topics of its own
    #[arg(long)]
    pub(crate) on_given_servers: bool,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
    #[command(flatten)]
    pub(crate) stack: StackArgs,
}

impl ProveArgs {
    /// The kinds of faults that are wanted and possible, each once, in the order in which they are listed; fails when
    /// servers are given that nobody has released for this, or a fault is named that they do not allow.
    pub(crate) fn kinds(&self) -> anyhow::Result<Vec<Kind>> {
        let given = self.stack.postgres_url.is_some() || self.stack.kafka.is_some();
        ensure!(
            !given || self.on_given_servers,
            "prove ends sessions, takes leases away and fills databases and topics: it does that on servers of its own. \
             Leave out --postgres-url and --kafka (and BOWLINE_POSTGRES_URL and BOWLINE_KAFKA), or say \
             --on-given-servers"
        );
        let named = |kind| self.faults.contains(&kind);
        let impossible = |kind| match kind {
            Kind::PostgresRestart => self.stack.postgres_url.is_some(),
            Kind::KafkaRestart => self.stack.kafka.is_some(),
            _ => false,
        };
        if let Some(kind) = Kind::ALL.into_iter().find(|kind| named(*kind) && impossible(*kind)) {
            anyhow::bail!(
                "{kind} is not possible on a server that somebody else runs: leave it out of --faults"
            );
        }
        let wanted = |kind: &Kind| !impossible(*kind) && (self.faults.is_empty() || named(*kind));
        Ok(Kind::ALL.into_iter().filter(wanted).collect())
    }

    /// Where the services and the payment simulator lie.
    pub(crate) fn programs(&self) -> anyhow::Result<PathBuf> {
        self.programs.clone().map_or_else(fleet::own_programs, Ok)
    }

    pub(crate) fn pace(&self) -> Pace {
        let usual = if self.sabotage.is_empty() { IN_FLIGHT } else { IN_FLIGHT_BROKEN };
        let closed = Pace::Closed { concurrency: self.concurrency.unwrap_or(usual) };
        self.rate.map_or(closed, |per_second| Pace::Open { per_second })
    }
}

fn help() -> String {
    let width = Kind::ALL.iter().map(|kind| kind.name().len()).max().unwrap_or_default();
    let kinds = Kind::ALL.map(|kind| format!("  {:<width$}  {}", kind.name(), kind.what()));
    format!(
        "Faults:\n{}\n\nMechanisms that --sabotage breaks:\n  {}\n\nExamples:
  bowline prove --seed 7 --duration 20m --report proof.json
  bowline prove --faults kill,pause,postgres-restart --replicas 3
  bowline prove --duration 30s --skip-recovery --rate 100
  bowline prove --sabotage skip-watermark,forget-keys",
        kinds.join("\n"),
        Sabotage::ALL.map(Sabotage::name).join("\n  ")
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: ProveArgs,
    }

    fn parse(line: &str) -> Result<ProveArgs, clap::Error> {
        Line::try_parse_from(line.split(' ')).map(|line| line.args)
    }

    #[test]
    fn without_a_list_everything_goes_wrong() {
        assert_eq!(parse("prove").unwrap().kinds().unwrap(), Kind::ALL);
        let some = parse("prove --faults leases,kill,kill").unwrap().kinds().unwrap();
        assert_eq!(some, [Kind::Kill, Kind::Leases]);
    }

    #[test]
    fn broken_mechanisms_are_looked_for_among_fewer_orders() {
        let pace = |line| parse(line).unwrap().pace();
        assert_eq!(pace("prove"), Pace::Closed { concurrency: IN_FLIGHT });
        let broken = "prove --sabotage all --programs there";
        assert_eq!(pace(broken), Pace::Closed { concurrency: IN_FLIGHT_BROKEN });
        let told = Pace::Closed { concurrency: NonZeroUsize::new(7).unwrap() };
        assert_eq!(pace("prove --concurrency 7"), told);
        assert_eq!(pace("prove --sabotage all --programs there --concurrency 7"), told);
    }

    #[test]
    fn an_unknown_fault_is_refused_with_the_known_ones() {
        let refused = parse("prove --faults kill,meteor").unwrap_err();
        assert_eq!(refused.exit_code(), 2);
        let said = refused.to_string();
        assert!(said.contains("meteor") && said.contains("postgres-restart"), "{said}");
    }

    #[test]
    fn given_servers_are_refused_unless_told_so() {
        for server in ["--postgres-url postgres://a:b@localhost:1", "--kafka localhost:1"] {
            let refused = parse(&format!("prove {server}")).unwrap().kinds().unwrap_err().to_string();
            assert!(refused.contains("--on-given-servers"), "{refused}");
        }
        let line = "prove --on-given-servers --kafka localhost:1";
        let kinds = parse(line).unwrap().kinds().unwrap();
        assert!(!kinds.contains(&Kind::KafkaRestart) && kinds.contains(&Kind::PostgresRestart));
        let refused = parse(&format!("{line} --faults kafka-restart")).unwrap().kinds().unwrap_err();
        assert!(refused.to_string().contains("kafka-restart is not possible"), "{refused}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in ["prove --replicas 0", "prove --replicas 9", "prove --duration 0s", "prove --seed x"] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
