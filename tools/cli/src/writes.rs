//! Writes: each has a request id and is tried again under the same one, so that it takes effect once.

use std::time::Duration;

use anyhow::anyhow;
use bowline_contracts::payloads::Json;
use bowline_kernel::{IdSource as _, RequestId, SystemIds};
use bowline_load::generator::is_doubtful;
use bowline_resilience::Retry;
use clap::Args;
use serde::Serialize;
use tonic::{Code, Response, Status};

use crate::services::{Service, TRIES};
use crate::stop::{Stop, Stopped};

/// The id of a write.
#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    /// Repeat the write that had this id, instead of doing another: it takes effect once and is answered as it was
    #[arg(long, value_name = "UUID")]
    request_id: Option<RequestId>,
}

impl RequestArgs {
    /// The one given, else a new one.
    pub(crate) fn id(&self) -> RequestId {
        self.request_id.unwrap_or_else(|| RequestId::new(SystemIds.next_id()))
    }
}

/// What a write was answered with, for programs, and the id that repeats it.
#[derive(Serialize)]
pub(crate) struct Written {
    pub(crate) request_id: RequestId,
    #[serde(flatten)]
    pub(crate) answer: Json,
}

/// Sends writes to a service.
pub(crate) struct Writer<'a> {
    pub(crate) service: &'a Service,
    /// What the caller has to give to have the command repeated.
    pub(crate) request_id: RequestId,
    pub(crate) stop: &'a Stop,
}

impl Writer<'_> {
    /// Makes a call, again for a few times while the service is not there. A refusal is certain: the write has had no effect.
    /// Any other failure, and the end of the command, is an error that says how to find out.
    pub(crate) async fn send<T, F>(&self, call: impl FnMut() -> F) -> anyhow::Result<Result<T, Status>>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut said = false;
        let again = |status: &Status, _wait: Duration| {
            if !std::mem::replace(&mut said, true) {
                self.service.say_again(status);
            }
        };
        let is_worth_it = |status: &Status| matches!(status.code(), Code::Unavailable | Code::Aborted);
        let retry = Retry::new(TRIES);
        let tries = retry.run(call, is_worth_it, again);
        let trouble = tokio::select! {
            biased;
            () = self.stop.wanted() => anyhow!(Stopped),
            answer = tries => match answer {
                Ok(answer) => return Ok(Ok(answer.into_inner())),
                Err(status) if !is_doubtful(&status) => return Ok(Err(status)),
                Err(status) => self.service.refused(&status),
            },
        };
        let id = self.request_id;
        Err(anyhow!(
            "{trouble}; the same command with --request-id {id} takes effect once, whether or not this one has"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::services::Service;

    const ID: &str = "0192f0c1-7e2a-7bbb-8ccc-0123456789ab";

    /// What comes of a write whose tries are answered with `answers`, the last one again and again, and how many there were.
    async fn sent(answers: &[Result<u32, Code>]) -> (anyhow::Result<Result<u32, Status>>, usize) {
        let (service, stop) = (Service::for_tests("orders"), Stop::never());
        let writer = Writer { service: &service, request_id: ID.parse().unwrap(), stop: &stop };
        let tries = Cell::new(0);
        let outcome = writer
            .send(|| {
                let answer = answers[tries.get().min(answers.len() - 1)];
                tries.set(tries.get() + 1);
                async move { answer.map(Response::new).map_err(|code| Status::new(code, "said so")) }
            })
            .await;
        (outcome, tries.get())
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_comes_back_is_asked_again() {
        let (outcome, tries) = sent(&[Err(Code::Unavailable), Err(Code::Aborted), Ok(7)]).await;
        assert_eq!((outcome.unwrap().unwrap(), tries), (7, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_stays_away_ends_the_command_which_says_how_to_repeat_it() {
        let (outcome, tries) = sent(&[Err(Code::Unavailable)]).await;
        assert_eq!(tries, 5);
        let told = outcome.unwrap_err().to_string();
        assert!(
            told.contains("said so") && told.contains(&format!("--request-id {ID} takes effect once")),
            "{told}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_doubt_is_no_refusal_and_a_refusal_no_doubt() {
        let (outcome, tries) = sent(&[Err(Code::Internal)]).await;
        assert!(outcome.is_err());
        assert_eq!(tries, 1);
        let (outcome, tries) = sent(&[Err(Code::FailedPrecondition)]).await;
        assert_eq!((outcome.unwrap().unwrap_err().code(), tries), (Code::FailedPrecondition, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_stops_a_write_is_told_how_to_find_out() {
        let (service, stop) = (Service::for_tests("orders"), Stop::never());
        stop.now();
        let writer = Writer { service: &service, request_id: ID.parse().unwrap(), stop: &stop };
        let told =
            writer.send(std::future::pending::<Result<Response<()>, Status>>).await.unwrap_err().to_string();
        assert!(told.starts_with("stopped on request") && told.contains(ID), "{told}");
    }
}
