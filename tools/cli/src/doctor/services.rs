//! How the services say that they are.

use std::time::Duration;

use bowline_contracts::health::PROVIDER;
use bowline_dev_stack::{StackDescription, databases};
use serde::Deserialize;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::finding::{Finding, Subject};
use crate::services::with_scheme;

const AREA: &str = "services";
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// What each service serves, by which it is told from another one.
const SERVED: [(&str, &str); 4] = [
    ("orders", "bowline.orders.v1.OrdersService"),
    ("inventory", "bowline.inventory.v1.InventoryService"),
    ("payment", "bowline.payment.v1.PaymentService"),
    ("projection", "bowline.projection.v1.QueryService"),
];

/// A process of a service.
struct Process {
    name: String,
    service: String,
    url: String,
    /// Base address of its probes, where it is known.
    http: Option<String>,
}

/// What a probe tells.
#[derive(Debug, Deserialize)]
struct Probe {
    version: Option<String>,
    #[serde(default)]
    checks: Vec<Check>,
}

#[derive(Debug, Deserialize)]
struct Check {
    name: String,
    reason: Option<String>,
}

/// Asks every process, all at once.
pub(super) async fn examine(
    urls: &[(String, String)],
    stack: Option<&StackDescription>,
) -> anyhow::Result<Vec<Finding>> {
    let processes = match stack {
        Some(stack) => published(stack),
        None => given(urls),
    };
    let asked = futures::future::join_all(processes.iter().map(ask)).await;
    Ok(asked.into_iter().flatten().collect())
}

fn given(urls: &[(String, String)]) -> Vec<Process> {
    let process = |(name, url): &(String, String)| Process {
        name: name.clone(),
        service: name.clone(),
        url: with_scheme(url),
        http: None,
    };
    urls.iter().map(process).collect()
}

/// Every process of the stack of this machine; the further ones are named after service and number.
fn published(stack: &StackDescription) -> Vec<Process> {
    let process = |(place, address): (&String, &String)| {
        let name = place.strip_suffix(".grpc")?;
        let service = databases::SERVICES.into_iter().find(|service| {
            name.strip_prefix(service).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })?;
        Some(Process {
            name: name.to_owned(),
            service: service.to_owned(),
            url: with_scheme(address),
            http: stack.addresses.get(&format!("{name}.http")).map(|address| with_scheme(address)),
        })
    };
    let mut processes: Vec<Process> = stack.addresses.iter().filter_map(process).collect();
    processes.sort_by(|a, b| a.name.cmp(&b.name));
    processes
}

async fn ask(process: &Process) -> Vec<Finding> {
    let subject = Finding::of(AREA, &process.name);
    let Process { service, url, http, .. } = process;
    let Some((_, served)) = SERVED.iter().find(|(name, _)| name == service) else {
        let known = SERVED.map(|(name, _)| name).join(", ");
        return vec![subject.fail(format!("no service is called {service}"), format!("give one of {known}"))];
    };
    let Ok(endpoint) = Endpoint::from_shared(url.clone()) else {
        return vec![
            subject.fail(format!("{url} is not a URL"), format!("give --url {service}=http://HOST:PORT")),
        ];
    };
    let channel = endpoint.connect_timeout(ANSWER_MAX).timeout(ANSWER_MAX).connect_lazy();
    let health = health(&channel, served).await;
    let probe = match http {
        Some(http) => probe(http).await,
        None => None,
    };
    let is_serving = matches!(health, Ok(ServingStatus::Serving));
    let mut findings = vec![judge(subject, process, health, probe.as_ref())];
    if is_serving && service == "payment" {
        findings.push(provider(&process.name, &channel).await);
    }
    findings
}

async fn health(channel: &Channel, name: &str) -> Result<ServingStatus, tonic::Status> {
    let request = HealthCheckRequest { service: name.to_owned() };
    let asked = HealthClient::new(channel.clone());
    // A channel that connects lazily does not count its connecting.
    let answer = tokio::time::timeout(ANSWER_MAX, async move { asked.clone().check(request).await }).await;
    let answer = answer.unwrap_or_else(|_| Err(tonic::Status::deadline_exceeded("no answer in time")));
    answer.map(|answer| answer.into_inner().status())
}

/// What `/readyz` says, whether or not it is ready.
async fn probe(http: &str) -> Option<Probe> {
    let answer = reqwest::Client::new().get(format!("{http}/readyz")).timeout(ANSWER_MAX).send().await;
    answer.ok()?.json().await.ok()
}

