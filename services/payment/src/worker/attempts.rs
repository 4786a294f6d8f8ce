//! One operation, from its first attempt to its stored outcome.

use std::time::Duration;

use bowline_fault_points::{Point, reached};
use bowline_messaging::{CommandError, Commands};
use bowline_resilience::{Retry, Valve};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::app::intent::{Intent, Origin};
use crate::app::record_outcome::{Outcome, RecordOutcome};
use crate::infra::provider::{Provider, Remedy, Trouble};
use crate::worker::failed_calls::Unwritten;
use crate::worker::spans;

/// From this attempt on an operation is worth a warning.
const ATTEMPTS_WARNED: u32 = 5;

/// What all attempts share.
pub(super) struct Attempts {
    pub(super) provider: Provider,
    pub(super) commands: Commands<RecordOutcome, ()>,
    /// What waits for the provider goes through here, call by call. Back-off takes no place.
    pub(super) valve: Valve,
    pub(super) retry: Retry,
    pub(super) alert_pause: Duration,
    /// What failed meanwhile.
    pub(super) unwritten: Unwritten,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Tell the provider the operation.
    Send,
    /// Ask whether it has decided it already.
    Ask,
}

impl Step {
    /// What to do first about an operation that came like this.
    pub fn first(origin: Origin) -> Self {
        match origin {
            Origin::Committed => Self::Send,
            Origin::Stored => Self::Ask,
        }
    }

    /// What to do after a call that led to no outcome.
    #[must_use]
    pub fn after(self, met: Result<(), &Trouble>) -> Self {
        match met.map_err(Trouble::remedy) {
            // Nothing is decided so far. The same key again: should the first request still be under way, it has one effect.
            Ok(()) => Self::Send,
            Err(Remedy::Ask) => Self::Ask,
            Err(Remedy::Again | Remedy::Alert) => self,
        }
    }
}

/// The lease was lost, or the worker stops: somebody else goes on.
struct GivenUp;

impl Attempts {
    /// Works on an operation until its outcome is stored or `lost` is cancelled. A call in flight is always heard out,
    /// and what it brings is offered.
    pub(super) async fn pursue(&self, mut intent: Intent, lost: &CancellationToken) {
        let mut span = spans::of_operation(&mut intent);
        match self.outcome(&mut intent, lost).await {
            Ok(outcome) => {
                spans::decided(&mut span, &intent, &outcome);
                self.store(intent, outcome, lost).await;
            }
            Err(GivenUp) => spans::given_up(&mut span),
        }
    }

    /// Asks and sends until the provider has decided.
    async fn outcome(&self, intent: &mut Intent, lost: &CancellationToken) -> Result<Outcome, GivenUp> {
        let mut waits = self.retry.waits();
        let mut step = Step::first(intent.origin);
        loop {
            let trouble = match self.call(step, intent, lost).await? {
                Ok(Some(outcome)) => {
                    reached(Point::AfterProviderCall);
                    return Ok(outcome);
                }
                Ok(None) => {
                    step = step.after(Ok(()));
                    continue;
                }
                Err(trouble) => trouble,
            };
            intent.failed_calls.add(trouble.reason());
            self.unwritten.add(intent);
            report(intent, step, &trouble);
            step = step.after(Err(&trouble));
            let pause = match trouble.remedy() {
                Remedy::Again | Remedy::Ask => waits.next(),
                Remedy::Alert => None,
            };
            let pause = sleep(pause.unwrap_or(self.alert_pause));
            lost.run_until_cancelled(pause).await.ok_or(GivenUp)?;
        }
    }

    /// One call, as soon as the valve lets it through. `Ok(None)`: nothing is decided.
    async fn call(
        &self,
        step: Step,
        intent: &Intent,
        lost: &CancellationToken,
    ) -> Result<Result<Option<Outcome>, Trouble>, GivenUp> {
        let pass = lost.run_until_cancelled(self.valve.pass()).await.ok_or(GivenUp)?;
        let call = || async {
            match step {
                Step::Send => self.provider.send(intent).await.map(Some),
                Step::Ask => self.provider.ask(intent).await,
            }
        };
        Ok(pass.call_if(Trouble::counts, call).await)
    }

    /// Brings the outcome to the executor. What it cannot store now stays open, and is tried again as long as the
    /// partition is ours; whoever holds it next asks the provider again.
    async fn store(&self, intent: Intent, outcome: Outcome, lost: &CancellationToken) {
        let record = RecordOutcome::of(intent, outcome);
        for wait in self.retry.waits() {
            match self.commands.execute_patiently(record.clone()).await {
                // A bug has been logged by the executor; the operation comes back with the next sweep.
                Ok(()) | Err(CommandError::Failed) => return,
                Err(CommandError::Busy | CommandError::Unavailable | CommandError::Conflict) => {}
            }
            if lost.run_until_cancelled(sleep(wait)).await.is_none() {
                return;
            }
        }
    }
}

/// Says what an operation waits for. What a person must look at is an error, each time it was tried.
fn report(intent: &Intent, step: Step, trouble: &Trouble) {
    let (order_id, operation) = (intent.order_id, intent.operation.kind().name());
    let attempt = intent.failed_calls.count;
    let cause = std::error::Error::source(trouble).map(ToString::to_string).unwrap_or_default();
    match trouble.remedy() {
        Remedy::Alert => {
            tracing::error!(%order_id, operation, ?step, attempt, %trouble, "provider and payment disagree, operation stays open");
        }
        Remedy::Again | Remedy::Ask if attempt == ATTEMPTS_WARNED => {
            tracing::warn!(%order_id, operation, ?step, attempt, %trouble, cause, "operation still without outcome, trying on");
        }
        Remedy::Again | Remedy::Ask => {
            tracing::debug!(%order_id, operation, ?step, attempt, %trouble, cause, "call to the provider failed");
        }
    }
}
