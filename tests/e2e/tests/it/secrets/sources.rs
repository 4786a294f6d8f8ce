//! What others can read of a running stack: logs, records, metrics, command lines, answers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bowline_dev_stack::databases::SERVICES;
use bowline_messaging::KafkaOptions;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Headers as _};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use super::search::Source;
use crate::bench::Bench;

/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Every log below the folder of the stack, those of the servers too.
pub(super) fn logs(bench: &Bench) -> Vec<Source> {
    let mut found = Vec::new();
    collect(bench.folder(), &mut found);
    let read = |path: &PathBuf| {
        let name = path.file_stem().expect("a log has a name").to_string_lossy();
        Source::new(format!("log of {name}"), fs::read(path).expect("a log can be read"))
    };
    let sources: Vec<Source> = found.iter().map(read).collect();
    for process in SERVICES.into_iter().chain(["postgres", "kafka", "payment-simulator"]) {
        let name = format!("log of {process}");
        assert!(sources.iter().any(|source| source.name == name), "{name} is missing");
    }
    sources
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    // What another user keeps for himself is no log.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() && !path.ends_with("data") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "log") {
            found.push(path);
        }
    }
}

/// The command line of every process, which everybody on the machine can read.
pub(super) fn command_lines(bench: &Bench) -> Vec<Source> {
    let running = bench.stack.running();
    let read = |process: &bowline_dev_stack::Running| {
        let content = fs::read(format!("/proc/{}/cmdline", process.pid)).expect("it runs");
        Source::new(format!("command line of {}", process.name), content)
    };
    running.iter().map(read).collect()
}

/// The metrics page of every service.
pub(super) async fn metrics(bench: &Bench) -> Vec<Source> {
    let mut sources = Vec::new();
    for service in SERVICES {
        let address = format!("{}/metrics", bench.fleet.ground.places.http_url(service));
        let page = reqwest::get(address).await.expect("it answers").text().await.expect("it is text");
        assert!(page.contains("bowline_"), "{page}");
        sources.push(Source::new(format!("metrics of {service}"), page));
    }
    sources
}

/// Every record of every topic, as it lies there: key, headers and payload each for itself.
pub(super) fn records(kafka: &KafkaOptions) -> Vec<Source> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka.brokers.join(","))
        .set("group.id", "secrets")
        .set("enable.auto.commit", "false")
        .create()
        .expect("the broker is there");
    let metadata = consumer.fetch_metadata(None, PATIENCE).expect("the broker answers");
    let mut sources = Vec::new();
    for topic in metadata.topics().iter().filter(|topic| !topic.name().starts_with("__")) {
        for partition in topic.partitions() {
            read(&consumer, (topic.name(), partition.id()), &mut sources);
        }
    }
    sources
}

fn read(consumer: &BaseConsumer, (topic, partition): (&str, i32), sources: &mut Vec<Source>) {
    let (first, end) = consumer.fetch_watermarks(topic, partition, PATIENCE).expect("the broker answers");
    let mut whole = TopicPartitionList::new();
    whole.add_partition_offset(topic, partition, Offset::Beginning).expect("the beginning is an offset");
    consumer.assign(&whole).expect("it can be read");
    let mut next = first;
    while next < end {
        let record = consumer.poll(PATIENCE).expect("there is more").expect("it can be read");
        next = record.offset() + 1;
        sources.extend(parts(topic, &record));
    }
}

fn parts(topic: &str, record: &BorrowedMessage<'_>) -> Vec<Source> {
    let mut headers = Vec::new();
    let mut message_type = String::new();
    for header in record.headers().into_iter().flat_map(|headers| headers.iter()) {
        let value = header.value.unwrap_or_default();
        headers.extend([header.key.as_bytes(), b": ", value, b"\n"].concat());
        if header.key == "ce_type" {
            message_type = String::from_utf8_lossy(value).into_owned();
        }
    }
    let name = message_type.rsplit('.').next().unwrap_or_default();
    let part = |what: &str, content: &[u8]| Source::new(format!("{what} of {name} on {topic}"), content);
    vec![
        part("key", record.key().unwrap_or_default()),
        part("headers", &headers),
        part("payload", record.payload().unwrap_or_default()),
    ]
}
