//! Clients of librdkafka with the settings that order and safety need.

use bowline_contracts::topics::Topic;
use rdkafka::ClientConfig;

use crate::KafkaOptions;

impl KafkaOptions {
    /// The name of a topic in this deployment.
    pub fn topic_name(&self, topic: &Topic) -> String {
        format!("{}{}", self.namespace, topic.name)
    }

    /// The consumer group that shows a service's lag to tools.
    pub(crate) fn group(&self, consumer: &str) -> String {
        format!("{}bowline.{consumer}", self.namespace)
    }

    /// What every client needs; reconnects quickly, because a broker that restarts is back within seconds.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.brokers.join(","))
            .set("client.id", "bowline")
            .set("socket.nagle.disable", "true")
            .set("socket.keepalive.enable", "true")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("topic.metadata.refresh.interval.ms", "30000")
            .set("topic.metadata.refresh.fast.interval.ms", "100")
            .set("allow.auto.create.topics", "false");
        for (name, value) in &self.properties.0 {
            config.set(name, value);
        }
        config
    }

    /// The idempotent producer: every message is acknowledged by all in-sync replicas, in order, and never given up.
    pub(crate) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", "0")
            .set("linger.ms", "0")
            .set("batch.size", "1000000")
            .set("batch.num.messages", "10000")
            .set("queue.buffering.max.messages", "200000")
            .set("queue.buffering.max.kbytes", "262144")
            .set("message.max.bytes", self.message_bytes_max.to_string());
        config
    }

    /// A consumer that is told what to read and keeps its own positions; its group only shows lag to tools.
    pub(crate) fn consumer(&self, group: &str) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "false")
            .set("auto.offset.reset", "error")
            .set("fetch.min.bytes", "1")
            // A partition that is assigned while a fetch waits is read only with the next fetch.
            .set("fetch.wait.max.ms", "100")
            .set("fetch.error.backoff.ms", "50")
            .set("fetch.queue.backoff.ms", "20")
            .set("fetch.message.max.bytes", self.message_bytes_max.max(1 << 20).to_string())
            .set("queued.min.messages", "20000")
            .set("queued.max.messages.kbytes", "65536")
            .set("max.poll.interval.ms", "86400000");
        config
    }
}
