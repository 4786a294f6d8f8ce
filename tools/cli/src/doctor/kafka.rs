//! Whether messages can be trusted to the topics.

use bowline_contracts::topics::{ALL, Topic, TopicKind};
use bowline_dev_stack::StackDescription;
use bowline_dev_stack::kafka::{ClusterSurvey, TopicSurvey, survey};

use super::args::DoctorArgs;
use super::finding::{Finding, Subject};
use crate::fleet::NAMESPACE;

const AREA: &str = "Kafka";
/// What a topic needs where brokers may be lost; see docs/guarantees.md.
const REPLICAS_WANTED: usize = 3;
const IN_SYNC_WANTED: u64 = 2;
/// Commands must outlive every outbox, which keeps its own for 24 hours unless told otherwise.
const COMMANDS_KEPT_MIN_MS: i64 = 36 * 60 * 60 * 1000;

/// How much is asked of a cluster.
#[derive(Clone, Copy)]
struct Demands {
    /// The topics must be there: services run.
    topics: bool,
    /// A broker may be lost: the cluster is somebody's deployment and not the one node that a stack of this machine starts.
    losses: bool,
}

/// Looks at the brokers that were given, or at those of the stack that runs.
pub(super) async fn examine(args: &DoctorArgs, stack: Option<&StackDescription>) -> Vec<Finding> {
    let namespace = stack.and_then(|stack| stack.addresses.get(NAMESPACE)).cloned().unwrap_or_default();
    let of_stack = stack.map(|stack| stack.kafka_brokers.as_str());
    let (brokers, demands) = match (args.stack.kafka.as_deref(), of_stack) {
        (Some(given), of_stack) => (given, Demands { topics: of_stack == Some(given), losses: true }),
        (None, Some(of_stack)) => (of_stack, Demands { topics: true, losses: false }),
        (None, None) => return Vec::new(),
    };
    let names: Vec<String> = ALL.iter().map(|topic| format!("{namespace}{}", topic.name)).collect();
    let subject = Finding::of(AREA, "brokers");
    match survey(brokers, &names).await {
        Err(error) => vec![subject.broken(&error)],
        Ok(cluster) => {
            let mut findings = vec![judge_brokers(subject, brokers, &cluster, demands)];
            let topics = ALL.iter().zip(&names);
            findings
                .extend(topics.map(|(topic, name)| judge(topic, name, cluster.topics.get(name), demands)));
            findings
        }
    }
}

fn judge_brokers(subject: Subject, brokers: &str, cluster: &ClusterSurvey, demands: Demands) -> Finding {
    let count = cluster.brokers;
    match count {
        0 => subject.fail(
            format!("{brokers} answers, but no broker is at work"),
            "see to the controllers of the cluster; its log says more",
        ),
        _ if demands.losses && count < REPLICAS_WANTED => subject.warn(
            format!("{count} at work: messages do not survive the loss of one"),
            format!("run {REPLICAS_WANTED} or more, if one may be lost"),
        ),
        _ => subject.ok(format!("{count} at work, asked at {brokers}")),
    }
}

fn judge(topic: &Topic, name: &str, found: Option<&TopicSurvey>, demands: Demands) -> Finding {
    let subject = Finding::of(AREA, name);
    let Some(found) = found else {
        return if demands.topics {
            subject.fail(
                format!("is not there, although {} makes it when it starts", topic.owner),
                format!("see in the log of {} what keeps it from that", topic.owner),
            )
        } else {
            subject.ok(format!("not there yet: {} makes it when it starts", topic.owner))
        };
    };
    let expected = usize::from(topic.partitions);
    if found.partitions != expected {
        return subject.fail(
            format!(
                "has {} partitions instead of {expected}: orders would change their lane",
                found.partitions
            ),
            "make it again, or use another --kafka-namespace",
        );
    }
    judge_retention(topic, found).map_or_else(
        || judge_losses(Finding::of(AREA, name), name, found, demands),
        |(says, value)| Finding::of(AREA, name).fail(says, alter(name, &value)),
    )
}

/// What is wrong with how long the topic is kept, and the setting that mends it.
fn judge_retention(topic: &Topic, found: &TopicSurvey) -> Option<(String, String)> {
    let number = |name: &str| found.settings.get(name)?.parse::<i64>().ok();
    if found.settings.get("cleanup.policy").is_some_and(|policy| policy.contains("compact")) {
        let says = "is compacted: of an order only the last message stays".to_owned();
        return Some((says, "cleanup.policy=delete".to_owned()));
    }
    if let Some(bytes) = number("retention.bytes").filter(|bytes| *bytes >= 0) {
        return Some((format!("is cut at {bytes} bytes"), "retention.bytes=-1".to_owned()));
    }
    let kept = number("retention.ms").filter(|kept| *kept >= 0)?;
    let needed = match topic.kind {
        TopicKind::Events => "-1".to_owned(),
        TopicKind::Commands if kept < COMMANDS_KEPT_MIN_MS => (30 * 24 * 60 * 60 * 1000_i64).to_string(),
        TopicKind::Commands => return None,
    };
    let hours = kept / (60 * 60 * 1000);
    let says = match topic.kind {
        TopicKind::Events => format!("is kept for {hours} h: read models could not be computed anew"),
        TopicKind::Commands => format!("is kept for {hours} h: what has expired would be taken for lost"),
    };
    Some((says, format!("retention.ms={needed}")))
}