fn judge(
    subject: Subject,
    Process { service, url, .. }: &Process,
    health: Result<ServingStatus, tonic::Status>,
    probe: Option<&Probe>,
) -> Finding {
    match health {
        Ok(ServingStatus::Serving) => judge_version(subject, url, probe),
        Ok(ServingStatus::NotServing | ServingStatus::Unknown) => {
            let checks = probe.map(|probe| probe.checks.as_slice()).unwrap_or_default();
            let obstacles = checks
                .iter()
                .filter_map(|check| check.reason.as_ref().map(|reason| format!("{}: {reason}", check.name)));
            let obstacles: Vec<String> = obstacles.collect();
            let because =
                if obstacles.is_empty() { String::new() } else { format!(": {}", obstacles.join("; ")) };
            subject.fail(
                format!("runs at {url} and is not ready{because}"),
                "see to its database and Kafka, which stand below; its log says more",
            )
        }
        Ok(ServingStatus::ServiceUnknown) => not_that_one(subject, service, url),
        Err(status) if matches!(status.code(), Code::NotFound | Code::Unimplemented) => {
            not_that_one(subject, service, url)
        }
        Err(status) => {
            let trouble = std::error::Error::source(&status);
            let reason = std::iter::successors(trouble, |&error| error.source()).last();
            let reason = reason.map_or_else(|| status.message().to_owned(), ToString::to_string);
            subject.fail(
                format!("no answer at {url}: {reason}"),
                format!("start it there, or give its address with --url {service}=http://HOST:PORT"),
            )
        }
    }
}

fn not_that_one(subject: Subject, service: &str, url: &str) -> Finding {
    subject.fail(
        format!("what answers at {url} is not {service}"),
        format!("give its address with --url {service}=http://HOST:PORT"),
    )
}

fn judge_version(subject: Subject, url: &str, probe: Option<&Probe>) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    match probe.map(|probe| probe.version.as_deref()) {
        None => subject.ok(format!("ready at {url}")),
        Some(Some(theirs)) if theirs == ours => subject.ok(format!("{theirs}, ready at {url}")),
        Some(theirs) => subject.warn(
            format!(
                "ready at {url}, but of version {} and not {ours} as this tool",
                theirs.unwrap_or("unknown")
            ),
            "run services and tool of one version: `bowline down`, then `bowline up`",
        ),
    }
}

/// Whether payment calls its provider.
async fn provider(name: &str, channel: &Channel) -> Finding {
    let subject = Finding::of(AREA, format!("{name}'s {PROVIDER}"));
    match health(channel, PROVIDER).await {
        Ok(ServingStatus::Serving) => subject.ok("is called".to_owned()),
        Ok(_) => subject.fail(
            "does not answer payment, which has ceased to call it for a while".to_owned(),
            "see to the provider, or correct --provider-url; payment tries again by itself",
        ),
        Err(status) => subject.warn(
            format!("payment does not tell how it is: {}", status.message()),
            "run a payment of this version",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Status;

    fn process() -> Process {
        Process { name: "orders".into(), service: "orders".into(), url: "http://a:1".into(), http: None }
    }

    fn judged(health: Result<ServingStatus, tonic::Status>, probe: Option<&str>) -> Finding {
        let probe: Option<Probe> = probe.map(|text| serde_json::from_str(text).expect("a probe's answer"));
        judge(Finding::of(AREA, "orders"), &process(), health, probe.as_ref())
    }

    #[test]
    fn another_version_is_a_warning_and_an_obstacle_is_told() {
        let same = format!("{{\"version\":\"{}\",\"checks\":[]}}", env!("CARGO_PKG_VERSION"));
        assert_eq!(judged(Ok(ServingStatus::Serving), Some(&same)).status, Status::Ok);
        assert_eq!(judged(Ok(ServingStatus::Serving), None).status, Status::Ok);
        let old = judged(Ok(ServingStatus::Serving), Some(r#"{"checks":[]}"#));
        assert!(old.status == Status::Warn && old.says.contains("version unknown"), "{old:?}");
        let probe = r#"{"checks":[{"name":"database","ready":false,"reason":"no answer"}]}"#;
        let waiting = judged(Ok(ServingStatus::NotServing), Some(probe));
        assert_eq!(waiting.says, "runs at http://a:1 and is not ready: database: no answer");
    }

    #[test]
    fn every_process_of_a_stack_is_asked() {
        let addresses = [
            ("orders.grpc", "a:1"),
            ("orders.http", "a:2"),
            ("orders-2.grpc", "a:3"),
            ("kafka.namespace", ""),
        ];
        let stack = StackDescription {
            kafka_brokers: String::new(),
            databases: [].into(),
            addresses: addresses.map(|(name, address)| (name.to_owned(), address.to_owned())).into(),
        };
        let found = published(&stack);
        let named: Vec<_> =
            found.iter().map(|process| (process.name.as_str(), process.http.is_some())).collect();
        assert_eq!(named, [("orders", true), ("orders-2", false)]);
    }

    #[tokio::test]
    async fn nobody_there_is_said_with_the_address() {
        let found = ask(&Process { url: "http://127.0.0.1:1".into(), ..process() }).await;
        assert!(found[0].status == Status::Fail && found[0].says.contains("http://127.0.0.1:1"), "{found:?}");
        let found = ask(&Process { service: "ordres".into(), ..process() }).await;
        assert!(found[0].says.contains("no service is called ordres"), "{found:?}");
    }
}
