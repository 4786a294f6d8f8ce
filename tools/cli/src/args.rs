//! The command line.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use bowline_dev_stack::{Folders, Surroundings};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::dead_letters::DeadLettersArgs;
use crate::doctor::DoctorArgs;
use crate::down::DownArgs;
use crate::output::OutputArgs;
use crate::prove::ProveArgs;
use crate::reconcile::ReconcileArgs;
use crate::services::Noun;
use crate::status::StatusArgs;
use crate::up::UpArgs;
use crate::{catalog, lanes, order, payment, stock};

/// The sample in the repository that this tool was built from.
const SAMPLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/online-retail/online-retail-sample.csv");

/// Runs the whole order backbone on this machine: PostgreSQL, Kafka, a payment provider and four services.
#[derive(Debug, Parser)]
#[command(name = "bowline", version, disable_help_subcommand = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(DemoArgs),
    Up(Box<UpArgs>),
    Down(DownArgs),
    Doctor(Box<DoctorArgs>),
    Order(Box<Noun<order::Action>>),
    Catalog(Noun<catalog::Action>),
    Stock(Noun<stock::Action>),
    Payment(Noun<payment::Action>),
    Status(StatusArgs),
    Check(CheckArgs),
    Reconcile(ReconcileArgs),
    DeadLetters(DeadLettersArgs),
    Lanes(Noun<lanes::Action>),
    Prove(Box<ProveArgs>),
    Completions(CompletionsArgs),
}

/// Replay a real retailer's orders through the whole saga, check every invariant, and report.
///
/// Starts everything it needs, begins with empty servers of its own, and stops all of it at the end. The exit status is 0
/// only if every order is finished and no invariant is broken.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowline demo --report report.json
  bowline demo --orders 100 --concurrency 1
  bowline demo --rate 400 --provider-timeout-rate 0.02 --provider-capture-refused-rate 0.01")]
pub(crate) struct DemoArgs {
    /// Write the report as JSON to this file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// How many orders to replay; beyond those of the file it is repeated under new invoice numbers
    #[arg(long, value_name = "COUNT")]
    pub(crate) orders: Option<NonZeroUsize>,
    /// How many orders may be in flight, each from its PlaceOrder until its saga is finished
    #[arg(long, value_name = "COUNT", default_value = "512")]
    pub(crate) concurrency: NonZeroUsize,
    /// Place so many orders a second instead, however many are in flight
    #[arg(long, value_name = "PER_SECOND", conflicts_with = "concurrency")]
    pub(crate) rate: Option<NonZeroU32>,
    /// Give up when nothing has made any progress for so long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub(crate) stall_after: Duration,
    /// Measure cold processes: leave out the short replay before, on topics and databases of its own
    #[arg(long)]
    pub(crate) no_warm_up: bool,
    /// Keep everything running after the report, until Ctrl-C
    #[arg(long)]
    pub(crate) keep: bool,
    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
    #[command(flatten)]
    pub(crate) stack: StackArgs,
}

/// Check every invariant of a running stack that has come to rest.
///
/// Finds the stack that `bowline up` or `bowline demo --keep` has started. The exit status is 0 only if no invariant is
/// broken.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowline check --wait 10s
  bowline check --output json")]
pub(crate) struct CheckArgs {
    /// How long to wait until every saga is finished and every message is applied
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub(crate) wait: Duration,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) folders: FolderArgs,
}

/// Print what a shell needs to complete the commands and options of `bowline`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowline completions bash > ~/.local/share/bash-completion/completions/bowline
  bowline completions zsh > ~/.zfunc/_bowline
  bowline completions fish > ~/.config/fish/completions/bowline.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionsArgs {
    pub(crate) fn script(&self) -> String {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Options::command(), "bowline", &mut script);
        String::from_utf8_lossy(&script).into_owned()
    }
}

/// Where orders come from.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    /// Invoices in the form of the data set "Online Retail"; the sample in datasets/online-retail if left out
    #[arg(long, value_name = "FILE", default_value = SAMPLE, hide_default_value = true)]
    pub(crate) data: PathBuf,
}

