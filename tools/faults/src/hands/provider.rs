//! A payment provider that fails, or charges without an answer.

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::Hands;
use crate::record::Outcome;
use crate::trouble::Trouble;

impl Hands<'_> {
    /// Every third write fails before its effect, every third of the others after it.
    pub(super) async fn let_provider_fail(&self, length: Duration) -> Result<Outcome, Trouble> {
        self.switched(json!({"error_rate": 0.3, "error_after_rate": 0.3}), length).await
    }

    /// Of every second write the effect is there and the answer is held back beyond the patience of whoever asked.
    pub(super) async fn let_provider_hold_back(&self, length: Duration) -> Result<Outcome, Trouble> {
        self.switched(json!({"timeout_rate": 0.5, "timeout_hold": "8s"}), length).await
    }

    async fn switched(&self, changes: Value, length: Duration) -> Result<Outcome, Trouble> {
        self.set_switches(&changes).await?;
        tokio::time::sleep(length).await;
        self.set_switches(&self.switches).await?;
        Ok(Outcome::done())
    }

    /// Changes the switches that are given.
    pub(super) async fn set_switches(&self, changes: &Value) -> Result<(), Trouble> {
        let url = simulation(&self.site.provider);
        let answer = self.client.patch(&url).json(changes).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status);
        answer.map(|_| ()).map_err(|source| Trouble::Provider { address: url, source })
    }
}

/// The switches in force.
pub(super) async fn switches(client: &reqwest::Client, provider: &Url) -> Result<Value, Trouble> {
    let url = simulation(provider);
    let failed = |source| Trouble::Provider { address: url.clone(), source };
    let answer = client.get(&url).send().await.and_then(reqwest::Response::error_for_status);
    answer.map_err(failed)?.json().await.map_err(failed)
}

fn simulation(provider: &Url) -> String {
    format!("{}/v1/simulation", provider.as_str().trim_end_matches('/'))
}
