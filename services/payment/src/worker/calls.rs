//! Counts the calls to the provider by what came of them, for Prometheus.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowline_metrics::{Metric, Source, Telling};
use bowline_payment_domain::OperationKind;

use crate::app::record_outcome::Outcome;
use crate::infra::provider::Trouble;

const CALLS: Metric =
    Metric::counter("bowline_provider_calls_total", "Calls to the payment provider, by what came of them");

/// The calls of a process since its start. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    counts: Arc<Mutex<BTreeMap<Row, u64>>>,
}

/// The name of the operation, and what came of the call in a word.
type Row = (&'static str, &'static str);

impl Calls {
    /// A call for such an operation has ended.
    pub(super) fn count(&self, operation: OperationKind, met: &Result<Option<Outcome>, Trouble>) {
        *self.counts().entry((operation.name(), word(met))).or_default() += 1;
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<Row, u64>> {
        // A map is whole at every moment.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Calls {
    fn tell(&self, to: &mut Telling<'_>) -> fmt::Result {
        let counts = self.counts();
        let rows = counts.iter();
        to.all(
            CALLS,
            rows.map(|((operation, outcome), count)| {
                ([("operation", *operation), ("outcome", *outcome)], *count)
            }),
        )
    }
}

fn word(met: &Result<Option<Outcome>, Trouble>) -> &'static str {
    match met {
        Ok(Some(Outcome::Authorized { .. } | Outcome::Captured | Outcome::Voided)) => "done",
        Ok(Some(Outcome::Declined { .. } | Outcome::CaptureRefused { .. })) => "refused",
        Ok(None) => "undecided",
        Err(trouble) => trouble.word(),
    }
}

#[cfg(test)]
mod tests {
    use bowline_metrics::Metrics;
    use bowline_payment_domain::Reason;
    use bowline_test_support::metrics_page::{documented, exported};

    use super::*;

    fn text() -> String {
        let calls = Calls::default();
        for met in [
            Ok(Some(Outcome::Declined { reason: Reason::unspecified() })),
            Ok(None),
            Err(Trouble::Failed { status: 500, code: String::new() }),
            Err(Trouble::Failed { status: 502, code: String::new() }),
        ] {
            calls.count(OperationKind::Authorize, &met);
        }
        calls.count(OperationKind::Void, &Ok(Some(Outcome::Voided)));
        let metrics = Metrics::default();
        metrics.add(calls);
        metrics.text()
    }

    #[test]
    fn calls_are_told_by_what_came_of_them() {
        let text = text();
        for line in [
            r#"bowline_provider_calls_total{operation="authorize",outcome="refused"} 1"#,
            r#"bowline_provider_calls_total{operation="authorize",outcome="undecided"} 1"#,
            r#"bowline_provider_calls_total{operation="authorize",outcome="provider_failed"} 2"#,
            r#"bowline_provider_calls_total{operation="void",outcome="done"} 1"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_page_of_metrics_lists_them() {
        assert_eq!(exported(&text()), documented("## Payment"));
    }
}
