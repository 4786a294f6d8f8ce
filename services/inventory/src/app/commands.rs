//! Commands of a batch: who is answered with what.

use bowline_idempotency::{Answer, Claim};
use bowline_kernel::{IdSource, RequestId};
use bowline_messaging::Batch;

use super::working_set::WorkingSet;
use super::{Action, Command, Reply, adjust_stock, upsert_products};

/// What the commands of a batch have led to.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// One per command.
    pub(crate) replies: Vec<Reply>,
    /// To be stored under the keys that this transaction has claimed.
    pub(crate) answers: Vec<(RequestId, Answer)>,
    /// Claimed keys whose result is not kept.
    pub(crate) given_back: Vec<RequestId>,
}

/// What the commands that come for the first time ask for.
pub(crate) fn fresh<'a>(batch: &'a Batch<Command>, claims: &[Claim]) -> Vec<&'a Action> {
    let first = |(command, claim): (&'a Command, &Claim)| (*claim == Claim::Fresh).then_some(&command.action);
    batch.commands.iter().zip(claims).filter_map(first).collect()
}

/// Decides the commands that come for the first time, in order; the others get the answer of the first one.
pub(crate) fn settle(
    commands: &[Command],
    claims: &[Claim],
    work: &mut WorkingSet,
    ids: &dyn IdSource,
) -> Settled {
    let mut settled = Settled::default();
    for (command, claim) in commands.iter().zip(claims) {
        let reply = match claim {
            Claim::Fresh => {
                let reply = decide(&command.action, work, ids);
                let key = command.request.key;
                match &reply {
                    Reply::Answered(answer) => settled.answers.push((key, answer.clone())),
                    Reply::NotInCatalogue(_) | Reply::KeyReused => settled.given_back.push(key),
                }
                reply
            }
            Claim::Answered(answer) => Reply::Answered(answer.clone()),
            Claim::Mismatch => Reply::KeyReused,
            Claim::RepeatOf(first) => settled.replies[*first].clone(),
        };
        settled.replies.push(reply);
    }
    settled
}

fn decide(action: &Action, work: &mut WorkingSet, ids: &dyn IdSource) -> Reply {
    match action {
        Action::UpsertProducts(products) => upsert_products::answer(products, work),
        Action::AdjustStock(command) => adjust_stock::decide(command, work, ids),
    }
}
