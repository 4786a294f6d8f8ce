//! What every process says of itself.

use std::time::Duration;

use bowline_contracts::common::v1;
use bowline_contracts::common::v1::status_service_client::StatusServiceClient;
use futures::future::join_all;

use crate::services::Service;

/// A process that was asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The service that it should be.
    pub(super) service: String,
    pub(super) url: String,
    pub(super) answer: Result<v1::GetStatusResponse, Silence>,
}

/// Why a process has given no answer.
#[derive(Debug, Clone)]
pub(super) struct Silence {
    /// In a few words.
    pub(super) why: String,
    /// With what to do about it.
    pub(super) whole: String,
}

/// Asks all of them at once.
pub(super) async fn all(replicas: &[Service], patience: Duration) -> Vec<Asked> {
    join_all(replicas.iter().map(|replica| one(replica, patience))).await
}

async fn one(replica: &Service, patience: Duration) -> Asked {
    let Service { name, url, channel, logs, .. } = replica;
    let mut client = StatusServiceClient::new(channel.clone());
    let asked = tokio::time::timeout(patience, client.get_status(v1::GetStatusRequest {})).await;
    let answer = match asked {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => Err(Silence {
            why: match Service::trouble(&status) {
                Some(trouble) => format!("no answer: {trouble}"),
                None => format!("answers {:?}", status.code()),
            },
            whole: format!("{:#}", replica.refused(&status)),
        }),
        Err(_) => {
            let within = humantime::format_duration(patience);
            Err(Silence {
                why: format!("no answer within {within}"),
                whole: format!(
                    "{name} gave no answer at {url} within {within}: it hangs or has too much to do; its log{} and \
                     `ps` say more, --timeout waits longer",
                    logs.as_ref().map_or_else(String::new, |logs| format!(" in {}", logs.display()))
                ),
            })
        }
    };
    let answer = answer.and_then(|told| expected(told, name, url));
    Asked { service: name.clone(), url: url.clone(), answer }
}

/// The answer, if it comes from the service that was meant.
fn expected(told: v1::GetStatusResponse, name: &str, url: &str) -> Result<v1::GetStatusResponse, Silence> {
    if told.service == name {
        return Ok(told);
    }
    Err(Silence {
        why: format!("{} answers there", told.service),
        whole: format!(
            "what answers at {url} is {}, not {name}: give its address with --url {name}=http://HOST:PORT",
            told.service
        ),
    })
}
