//! The variables as somebody sets them.

mod settings;

use std::time::Duration;

use bowline_config::Refused;
use bowline_traces::{SamplerName, TraceSettings};

use crate::settings::parse;

#[test]
fn nothing_is_exported_unless_somebody_says_where_to() {
    let settings = parse(&[]).expect("all have defaults");
    assert_eq!((settings.endpoint, settings.sampler), (None, SamplerName::ParentBasedTraceIdRatio));
    assert!((settings.ratio - 0.01).abs() < f64::EPSILON);
    let given = parse(&["--otel-exporter-otlp-endpoint=http://c:4317"]).expect("it is an address");
    assert_eq!(given.endpoint.expect("it is given").as_str(), "http://c:4317/");
    let disabled = parse(&["--otel-exporter-otlp-endpoint=http://c:4317", "--otel-sdk-disabled=true"]);
    assert_eq!(disabled.expect("both are sound").endpoint, None);
}

#[test]
fn what_is_empty_is_as_good_as_not_given() {
    let empty = [
        "--otel-exporter-otlp-endpoint=",
        "--otel-exporter-otlp-headers=",
        "--otel-exporter-otlp-timeout=",
        "--otel-exporter-otlp-protocol=",
        "--otel-traces-sampler=",
        "--otel-service-name=",
        "--otel-resource-attributes=",
        "--otel-bsp-schedule-delay=",
        "--otel-bsp-max-queue-size=",
        "--otel-bsp-max-export-batch-size=",
        "--otel-sdk-disabled=",
    ];
    let TraceSettings { endpoint, timeout, schedule_delay, queue_max, batch_max, .. } =
        parse(&empty).expect("the standard wants it so");
    assert_eq!((endpoint, queue_max, batch_max), (None, 2_048, 512));
    assert_eq!((timeout, schedule_delay), (Duration::from_secs(10), Duration::from_secs(5)));
}

#[test]
fn every_wrong_value_is_named_and_no_header_shown() {
    let wrong = [
        "--otel-exporter-otlp-endpoint=https://c:4317",
        "--otel-exporter-otlp-headers=authorization s3cret",
        "--otel-exporter-otlp-timeout=10s",
        "--otel-exporter-otlp-protocol=http/protobuf",
        "--otel-traces-sampler=sometimes",
        "--otel-traces-sampler-arg=2",
        "--otel-resource-attributes=staging",
        "--otel-bsp-schedule-delay=0",
        "--otel-bsp-max-queue-size=16",
        "--otel-bsp-max-export-batch-size=17",
        "--otel-sdk-disabled=perhaps",
    ];
    let Err(Refused::Faults(faults)) = parse(&wrong) else { panic!("they are wrong") };
    let named: Vec<&str> = faults.list().iter().map(|fault| fault.flag.as_str()).collect();
    // The queue is not wrong: it is what the batch must fit into.
    let expected: Vec<&str> = wrong.iter().filter_map(|flag| flag.split('=').next()).collect();
    let expected: Vec<&str> =
        expected.into_iter().filter(|flag| *flag != "--otel-bsp-max-queue-size").collect();
    assert_eq!(named, expected);
    assert!(
        faults
            .list()
            .iter()
            .all(|fault| fault.environment.as_ref().is_some_and(|name| name.starts_with("OTEL_")))
    );
    assert!(!faults.to_string().contains("s3cret"), "{faults}");
}
