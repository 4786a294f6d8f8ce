//! Calls to the provider's HTTP API.

use std::time::Duration;

use bowline_payment_domain::{Operation, ProviderReference, Reason};
use bowline_traces::Span;
use reqwest::header::{CONTENT_TYPE, HeaderName};
use reqwest::{Client, Response};
use serde::Serialize;
use url::Url;

use super::wire::{self, AmountText, ErrorDocument};
use super::{Trouble, amount, mapping, spans};
use crate::app::intent::Intent;
use crate::app::record_outcome::Outcome;

/// The largest answer that is read; the provider's are a few hundred bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Where the provider is and how it is called.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// The base of its API.
    pub url: Url,
    /// How long one call may take, from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// How many calls are in flight at the most, each on a connection of its own that is kept.
    pub concurrency: usize,
}

/// The payment provider. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Provider {
    http: Client,
    base: String,
    timeout: Duration,
}

impl Provider {
    /// A client of the provider; connects when it is first called.
    pub fn new(settings: &ProviderSettings) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .pool_max_idle_per_host(settings.concurrency)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let base = settings.url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { http, base, timeout: settings.timeout })
    }

    /// Tells the provider the operation. Sent again under the same key it gets the same outcome and has no second
    /// effect.
    pub async fn send(&self, intent: &Intent) -> Result<Outcome, Trouble> {
        let key = intent.idempotency_key();
        let order_id = intent.order_id.to_string();
        let text = |money: bowline_kernel::Money| {
            let value = amount::decimal(money).ok_or(Trouble::Unspeakable)?;
            Ok::<_, Trouble>(AmountText { value, iso: money.currency.code().to_owned() })
        };
        let (route, path, body) = match &intent.operation {
            Operation::Authorize { amount, payment_token } => {
                let token = payment_token.as_str();
                let hold = wire::Hold { merchant_reference: &order_id, token, amount: text(*amount)? };
                ("POST /v1/charges", "/v1/charges".to_owned(), json(&hold))
            }
            Operation::Capture { amount, provider_reference } => {
                let settle = wire::Settle { amount: text(*amount)? };
                ("POST /v1/charges/{id}/settle", action(provider_reference, "settle"), json(&settle))
            }
            Operation::Void { provider_reference, .. } => {
                let release = json(&wire::Release {});
                ("POST /v1/charges/{id}/release", action(provider_reference, "release"), release)
            }
        };
        let request = self
            .http
            .post(format!("{}{path}", self.base))
            .header(IDEMPOTENCY_KEY, &key)
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let answer = self.call(route, request, intent).await?;
        answer.outcome(intent, &key)
    }

    /// Asks what became of the operation. `None`: the provider has decided nothing under this key so far, which is no
    /// outcome.
    pub async fn ask(&self, intent: &Intent) -> Result<Option<Outcome>, Trouble> {
        let key = intent.idempotency_key();
        let request = self.http.get(format!("{}/v1/operations/{key}", self.base));
        let answer = self.call("GET /v1/operations/{key}", request, intent).await?;
        if answer.status == 404 && answer.code() == "unknown_operation" {
            return Ok(None);
        }
        answer.outcome(intent, &key).map(Some)
    }

    /// `route` is what the call is named by in traces: nothing of it tells one call from another.
    async fn call(
        &self,
        route: &'static str,
        request: reqwest::RequestBuilder,
        intent: &Intent,
    ) -> Result<Answer, Trouble> {
        let mut span = spans::of_call(intent, route);
        let request = match span.as_ref().map(Span::traceparent).or(intent.traceparent.as_deref()) {
            Some(traceparent) => request.header(TRACEPARENT, traceparent),
            None => request,
        };
        let answer = bowline_resilience::within("a call to the payment provider", self.timeout, async {
            let response = request.send().await.map_err(failed)?;
            let status = response.status().as_u16();
            Ok(Answer { status, body: read(response).await? })
        })
        .await
        .map_err(Trouble::from)
        .flatten();
        spans::answered(&mut span, answer.as_ref().map(|answer| answer.status));
        answer
    }
}

/// A whole answer.
struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    fn outcome(&self, intent: &Intent, key: &str) -> Result<Outcome, Trouble> {
        if !(200..300).contains(&self.status) {
            return Err(Trouble::of_status(self.status, self.code()));
        }
        // The text is not shown: whatever it is, it came from outside.
        let document = serde_json::from_slice(&self.body).map_err(|error| Trouble::Lost(Box::new(error)))?;
        mapping::outcome(intent, key, &document)
    }

    /// The provider's word for an error; empty when the answer is not in its form, from a proxy for example. It goes into
    /// the log, so a text that is no word is not taken: it may repeat what was sent.
    fn code(&self) -> String {
        let document = serde_json::from_slice::<ErrorDocument>(&self.body);
        let word = document.ok().and_then(|document| document.error.code.parse::<Reason>().ok());
        word.map(String::from).unwrap_or_default()
    }
}

fn action(charge: &ProviderReference, action: &str) -> String {
    format!("/v1/charges/{charge}/{action}")
}

fn json(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("the documents hold only text")
}

async fn read(mut response: Response) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Trouble::Lost("the answer is too large".into()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn failed(error: reqwest::Error) -> Trouble {
    // The address holds no secret of the payment, but perhaps one of the provider.
    let error = error.without_url();
    if error.is_connect() { Trouble::Unreachable(error) } else { Trouble::Lost(Box::new(error)) }
}
