//! Payment's worker, one call at a time: what the provider is to be told, and what it said.

use bowline_messaging::{Answer, CommandError, Owned, Stepper};
use bowline_payment::app::execute::PaymentHandler;
use bowline_payment::app::intent::Intent;
use bowline_payment::app::record_outcome::RecordOutcome;
use bowline_payment::infra::operations;
use bowline_payment::infra::provider::Provider;
use bowline_payment::worker::{IntentReceiver, Step};
use sqlx::PgConnection;

use crate::witness::{Witness, number};

/// More than a run has.
const OPERATIONS_MAX: usize = 1_000;

/// The open operations that one replica works on.
pub(crate) struct Desk {
    intents: IntentReceiver,
    pursuits: Vec<Pursuit>,
}

/// An operation and how far it is.
struct Pursuit {
    intent: Intent,
    step: Step,
    outcome: Option<RecordOutcome>,
    stored: Option<Answer<()>>,
}

/// Whether the provider's answer to one call arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerFate {
    Heard,
    Lost,
}

impl Desk {
    pub(crate) fn new(intents: IntentReceiver) -> Self {
        Self { intents, pursuits: Vec::new() }
    }

    /// Takes what the executor has handed over, as far as the partition is held.
    pub(crate) fn take_in(&mut self, owned: &Owned) {
        let opened = self.intents.waiting();
        self.begin(opened, owned);
    }

    /// Takes what is open in the table, and lets go of what is not held any more.
    pub(crate) async fn reload(
        &mut self,
        connection: &mut PgConnection,
        owned: &Owned,
    ) -> anyhow::Result<()> {
        self.pursuits.retain(|pursuit| owned.contains_key(&pursuit.intent.partition));
        let partitions: Vec<u16> = owned.keys().copied().collect();
        let open = operations::open(connection, &partitions, OPERATIONS_MAX).await?;
        self.begin(open, owned);
        Ok(())
    }

    fn begin(&mut self, intents: Vec<Intent>, owned: &Owned) {
        for intent in intents {
            let known = self.pursuits.iter().any(|pursuit| pursuit.intent.key() == intent.key());
            if !known && owned.contains_key(&intent.partition) {
                let step = Step::first(intent.origin);
                self.pursuits.push(Pursuit { intent, step, outcome: None, stored: None });
            }
        }
    }

    /// How many operations there is something to do for, now.
    pub(crate) fn busy(&self) -> usize {
        self.pursuits.iter().filter(|pursuit| pursuit.outcome.is_none()).count()
    }

    /// Hears of outcomes that are stored, and brings those again that are not.
    pub(crate) fn settle(&mut self, executor: &Stepper<Witness<PaymentHandler>>) {
        self.pursuits.retain_mut(|pursuit| {
            let Some(answer) = &mut pursuit.stored else { return true };
            match answer.try_recv() {
                Ok(Ok(()) | Err(CommandError::Failed)) => return false,
                Ok(Err(_)) => pursuit.stored = None,
                Err(_) => {}
            }
            true
        });
        for pursuit in &mut self.pursuits {
            if let (Some(outcome), None) = (&pursuit.outcome, &pursuit.stored) {
                pursuit.stored = executor.submit(outcome.clone()).ok();
            }
        }
    }

    /// One call for one of the busy operations.
    pub(crate) async fn call(&mut self, nth: usize, provider: &Provider, fate: AnswerFate) -> String {
        let Some(pursuit) = self.pursuits.iter_mut().filter(|p| p.outcome.is_none()).nth(nth) else {
            return String::new();
        };
        let Pursuit { intent, step, outcome, .. } = pursuit;
        let asked =
            format!("{:?} {} {}", step, intent.operation.kind().name(), number(intent.order_id.uuid()));
        let answer = match step {
            Step::Send => provider.send(intent).await.map(Some),
            Step::Ask => provider.ask(intent).await,
        };
        if fate == AnswerFate::Lost {
            *step = Step::Ask;
            return format!("{asked}: no answer");
        }
        match answer {
            Ok(Some(decided)) => {
                let said = format!("{asked}: {}", word(&decided));
                *outcome = Some(RecordOutcome::of(intent.clone(), decided));
                said
            }
            Ok(None) => {
                *step = step.after(Ok(()));
                format!("{asked}: nothing decided")
            }
            Err(trouble) => {
                intent.failed_calls.add(trouble.reason());
                *step = step.after(Err(&trouble));
                format!("{asked}: {:?}", trouble.remedy())
            }
        }
    }
}

fn word(outcome: &bowline_payment::app::record_outcome::Outcome) -> &'static str {
    use bowline_payment::app::record_outcome::Outcome;
    match outcome {
        Outcome::Authorized { .. } => "authorised",
        Outcome::Declined { .. } => "declined",
        Outcome::Captured => "captured",
        Outcome::CaptureRefused { .. } => "capture refused",
        Outcome::Voided => "voided",
    }
}
