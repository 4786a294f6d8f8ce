//! What a person sees who starts the service with options that cannot be used.

use bowline_config::Refused;

use crate::running::settings;

const URL: &str = "postgres://orders:s3cret@db/orders";

fn faults(arguments: &[&str]) -> (Vec<String>, String) {
    match settings(arguments) {
        Err(Refused::Faults(faults)) => {
            let flags = faults.list().iter().map(|fault| fault.flag.clone()).collect();
            (flags, format!("{faults} {faults:?}"))
        }
        other => panic!("expected faults, got {other:?}"),
    }
}

#[test]
fn all_faults_are_named_at_once() {
    let (mut flags, _) = faults(&[
        "--grpc-listen=here",
        "--kafka-replication-factor=0",
        "--lease-ttl=1s",
        "--lease-renewal=1s",
        "--breaker-probes=0",
        "--retry-attempts-max=0",
        "--query-connections-max=0",
        "--inventory-url=inventory:50052",
        "--catalogue-timeout=0s",
        "--catalogue-ttl=soon",
        "--catalogue-cached-max=-1",
        "--order-lines-max=0",
        "--line-quantity-max=0",
        "--orders-cached-max=0",
        "--answers-kept=23h",
    ]);
    flags.sort_unstable();
    let expected = [
        "--answers-kept",
        "--breaker-probes",
        "--catalogue-cached-max",
        "--catalogue-timeout",
        "--catalogue-ttl",
        "--database-url",
        "--grpc-listen",
        "--inventory-url",
        "--kafka-replication-factor",
        "--lease-renewal",
        "--line-quantity-max",
        "--order-lines-max",
        "--orders-cached-max",
        "--query-connections-max",
        "--retry-attempts-max",
    ];
    assert_eq!(flags, expected);
}

#[test]
fn no_fault_and_no_setting_shows_a_secret() {
    let (flags, shown) = faults(&[
        "--database-url=mysql://orders:s3cret@db/orders",
        "--migrations-database-url=mysql://owner:s3cret@db/orders",
        "--kafka-properties=sasl.password:s3cret",
    ]);
    assert_eq!(flags.len(), 3, "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");

    let good = settings(&[
        &format!("--database-url={URL}"),
        &format!("--migrations-database-url={URL}"),
        "--kafka-properties=sasl.password=s3cret",
    ]);
    let shown = format!("{:?}", good.unwrap());
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[test]
fn only_the_database_must_be_named() {
    let settings = settings(&["--database-url", URL]).unwrap();
    assert_eq!((settings.line_limits.lines_max, settings.line_limits.quantity_max), (1_000, 100_000));
    assert_eq!(settings.catalogue.url.as_str(), "http://127.0.0.1:50052/");
}
