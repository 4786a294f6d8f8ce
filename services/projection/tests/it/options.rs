use std::time::Duration;

use bowline_config::Refused;
use bowline_projection::config::Options;

use crate::stage::settings;

#[test]
fn defaults_are_good_once_the_database_is_known() {
    let settings = settings(&["--database-url", "postgres://projection:pw@db/bowline_projection"]);
    assert_eq!(settings.watching.watchers_max, 4096);
    assert_eq!(settings.watching.poll, Duration::from_millis(500));
    assert_eq!(settings.replica.database.query_connections_max, 8);
    assert!(settings.replica.database.migrations_url.is_none());
}

#[test]
fn all_faults_are_named_at_once() {
    let given = [
        "bowline-projection",
        "--watchers-max",
        "0",
        "--watch-poll",
        "1ms",
        "--query-connections-max",
        "none",
        "--kafka-brokers",
        "",
        "--lease-ttl",
        "soon",
    ];
    let refused = bowline_config::parse_from(given, Options::check).unwrap_err();
    let Refused::Faults(faults) = refused else { panic!("{refused}") };
    let flags: Vec<&str> = faults.list().iter().map(|fault| fault.flag.as_str()).collect();
    let expected = [
        "--kafka-brokers",
        "--lease-ttl",
        "--database-url",
        "--query-connections-max",
        "--watchers-max",
        "--watch-poll",
    ];
    assert_eq!(flags, expected);
}
