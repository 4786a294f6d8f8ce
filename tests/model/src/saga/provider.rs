//! The payment provider: its books of one order, and requests that reach it when they please. Its rules are those of
//! `tools/payment-simulator/src/decide.rs`.

use bowline_kernel::Money;
use bowline_payment_domain::OperationKind;

/// What the provider decides. Which of the two it is, where both are possible, is for the model to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It has done what was asked.
    Done,
    /// It refuses for good.
    Refused,
}

/// What the provider knows of one order, in minor units, and what is on its way to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Provider {
    pub(crate) held: i64,
    pub(crate) taken: i64,
    pub(crate) let_go: i64,
    /// By idempotency key; the key of an operation is its kind.
    hold: Option<Verdict>,
    settle: Option<Verdict>,
    release: Option<Verdict>,
    /// One request is as good as several with the same key.
    on_its_way: Option<(OperationKind, Money)>,
}

impl Provider {
    /// What was decided under the key of the operation.
    pub(crate) const fn decided(&self, kind: OperationKind) -> Option<Verdict> {
        match kind {
            OperationKind::Authorize => self.hold,
            OperationKind::Capture => self.settle,
            OperationKind::Void => self.release,
        }
    }

    /// How many operations are decided.
    pub(crate) fn decisions(&self) -> usize {
        [self.hold, self.settle, self.release].iter().flatten().count()
    }

    pub(crate) fn send(&mut self, kind: OperationKind, amount: Money) {
        self.on_its_way = Some((kind, amount));
    }

    /// The operation that a request on its way asks for.
    pub(crate) fn asked(&self) -> Option<OperationKind> {
        self.on_its_way.map(|(kind, _)| kind)
    }

    /// What may be decided about the request that is on its way.
    pub(crate) fn verdicts(&self) -> &'static [Verdict] {
        let outstanding = self.outstanding();
        match self.on_its_way {
            None => &[],
            Some((OperationKind::Authorize, _)) => &[Verdict::Done, Verdict::Refused],
            Some((OperationKind::Capture, amount)) if amount.minor <= outstanding => {
                &[Verdict::Done, Verdict::Refused]
            }
            Some((OperationKind::Void, _)) if outstanding > 0 => &[Verdict::Done],
            Some((OperationKind::Capture | OperationKind::Void, _)) => &[Verdict::Refused],
        }
    }

    /// The request arrives and is decided.
    pub(crate) fn decide(&mut self, verdict: Verdict) {
        let Some((kind, amount)) = self.on_its_way.take() else { return };
        let outstanding = self.outstanding();
        let (decided, moved, units) = match kind {
            OperationKind::Authorize => (&mut self.hold, &mut self.held, amount.minor),
            OperationKind::Capture => (&mut self.settle, &mut self.taken, amount.minor),
            OperationKind::Void => (&mut self.release, &mut self.let_go, outstanding),
        };
        *decided = Some(verdict);
        match verdict {
            Verdict::Done => *moved += units,
            Verdict::Refused => {}
        }
    }

    fn outstanding(&self) -> i64 {
        self.held - self.taken - self.let_go
    }
}
