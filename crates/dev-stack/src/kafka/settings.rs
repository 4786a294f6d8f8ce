//! The settings of the local broker.

use std::path::Path;

use super::Detour;
use crate::secrets::random_text;

/// `server.properties` of one node that is broker and controller.
pub(crate) fn properties(data: &Path, port: u16, controller_port: u16, detour: Option<Detour>) -> String {
    let data = data.display();
    let (detour_listener, detour_advertised) = match detour {
        Some(Detour { port, advertised }) => {
            (format!(",DETOUR://127.0.0.1:{port}"), format!(",DETOUR://127.0.0.1:{advertised}"))
        }
        None => (String::new(), String::new()),
    };
    format!(
        "\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{detour_listener}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{detour_advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,DETOUR:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
# A topic with the wrong number of partitions would break the order of its lanes: topics are made on purpose only.
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
# A broker that was killed may come back only when its session is over.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
# Sized for a small heap and for many small topics.
log.segment.bytes=134217728
log.index.size.max.bytes=524288
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=8388608
controlled.shutdown.enable=true
"
    )
}

/// Arguments of Java for `class`.
pub(crate) fn java_arguments(jars: &Path, heap_mb: u32, class: &str) -> Vec<String> {
    let mut args = vec![
        format!("-Xms{}m", heap_mb.min(256)),
        format!("-Xmx{heap_mb}m"),
        "-XX:+ExitOnOutOfMemoryError".to_owned(),
        // The collectors for large heaps cost a small one on few processors a quarter of all the broker does.
        "-XX:+UseSerialGC".to_owned(),
        // Full speed within seconds of a restart; what the second compiler adds later is not felt by so small a load.
        "-XX:TieredStopAtLevel=1".to_owned(),
        "-XX:-UsePerfData".to_owned(),
        "-Djava.awt.headless=true".to_owned(),
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn".to_owned(),
        "-Dorg.slf4j.simpleLogger.showDateTime=true".to_owned(),
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS".to_owned(),
    ];
    args.extend(["-cp".to_owned(), format!("{}/*", jars.display()), class.to_owned()]);
    args
}

/// A Kafka cluster id is 16 bytes in URL-safe base64 without padding: the last of 22 characters holds two bits only.
pub(crate) fn cluster_id() -> String {
    format!("{}A", random_text(21))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_made_on_purpose_and_listeners_stay_local() {
        let properties = properties(Path::new("/d"), 1, 2, None);
        assert!(properties.contains("auto.create.topics.enable=false"));
        assert!(!properties.contains("0.0.0.0") && !properties.contains("DETOUR://"));
    }

    #[test]
    fn who_comes_through_a_proxy_is_told_to_stay_there() {
        let properties = properties(Path::new("/d"), 1, 2, Some(Detour { port: 3, advertised: 4 }));
        assert!(
            properties.contains(
                "\nlisteners=PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2,DETOUR://127.0.0.1:3\n"
            )
        );
        assert!(properties.contains("\nadvertised.listeners=PLAINTEXT://127.0.0.1:1,DETOUR://127.0.0.1:4\n"));
    }
}
