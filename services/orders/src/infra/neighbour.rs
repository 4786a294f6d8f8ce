//! Whether a service that the saga waits for can do its part, asked through the standard health protocol of gRPC.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use url::Url;

/// A service, and which of its healths matter.
#[derive(Debug, Clone)]
pub(crate) struct Neighbour {
    name: &'static str,
    healths: &'static [&'static str],
    client: HealthClient<Channel>,
    timeout: Duration,
}

impl Neighbour {
    /// Connects lazily: the neighbour need not be there. An empty name among `healths` is the whole process.
    pub(crate) fn new(
        name: &'static str,
        url: &Url,
        healths: &'static [&'static str],
        timeout: Duration,
    ) -> Result<Self, tonic::transport::Error> {
        let channel = Endpoint::from_shared(url.to_string())?.connect_timeout(timeout).connect_lazy();
        Ok(Self { name, healths, client: HealthClient::new(channel), timeout })
    }

    /// Why it cannot do its part, in words; `None` when every health is good. Who does not answer in time cannot.
    pub(crate) async fn obstacle(&self) -> Option<String> {
        let asked = async {
            for health in self.healths {
                if let Some(obstacle) = self.ask(health).await {
                    return Some(obstacle);
                }
            }
            None
        };
        let answer = tokio::time::timeout(self.timeout, asked).await;
        answer.unwrap_or_else(|_| Some(format!("{} does not answer", self.name)))
    }

    async fn ask(&self, health: &str) -> Option<String> {
        let name = self.name;
        let what = if health.is_empty() { name.to_owned() } else { format!("the {health} of {name}") };
        let request = HealthCheckRequest { service: health.to_owned() };
        match self.client.clone().check(request).await {
            Ok(answer) => match answer.into_inner().status() {
                ServingStatus::Serving => None,
                ServingStatus::NotServing | ServingStatus::Unknown | ServingStatus::ServiceUnknown => {
                    Some(format!("{what} is not in order"))
                }
            },
            Err(status) => Some(format!("{what} cannot be asked: {:?}", status.code())),
        }
    }
}
