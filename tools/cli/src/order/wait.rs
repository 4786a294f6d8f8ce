//! Whom an order that is not finished waits for, as its steps tell; `docs/saga.md` has the same as tables.

use super::history::{History, Step};

/// A report, and the service that it comes from.
type Report = (&'static str, &'static str);

/// What must be reported before a confirmed order is finished.
const DONE_BEFORE_THE_END: [Report; 2] = [("StockCommitted", "inventory"), ("PaymentCaptured", "payment")];

/// What has not happened yet.
pub(super) struct Wait<'h, 'a> {
    /// The services whose turn it is.
    pub(super) services: Vec<&'static str>,
    /// The step that has made it their turn.
    pub(super) since: &'h Step<'a>,
}

impl<'a> History<'a> {
    /// Whom the order waits for; none if it is finished, or if nothing but effects of unknown causes is known.
    pub(super) fn wait(&self) -> Option<Wait<'_, 'a>> {
        if self.is_finished() {
            return None;
        }
        if let Some(cancelled) = self.step("OrderCancelled") {
            return Some(self.missing(cancelled, self.undone_before_the_end(cancelled)));
        }
        if let Some(failed) = self.step("PaymentCaptureFailed") {
            return Some(Wait { services: vec!["orders"], since: failed });
        }
        if let Some(confirmed) = self.step("OrderConfirmed") {
            return Some(self.missing(confirmed, &DONE_BEFORE_THE_END));
        }
        // The later steps first. Only orders goes on from the first three.
        let turns = [
            ("PaymentAuthorized", "orders"),
            ("PaymentDeclined", "orders"),
            ("StockRejected", "orders"),
            ("StockReserved", "payment"),
            ("OrderPlaced", "inventory"),
        ];
        let turn = turns.into_iter().find_map(|(name, service)| Some((self.step(name)?, service)));
        turn.map(|(since, service)| Wait { services: vec![service], since })
    }

    /// What must be reported before a cancelled order is finished, and by whom.
    fn undone_before_the_end(&self, cancelled: &Step<'_>) -> &'static [Report] {
        let is_cause =
            |name| self.step(name).is_some_and(|step| step.entry.event_id == cancelled.entry.causation_id);
        if is_cause("StockRejected") {
            &[]
        } else if is_cause("PaymentDeclined") {
            &[("StockReleased", "inventory")]
        } else if is_cause("PaymentCaptureFailed") {
            &[("StockRestocked", "inventory"), ("PaymentVoided", "payment")]
        } else {
            &[("StockReleased", "inventory"), ("PaymentVoided", "payment")]
        }
    }

    /// Those who have not reported since; orders, since the last report, once all of them have.
    fn missing<'h>(&'h self, since: &'h Step<'a>, reports: &[Report]) -> Wait<'h, 'a> {
        let is_missing = |(name, _): &&Report| self.step(name).is_none();
        let services: Vec<&str> = reports.iter().filter(is_missing).map(|(_, service)| *service).collect();
        if !services.is_empty() {
            return Wait { services, since };
        }
        let last = reports.iter().filter_map(|(name, _)| self.step(name)).max_by_key(|step| step.at);
        Wait { services: vec!["orders"], since: last.unwrap_or(since) }
    }