/// Whether the topic survives the loss of a broker.
fn judge_losses(subject: Subject, name: &str, found: &TopicSurvey, demands: Demands) -> Finding {
    let in_sync = found.settings.get("min.insync.replicas").and_then(|value| value.parse::<u64>().ok());
    let (replicas, needed) = (found.replicas_min, in_sync.unwrap_or(1));
    if u64::try_from(found.in_sync_min).unwrap_or_default() < needed {
        return subject.fail(
            format!(
                "{} of {replicas} replicas are in sync, {needed} are needed: nothing can be sent",
                found.in_sync_min
            ),
            "bring back the brokers that are away",
        );
    }
    let says =
        format!("{} partitions, replication {replicas}, min.insync.replicas {needed}", found.partitions);
    if !demands.losses {
        return subject.ok(says);
    }
    if replicas < REPLICAS_WANTED {
        return subject.warn(
            says,
            format!("raise its replication to {REPLICAS_WANTED} (kafka-reassign-partitions.sh), if a broker may be lost"),
        );
    }
    if needed < IN_SYNC_WANTED {
        return subject.warn(says, alter(name, &format!("min.insync.replicas={IN_SYNC_WANTED}")));
    }
    subject.ok(says)
}

fn alter(topic: &str, setting: &str) -> String {
    format!("kafka-configs.sh --bootstrap-server … --alter --topic {topic} --add-config {setting}")
}

#[cfg(test)]
mod tests {
    use bowline_contracts::topics::{INVENTORY_COMMANDS, ORDERS_EVENTS};

    use super::*;
    use crate::doctor::finding::Status;

    const DEPLOYED: Demands = Demands { topics: true, losses: true };
    const HERE: Demands = Demands { topics: true, losses: false };

    fn topic(settings: &[(&str, &str)]) -> TopicSurvey {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        TopicSurvey { partitions: 8, replicas_min: 3, in_sync_min: 3, settings: settings.collect() }
    }

    #[test]
    fn a_topic_is_held_against_what_the_guarantees_assume() {
        let good = topic(&[("retention.ms", "-1"), ("min.insync.replicas", "2")]);
        let judged =
            |found: &TopicSurvey, demands| judge(&ORDERS_EVENTS, "orders.events.v1", Some(found), demands);
        assert_eq!(judged(&good, DEPLOYED).status, Status::Ok);
        let lone = TopicSurvey { replicas_min: 1, in_sync_min: 1, ..topic(&[("retention.ms", "-1")]) };
        assert_eq!((judged(&lone, DEPLOYED).status, judged(&lone, HERE).status), (Status::Warn, Status::Ok));
        let weak = topic(&[("retention.ms", "-1"), ("min.insync.replicas", "1")]);
        assert!(judged(&weak, DEPLOYED).mend.is_some_and(|mend| mend.ends_with("min.insync.replicas=2")));
        let stuck = TopicSurvey { in_sync_min: 1, ..good.clone() };
        assert_eq!(judged(&stuck, HERE).status, Status::Fail);
        let narrow = TopicSurvey { partitions: 1, ..good };
        assert_eq!(judged(&narrow, HERE).status, Status::Fail);
    }

    #[test]
    fn what_is_kept_too_short_fails() {
        let week = topic(&[("retention.ms", "604800000")]);
        let judged = |of: &Topic, found: &TopicSurvey| judge(of, of.name, Some(found), HERE);
        let events = judged(&ORDERS_EVENTS, &week);
        assert!(events.status == Status::Fail && events.says.contains("168 h"), "{events:?}");
        assert_eq!(judged(&INVENTORY_COMMANDS, &week).status, Status::Ok);
        assert_eq!(judged(&INVENTORY_COMMANDS, &topic(&[("retention.ms", "3600000")])).status, Status::Fail);
        for fault in [("cleanup.policy", "compact"), ("retention.bytes", "1000")] {
            assert_eq!(judged(&ORDERS_EVENTS, &topic(&[fault])).status, Status::Fail, "{fault:?}");
        }
    }

    #[test]
    fn a_topic_that_is_missing_is_a_fault_only_where_services_run() {
        let judged = |demands| judge(&ORDERS_EVENTS, "orders.events.v1", None, demands).status;
        assert_eq!(judged(HERE), Status::Fail);
        assert_eq!(judged(Demands { topics: false, losses: true }), Status::Ok);
    }
}