/// What the payment provider does wrong. Rates lie between 0 and 1.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Payment provider")]
#[expect(clippy::struct_field_names, reason = "the fields are the names of the options")]
pub(crate) struct ProviderArgs {
    /// How long each write waits before it is decided. A call that takes longer than payment's --provider-timeout (5 s) is
    /// given up and asked about
    #[arg(long, value_name = "TIME")]
    provider_latency: Option<String>,
    /// Up to so much is added to the latency
    #[arg(long, value_name = "TIME")]
    provider_latency_jitter: Option<String>,
    /// Share of the writes that fail before any effect
    #[arg(long, value_name = "RATE")]
    provider_error_rate: Option<String>,
    /// Share of the writes that fail after the effect
    #[arg(long, value_name = "RATE")]
    provider_error_after_rate: Option<String>,
    /// Share of the writes that take effect while the answer is held back
    #[arg(long, value_name = "RATE")]
    provider_timeout_rate: Option<String>,
    /// How long such an answer is held back
    #[arg(long, value_name = "TIME")]
    provider_timeout_hold: Option<String>,
    /// Share of the charges that can never be captured
    #[arg(long, value_name = "RATE")]
    provider_capture_refused_rate: Option<String>,
    /// What all these draws depend on
    #[arg(long, value_name = "NUMBER")]
    provider_seed: Option<String>,
}

/// Where the stack lives and what it stands on.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Stack")]
pub(crate) struct StackArgs {
    #[command(flatten)]
    pub(crate) folders: FolderArgs,
    /// The first of a run of ports on 127.0.0.1; free ones are chosen if left out
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port_base: Option<u16>,
    /// Use this PostgreSQL, as a role that may create roles and databases, instead of starting one
    #[arg(long, env = "BOWLINE_POSTGRES_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) postgres_url: Option<String>,
    /// Use these Kafka brokers instead of starting one
    #[arg(long, env = "BOWLINE_KAFKA", value_name = "HOST:PORT,…", visible_alias = "kafka-brokers")]
    pub(crate) kafka: Option<String>,
}

/// Folders.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Stack")]
pub(crate) struct FolderArgs {
    /// Where data, logs and passwords are kept
    #[arg(long, env = "BOWLINE_STACK_DIR", value_name = "DIR", visible_alias = "data-dir", global = true)]
    stack_dir: Option<PathBuf>,
    /// Where Kafka is kept once it is fetched
    #[arg(long, env = "BOWLINE_CACHE_DIR", value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    #[arg(long, env = "HOME", hide = true)]
    home: Option<PathBuf>,
    #[arg(long, env = "XDG_STATE_HOME", hide = true)]
    xdg_state_home: Option<PathBuf>,
    #[arg(long, env = "XDG_CACHE_HOME", hide = true)]
    xdg_cache_home: Option<PathBuf>,
}

impl FolderArgs {
    /// The folders of the stack that `command` starts. Each command has its own, so that a demo, which begins with
    /// empty servers, never touches what `up` has kept.
    pub(crate) fn of(&self, command: &str) -> Result<Folders, bowline_dev_stack::Error> {
        let around = Surroundings {
            home: self.home.clone(),
            xdg_state_home: self.xdg_state_home.clone(),
            xdg_cache_home: self.xdg_cache_home.clone(),
        };
        let mut folders = Folders::choose(self.stack_dir.clone(), self.cache_dir.clone(), &around)?;
        folders.state.push(command);
        Ok(folders)
    }

    /// What has to be added to another command for it to find the same stack.
    pub(crate) fn hint(&self) -> String {
        let folder =
            self.stack_dir.as_ref().map(|folder| std::path::absolute(folder).unwrap_or(folder.clone()));
        let quoted = folder.map(|folder| {
            let folder = folder.display().to_string();
            shlex::try_quote(&folder).map_or(folder.clone(), std::borrow::Cow::into_owned)
        });
        quoted.map(|folder| format!(" --data-dir {folder}")).unwrap_or_default()
    }
}

impl ProviderArgs {
    /// The same, and a share of the charges can never be captured.
    pub(crate) fn refusing_captures(self, rate: &str) -> Self {
        Self { provider_capture_refused_rate: Some(rate.to_owned()), ..self }
    }

