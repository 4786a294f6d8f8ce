use bowline_config::{Refused, parse_from};
use bowline_service::LogFormat;

use crate::running::{Options, settings};

#[test]
fn defaults_hold() {
    let settings = settings(&[]);
    assert_eq!(settings.drain.timeout.as_secs(), 20);
    assert!(settings.drain.grace.is_zero());
    assert_eq!(settings.limits.message_size_max, 1 << 20);
    assert_eq!((settings.log.format, settings.log.filter.as_str()), (LogFormat::Json, "info"));
    assert_eq!(settings.log.instance.len(), 16);
}

#[test]
fn every_fault_is_named() {
    let arguments = [
        "test",
        "--grpc-listen",
        "nowhere",
        "--log-format",
        "xml",
        "--log",
        "info,=x=",
        "--drain-grace",
        "1m",
        "--message-size-max",
        "1",
        "--request-timeout",
        "0s",
        "--requests-in-flight-max",
        "0",
    ];
    let refused = parse_from(arguments, |options: Options, faults| options.service.check(faults));
    let Err(Refused::Faults(faults)) = refused else { panic!("expected faults, got {refused:?}") };
    let flags: Vec<_> = faults.list().iter().map(|fault| fault.flag.as_str()).collect();
    let expected = [
        "--grpc-listen",
        "--log-format",
        "--log",
        "--drain-grace",
        "--message-size-max",
        "--request-timeout",
        "--requests-in-flight-max",
    ];
    assert_eq!(flags, expected, "{faults}");
    assert!(faults.list().iter().all(|fault| fault.environment.is_some()));
}

#[test]
fn both_servers_need_an_address_of_their_own() {
    let arguments = ["test", "--grpc-listen", "127.0.0.1:7000", "--http-listen", "127.0.0.1:7000"];
    let refused = parse_from(arguments, |options: Options, faults| options.service.check(faults));
    let Err(Refused::Faults(faults)) = refused else { panic!("expected faults, got {refused:?}") };
    assert_eq!(faults.list()[0].expected, "another address than --grpc-listen");
}
