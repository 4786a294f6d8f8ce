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

/// The flags with faults; none if the settings are good.
fn faults_of(arguments: &[&str]) -> Vec<String> {
    if settings(arguments).is_ok() { Vec::new() } else { faults(arguments).0 }
}

#[test]
fn all_faults_are_named_at_once() {
    let (mut flags, _) = faults(&[
        "--grpc-listen=here",
        "--advertise-address=orders-1",
        "--forward-timeout=0s",
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
        "--deadline-stock=91d",
        "--deadline-payment=8m",
        "--deadline-saga=7m",
        "--deadline-wait-max=long",
        "--deadline-settle=-1s",
        "--deadline-interval=0s",
        "--deadline-batch-max=0",
        "--deadline-probe-timeout=1s",
        "--payment-url=payment:50053",
    ]);
    flags.sort_unstable();
    let expected = [
        "--advertise-address",
        "--answers-kept",
        "--breaker-probes",
        "--catalogue-cached-max",
        "--catalogue-timeout",
        "--catalogue-ttl",
        "--database-url",
        "--deadline-batch-max",
        "--deadline-interval",
        "--deadline-probe-timeout",
        "--deadline-settle",
        "--deadline-stock",
        "--deadline-wait-max",
        "--forward-timeout",
        "--grpc-listen",
        "--inventory-url",
        "--kafka-replication-factor",
        "--lease-renewal",
        "--line-quantity-max",
        "--order-lines-max",
        "--orders-cached-max",
        "--payment-url",
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
    let limits = settings.deadlines.limits;
    let minutes = [limits.stock, limits.payment, limits.saga].map(|limit| limit.unwrap().num_minutes());
    assert_eq!((minutes, settings.deadlines.wait_max.num_minutes()), ([10, 10, 15], 60));
}

#[test]
fn other_replicas_are_told_a_host_and_a_port() {
    let with = |address: &str| faults_of(&["--database-url", URL, "--advertise-address", address]);
    for usable in ["10.0.0.7:50051", "orders-1.internal:1", "[fd00::1]:65535"] {
        assert_eq!(with(usable), [""; 0], "{usable}");
    }
    for unusable in
        ["", "orders", "orders:0", ":50051", "http://orders:50051", "a@b:1", "b:1/path", "b:65536"]
    {
        assert_eq!(with(unusable), ["--advertise-address"], "{unusable}");
    }
}

#[test]
fn a_limit_of_no_time_is_none_and_the_whole_is_not_shorter_than_its_steps() {
    let with = |more: &[&str]| settings(&[&["--database-url", URL], more].concat());
    let limits = with(&["--deadline-stock=0s", "--deadline-payment=0s", "--deadline-saga=0s"]).unwrap();
    assert_eq!(limits.deadlines.limits, bowline_orders_domain::DeadlineLimits::default());
    assert!(with(&["--deadline-saga=0s"]).is_ok());
    let (flags, shown) = faults(&["--database-url", URL, "--deadline-saga=9m"]);
    assert_eq!(flags, ["--deadline-saga"], "{shown}");
}
