//! What a person sees who starts a process with options that cannot be used.

use std::net::SocketAddr;
use std::time::Duration;

use bowline_config::{DatabaseUrl, Faults, Given, Refused, Secret, parse_from};
use clap::CommandFactory as _;

#[derive(clap::Parser, Debug)]
struct Options {
    /// Where calls come in.
    #[arg(long, env = "TEST_LISTEN", default_value = "127.0.0.1:8080")]
    listen: Given<SocketAddr>,
    /// How long a call may take.
    #[arg(long, env = "TEST_TIMEOUT", default_value = "2s")]
    timeout: Given<Duration>,
    /// How many calls run at once.
    #[arg(long, env = "TEST_CALLS_MAX", default_value = "10")]
    calls_max: Given<u32>,
    /// The database.
    #[arg(long, env = "TEST_DATABASE_URL")]
    database_url: Option<Given<DatabaseUrl>>,
    /// The key of the provider.
    #[arg(long)]
    key: Option<Given<Secret<String>>>,
}

#[derive(Debug)]
struct Settings {
    timeout: Duration,
    key: Option<Secret<String>>,
}

impl Options {
    fn check(self, faults: &mut Faults) -> Option<Settings> {
        let listen = faults.take("listen", self.listen);
        let timeout = faults.take("timeout", self.timeout);
        let calls_max = faults.within("calls-max", self.calls_max, 1..=100);
        let database = faults.require("database-url", self.database_url, "postgres://…");
        let key = faults.optional("key", self.key);
        listen?;
        calls_max?;
        database?;
        Some(Settings { timeout: timeout?, key: key? })
    }
}

fn faults(arguments: &[&str]) -> Faults {
    match parse_from([&["test"], arguments].concat(), Options::check) {
        Err(Refused::Faults(faults)) => faults,
        other => panic!("expected faults, got {other:?}"),
    }
}

#[test]
fn all_faults_are_named_at_once() {
    let faults = faults(&["--listen", "here", "--timeout", "5", "--calls-max", "101"]);
    assert_eq!(
        faults.to_string(),
        "4 options cannot be used:\n  \
         --listen (environment TEST_LISTEN): given \"here\", expected an address and port, such as 127.0.0.1:8080 or [::]:8080\n  \
         --timeout (environment TEST_TIMEOUT): given \"5\", expected a time with its unit, such as 250ms, 20s or 5m\n  \
         --calls-max (environment TEST_CALLS_MAX): given \"101\", expected between 1 and 100\n  \
         --database-url (environment TEST_DATABASE_URL): not given, expected postgres://…\n\
         Run with --help for all options."
    );
}

#[test]
fn no_fault_shows_a_secret() {
    let faults = faults(&["--database-url", "mysql://orders:s3cret@db/orders", "--key", ""]);
    let shown = format!("{faults} {faults:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("mysql://orders:***@db/orders"), "{shown}");
    assert_eq!(faults.list().len(), 2);
}

#[test]
fn good_options_become_settings() {
    let arguments =
        ["test", "--database-url", "postgres://db/orders", "--timeout", "250ms", "--key", "s3cret"];
    let settings = parse_from(arguments, Options::check).expect("good options");
    assert_eq!(settings.timeout, Duration::from_millis(250));
    assert!(!format!("{settings:?}").contains("s3cret"));
    assert!(settings.key.is_some_and(|key| key.expose() == "s3cret"));
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    let refused = parse_from(["test", "--tiemout", "5s"], Options::check).expect_err("unknown flag");
    assert!(matches!(refused, Refused::Usage(_)));
    assert!(refused.to_string().contains("--timeout"), "{refused}");
}

#[test]
fn every_option_has_help_and_an_environment_variable_shown_without_value() {
    let refused = parse_from(["test", "--help"], Options::check).expect_err("help is no start");
    let help = refused.to_string();
    for argument in Options::command().get_arguments().filter(|argument| argument.get_env().is_some()) {
        assert!(argument.get_help().is_some(), "{argument}");
        let name = argument.get_env().expect("filtered").to_string_lossy();
        assert!(help.contains(&format!("[env: {name}]")), "{help}");
    }
}
