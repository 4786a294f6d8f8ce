//! What a cluster says about itself and some topics.

use std::collections::BTreeMap;

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiKey, DescribeConfigsRequest, DescribeConfigsResponse, MetadataRequest, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::probe::{METADATA_VERSION, ask};
use crate::error::{Error, Result};

/// Known to every broker since Kafka 2.8 and still to 4.x.
const CONFIGS_VERSION: i16 = 4;
/// What a resource is called that is a topic.
const TOPIC: i8 = 2;

/// A cluster of Kafka.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterSurvey {
    /// How many brokers are at work.
    pub brokers: usize,
    /// Those of the topics asked for that are there.
    pub topics: BTreeMap<String, TopicSurvey>,
}

/// A topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicSurvey {
    /// How many partitions it has.
    pub partitions: usize,
    /// On how many brokers the partition lies that lies on the fewest.
    pub replicas_min: usize,
    /// How many brokers are up to date with the partition of which the fewest are.
    pub in_sync_min: usize,
    /// Its settings by name; empty if the broker does not tell.
    pub settings: BTreeMap<String, String>,
}

/// Asks the first of `brokers` (a comma-separated list of host:port) that answers.
pub async fn survey(brokers: &str, topics: &[String]) -> Result<ClusterSurvey> {
    let named = |name: &String| {
        MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_string(name.clone()))))
    };
    let question = MetadataRequest::default()
        .with_topics(Some(topics.iter().map(named).collect()))
        .with_allow_auto_topic_creation(false);
    for address in brokers.split(',').map(str::trim) {
        let answer = ask(address, ApiKey::Metadata, &question, METADATA_VERSION).await;
        let Ok::<MetadataResponse, _>(answer) = answer else { continue };
        let mut topics = layouts(&answer);
        // Whoever may not ask for settings still learns the rest.
        for (topic, settings) in settings(address, topics.keys()).await.unwrap_or_default() {
            topics.entry(topic).or_default().settings = settings;
        }
        return Ok(ClusterSurvey { brokers: answer.brokers.len(), topics });
    }
    Err(Error::KafkaUnreachable { brokers: brokers.to_owned() })
}

fn layouts(answer: &MetadataResponse) -> BTreeMap<String, TopicSurvey> {
    let there = answer.topics.iter().filter(|topic| topic.error_code == 0);
    let layout = there.filter_map(|topic| {
        let fewest = |of: fn(&_) -> usize| topic.partitions.iter().map(of).min().unwrap_or_default();
        let layout = TopicSurvey {
            partitions: topic.partitions.len(),
            replicas_min: fewest(|partition| partition.replica_nodes.len()),
            in_sync_min: fewest(|partition| partition.isr_nodes.len()),
            settings: BTreeMap::new(),
        };
        Some((topic.name.as_ref()?.0.to_string(), layout))
    });
    layout.collect()
}

async fn settings(
    address: &str,
    topics: impl Iterator<Item = &String>,
) -> std::io::Result<BTreeMap<String, BTreeMap<String, String>>> {
    let resource = |name: &String| {
        DescribeConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(StrBytes::from_string(name.clone()))
            .with_configuration_keys(None)
    };
    let question = DescribeConfigsRequest::default().with_resources(topics.map(resource).collect());
    let answer: DescribeConfigsResponse =
        ask(address, ApiKey::DescribeConfigs, &question, CONFIGS_VERSION).await?;
    let told = answer.results.into_iter().filter(|result| result.error_code == 0).map(|result| {
        let settings = result.configs.into_iter();
        let settings = settings.filter_map(|entry| Some((entry.name.to_string(), entry.value?.to_string())));
        (result.resource_name.to_string(), settings.collect())
    });
    Ok(told.collect())
}
