//! A simulator with a client beside it.

use anyhow::Context;
use bowline_payment_simulator::{Options, Simulator, Switches};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A running simulator, its folder and a client of its API.
pub(crate) struct Provider {
    pub(crate) simulator: Simulator,
    pub(crate) merchant: Merchant,
    pub(crate) folder: TempDir,
}

/// A client of the API.
#[derive(Clone)]
pub(crate) struct Merchant {
    pub(crate) http: Client,
    pub(crate) url: String,
}

/// A status and the JSON beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Provider {
    pub(crate) async fn start(switches: Switches) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let simulator = Simulator::start(Options { switches, ..Options::new(folder.path()) }).await?;
        let merchant = Merchant::of(simulator.url());
        Ok(Self { simulator, merchant, folder })
    }

    /// Stops it and starts it again on the same folder.
    pub(crate) async fn restart(self) -> anyhow::Result<Self> {
        self.simulator.shutdown().await?;
        let simulator = Simulator::start(Options::new(self.folder.path())).await?;
        let merchant = Merchant::of(simulator.url());
        Ok(Self { simulator, merchant, folder: self.folder })
    }
}

impl Merchant {
    pub(crate) fn of(url: String) -> Self {
        Self { http: Client::new(), url }
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        Answer::read(self.http.get(format!("{}{path}", self.url)).send().await?).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Answer> {
        Answer::read(self.http.request(method, format!("{}{path}", self.url)).json(body).send().await?).await
    }

    pub(crate) async fn write(&self, path: &str, key: &str, body: &Value) -> anyhow::Result<Answer> {
        let request = self.http.post(format!("{}{path}", self.url)).header("Idempotency-Key", key);
        Answer::read(request.json(body).send().await?).await
    }

    /// Holds under the key `{reference}:hold`.
    pub(crate) async fn hold(&self, reference: &str, token: &str, value: &str) -> anyhow::Result<Answer> {
        self.write("/v1/charges", &format!("{reference}:hold"), &hold_body(reference, token, value)).await
    }

    /// Settles, all that is held without a value.
    pub(crate) async fn settle(
        &self,
        charge: &str,
        key: &str,
        value: Option<&str>,
    ) -> anyhow::Result<Answer> {
        let body = value.map_or(json!({}), |value| json!({"amount": pounds(value)}));
        self.write(&format!("/v1/charges/{charge}/settle"), key, &body).await
    }

    pub(crate) async fn release(&self, charge: &str, key: &str) -> anyhow::Result<Answer> {
        self.write(&format!("/v1/charges/{charge}/release"), key, &json!({})).await
    }

    pub(crate) async fn charge(&self, charge: &str) -> anyhow::Result<Value> {
        Ok(self.get(&format!("/v1/charges/{charge}")).await?.body)
    }
}

impl Answer {
    async fn read(response: reqwest::Response) -> anyhow::Result<Self> {
        let status = response.status();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).with_context(|| format!("{status} without JSON: {text:?}"))?;
        Ok(Self { status, body })
    }

    /// The code of an answer in the provider's error shape.
    pub(crate) fn error(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or("no error")
    }

    /// Status and error code, to compare at once.
    pub(crate) fn fault(&self) -> (u16, &str) {
        (self.status.as_u16(), self.error())
    }

    pub(crate) fn charge_id(&self) -> String {
        self.body["charge_id"].as_str().unwrap_or("no charge").to_owned()
    }

    /// `done`, or the reason why not.
    pub(crate) fn result(&self) -> &str {
        match self.body["result"].as_str() {
            Some("done") => "done",
            _ => self.body["reason"].as_str().unwrap_or("no result"),
        }
    }
}

pub(crate) fn pounds(value: &str) -> Value {
    json!({"value": value, "iso": "GBP"})
}

pub(crate) fn hold_body(reference: &str, token: &str, value: &str) -> Value {
    json!({"merchant_reference": reference, "token": token, "amount": pounds(value)})
}