    /// The simulator's own options for the same, checked by the simulator's own rules, all faults at once.
    pub(crate) fn switches(&self) -> Result<Vec<String>, clap::Error> {
        let given = [
            ("latency", &self.provider_latency),
            ("latency-jitter", &self.provider_latency_jitter),
            ("error-rate", &self.provider_error_rate),
            ("error-after-rate", &self.provider_error_after_rate),
            ("timeout-rate", &self.provider_timeout_rate),
            ("timeout-hold", &self.provider_timeout_hold),
            ("capture-refused-rate", &self.provider_capture_refused_rate),
            ("seed", &self.provider_seed),
        ];
        let switches: Vec<String> = given
            .into_iter()
            .filter_map(|(name, value)| value.as_ref().map(|value| format!("--{name}={value}")))
            .collect();
        let line = ["simulator", "--data-dir=unused"].into_iter().chain(switches.iter().map(String::as_str));
        let read = bowline_payment_simulator::Args::try_parse_from(line)?.read();
        if let Err(faults) = read {
            let told = faults.to_string();
            let named = told.lines().map(str::trim).filter(|line| line.starts_with("--"));
            let told: Vec<String> = named.map(|fault| fault.replacen("--", "--provider-", 1)).collect();
            return Err(Options::command().error(ErrorKind::ValueValidation, told.join("\n")));
        }
        Ok(switches)
    }
}

pub(crate) fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err("expected a time above zero with its unit, such as 500ms, 20s or 5m".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Options::try_parse_from(line.split(' ')).map(|options| options.command)
    }

    fn demo(line: &str) -> DemoArgs {
        match parse(line) {
            Ok(Command::Demo(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound_and_every_command_shows_an_example() {
        let mut command = Options::command();
        command.build();
        command.clone().debug_assert();
        let help =
            |command: &clap::Command| command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for noun in command.get_subcommands() {
            let example = format!("  bowline {}", noun.get_name());
            assert!(help(noun).contains(&example), "{} shows no example", noun.get_name());
            for verb in noun.get_subcommands() {
                let example = format!("  bowline {} {}", noun.get_name(), verb.get_name());
                let shown = help(noun).contains(&example) || help(verb).contains(&example);
                assert!(shown, "{example} is shown nowhere");
            }
        }
    }

    #[test]
    fn every_command_says_what_it_alone_is_for() {
        let command = Options::command();
        let said = |command: &clap::Command| command.get_about().map(ToString::to_string).unwrap_or_default();
        let mut all: Vec<_> = command.get_subcommands().map(said).collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "of two that say the same, one says nothing of its own: {all:#?}");
        assert!(all.iter().any(|about| about.starts_with("Place, follow and cancel orders")), "{all:#?}");
    }

    #[test]
    fn the_default_file_is_the_sample() {
        let args = demo("bowline demo");
        assert!(args.data.data.is_file(), "{}", args.data.data.display());
        assert_eq!((args.concurrency.get(), args.stall_after), (512, Duration::from_mins(1)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "bowline demo --orders 0",
            "bowline demo --concurrency 0",
            "bowline demo --rate 0",
            "bowline demo --rate 5 --concurrency 5",
            "bowline demo --stall-after 0s",
            "bowline demo --stall-after soon",
            "bowline up --port-base 70000",
            "bowline up --port-base 0",
            "bowline up --replicas 0",
            "bowline up --replicas 9",
            "bowline down --timeout 0s",
            "bowline fly",
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
        assert_eq!(parse("bowline demo --help").expect_err("help").kind(), ErrorKind::DisplayHelp);
    }

    #[test]
    fn the_simulator_gets_its_switches_and_judges_them() {
        let args = demo("bowline demo --provider-latency 20s --provider-timeout-rate 0.02");
        assert_eq!(args.provider.switches().unwrap(), ["--latency=20s", "--timeout-rate=0.02"]);
        let args = demo("bowline demo --provider-latency soon --provider-error-rate 2");
        let told = args.provider.switches().unwrap_err().to_string();
        assert!(
            told.contains("--provider-latency: expected") && told.contains("--provider-error-rate: expected"),
            "{told}"
        );
    }

    #[test]
    fn a_demo_never_shares_a_folder_with_a_stack_that_is_kept() {
        let args = demo("bowline demo --data-dir /tmp/b");
        let folders = args.stack.folders.of("demo").unwrap();
        assert_eq!(folders.state, PathBuf::from("/tmp/b/demo"));
        assert_ne!(folders.state, args.stack.folders.of("up").unwrap().state);
    }
}