    fn step(&self, name: &str) -> Option<&Step<'a>> {
        self.steps.iter().find(|step| step.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use bowline_contracts::projection::v1::TimelineEntry;

    use super::*;
    use crate::order::history::tests::{confirmed, declined, entry};

    /// Whom the order waits for, and since which step.
    fn waits(entries: &[TimelineEntry]) -> (Vec<&'static str>, String) {
        let history = History::of(entries).unwrap();
        let wait = history.wait().expect("it is not finished");
        (wait.services, wait.since.name().to_owned())
    }

    fn expected(services: &[&'static str], since: &str) -> (Vec<&'static str>, String) {
        (services.to_vec(), since.to_owned())
    }

    #[test]
    fn each_step_makes_it_the_turn_of_the_next_service() {
        let steps = confirmed();
        assert_eq!(waits(&steps[..1]), expected(&["inventory"], "OrderPlaced"));
        assert_eq!(waits(&steps[..2]), expected(&["payment"], "StockReserved"));
        assert_eq!(waits(&steps[..3]), expected(&["orders"], "PaymentAuthorized"));
        assert_eq!(waits(&steps[..4]), expected(&["inventory", "payment"], "OrderConfirmed"));
        assert_eq!(waits(&steps[..5]), expected(&["payment"], "OrderConfirmed"));
        assert_eq!(waits(&steps[..6]), expected(&["orders"], "PaymentCaptured"));
        assert!(History::of(&steps).unwrap().wait().is_none());
    }

    #[test]
    fn a_cancelled_order_waits_for_what_undoes_it() {
        let steps = declined();
        assert_eq!(waits(&steps[..3]), expected(&["orders"], "PaymentDeclined"));
        assert_eq!(waits(&steps[..4]), expected(&["inventory"], "OrderCancelled"));
        assert_eq!(waits(&steps[..5]), expected(&["orders"], "StockReleased"));
        let by_the_customer = |undone: &[TimelineEntry]| {
            let mut steps = confirmed()[..2].to_vec();
            steps.push(entry("8", "bowline.orders.v1.OrderCancelled", "a request", 20));
            steps.extend_from_slice(undone);
            steps
        };
        assert_eq!(waits(&by_the_customer(&[])), expected(&["inventory", "payment"], "OrderCancelled"));
        let released = entry("9", "bowline.inventory.v1.StockReleased", "a command", 25);
        assert_eq!(waits(&by_the_customer(&[released])), expected(&["payment"], "OrderCancelled"));
    }

    /// What the page of the saga says that the end with this beginning of its row waits for.
    fn on_the_page(end: &str) -> Vec<String> {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/saga.md")).unwrap();
        let row = page.lines().find_map(|line| line.strip_prefix(end)).expect("the page has every end");
        row.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
    }

    #[test]
    fn every_end_waits_for_what_the_page_of_the_saga_says() {
        let names = |reports: &[Report]| reports.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let confirmed = "| confirmed | stock and money were arranged |";
        assert_eq!(names(&DONE_BEFORE_THE_END), on_the_page(confirmed));
        for (reason, cause) in [
            ("out_of_stock", "bowline.inventory.v1.StockRejected"),
            ("payment_declined", "bowline.payment.v1.PaymentDeclined"),
            ("customer", "bowline.inventory.v1.StockReserved"),
            ("deadline", "bowline.inventory.v1.StockReserved"),
            ("capture_failed", "bowline.payment.v1.PaymentCaptureFailed"),
        ] {
            let steps = [entry("8", cause, "0", 10), entry("9", "bowline.orders.v1.OrderCancelled", "8", 20)];
            let history = History::of(&steps).unwrap();
            let cancelled = history.step("OrderCancelled").unwrap();
            let waits = names(history.undone_before_the_end(cancelled));
            assert_eq!(waits, on_the_page(&format!("| cancelled | `{reason}` |")), "{reason}");
        }
    }

    #[test]
    fn a_refused_capture_is_undone_by_both() {
        let mut steps = confirmed()[..5].to_vec();
        steps.push(entry("5", "bowline.payment.v1.PaymentCaptureFailed", "4", 290));
        assert_eq!(waits(&steps), expected(&["orders"], "PaymentCaptureFailed"));
        steps.push(entry("8", "bowline.orders.v1.OrderCancelled", "5", 300));
        assert_eq!(waits(&steps), expected(&["inventory", "payment"], "OrderCancelled"));
        steps.push(entry("9", "bowline.payment.v1.PaymentVoided", "5", 310));
        assert_eq!(waits(&steps), expected(&["inventory"], "OrderCancelled"));
    }
}
