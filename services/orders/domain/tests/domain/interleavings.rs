//! Whatever order the reports come in, an order ends in exactly one way and is finished when all have come.
//!
//! Inventory and payment are played by scripts that keep their own order and nothing else. The whole choreography,
//! with payment's real domain, is played by the saga test of the payment domain.

use bowline_kernel::Decider;
use bowline_orders_domain::{
    CancelReason, Canceller, Command, Compensation, Event, OrderDecider, Rejection, State, Status,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::given::{TOTAL, UNITS, at, place_order};

/// What the world has in store for the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    AllIsWell,
    OutOfStock,
    Declined,
    CaptureRefused,
}

/// How the other services are disposed towards the order.
#[derive(Debug, Clone)]
struct Script {
    fate: Fate,
    /// Inventory learns of the confirmation before it learns of the refused capture.
    commits_before_restock: bool,
    /// Inventory and payment learn of the cancellation before they do anything else.
    tombstones: bool,
}

#[derive(Debug, Clone, Copy)]
enum Move {
    Inventory,
    Payment,
    Cancel(Canceller),
    Repeat(usize),
}

struct Play {
    script: Script,
    state: State,
    history: Vec<Event>,
    delivered: Vec<Command>,
    /// What inventory and payment have said so far, by name, in their own order.
    inventory: Vec<&'static str>,
    payment: Vec<&'static str>,
}

impl Play {
    fn new(script: Script) -> Self {
        let mut play = Self {
            script,
            state: OrderDecider::initial(),
            history: vec![],
            delivered: vec![],
            inventory: vec![],
            payment: vec![],
        };
        assert_eq!(play.apply(Command::PlaceOrder(place_order())), Ok(1));
        play
    }

    fn apply(&mut self, command: Command) -> Result<usize, Rejection> {
        let events = OrderDecider::decide(&self.state, command)?;
        for event in &events {
            self.state = OrderDecider::evolve(self.state.clone(), event);
        }
        self.history.extend(events.iter().cloned());
        Ok(events.len())
    }

    fn commanded(&self, compensation: Compensation) -> bool {
        self.history.iter().any(|event| event.compensations().contains(&compensation))
    }

    fn confirmed(&self) -> bool {
        self.history.iter().any(|event| matches!(event, Event::OrderConfirmed(_)))
    }

    /// The next report of inventory, if it has one.
    fn next_of_inventory(&self) -> Option<Command> {
        let said = |name| self.inventory.contains(&name);
        let release = self.commanded(Compensation::ReleaseStock) && !said("stock_released");
        if release && (self.script.tombstones || !self.inventory.is_empty()) {
            let units = if said("stock_reserved") { UNITS } else { 0 };
            return Some(Command::StockReleased { units, at: at() });
        }
        if self.inventory.is_empty() {
            return Some(if self.script.fate == Fate::OutOfStock {
                Command::StockRejected { at: at() }
            } else {
                Command::StockReserved { at: at() }
            });
        }
        let restock = self.commanded(Compensation::RestockOrder);
        if self.confirmed()
            && !said("stock_committed")
            && !said("stock_restocked")
            && (!restock || self.script.commits_before_restock)
        {
            return Some(Command::StockCommitted { units: UNITS, at: at() });
        }
        (restock && !said("stock_restocked")).then_some(Command::StockRestocked { units: UNITS, at: at() })
    }

    /// The next report of payment, if it has one. It may run ahead of inventory's report on its way to orders.
    fn next_of_payment(&self) -> Option<Command> {
        let said = |name| self.payment.contains(&name);
        if said("payment_voided") {
            return None;
        }
        let void = self.commanded(Compensation::VoidPayment);
        if self.payment.is_empty()
            && self.script.fate != Fate::OutOfStock
            && !(void && self.script.tombstones)
        {
            return Some(if self.script.fate == Fate::Declined {
                Command::PaymentDeclined { at: at() }
            } else {
                Command::PaymentAuthorized { amount: TOTAL, at: at() }
            });
        }
        if void || said("payment_capture_failed") {
            let amount = said("payment_authorized").then_some(TOTAL);
            return Some(Command::PaymentVoided { amount, at: at() });
        }
        let capture = self.confirmed() && !said("payment_captured");
        capture.then_some(if self.script.fate == Fate::CaptureRefused {
            Command::PaymentCaptureFailed { at: at() }
        } else {
            Command::PaymentCaptured { amount: TOTAL, at: at() }
        })
    }

    fn play(&mut self, next: Move) {
        match next {
            Move::Inventory => {
                if let Some(report) = self.next_of_inventory() {
                    self.inventory.push(report.name());
                    self.deliver(report);
                }
            }
            Move::Payment => {
                if let Some(report) = self.next_of_payment() {
                    self.payment.push(report.name());
                    self.deliver(report);
                }
            }
            Move::Cancel(canceller) => self.cancel(canceller),
            Move::Repeat(index) => {
                if let Some(report) = self.delivered.get(index).cloned() {
                    assert_eq!(self.apply(report), Ok(0), "a repetition has no effect");
                }
            }
        }
    }

    fn deliver(&mut self, report: Command) {
        self.delivered.push(report.clone());
        if let Err(rejection) = self.apply(report) {
            panic!("{rejection}\nafter {:?}\nby {:?}", self.delivered, self.script);
        }
    }

    fn cancel(&mut self, canceller: Canceller) {
        let before = self.state.status();
        let result = self.apply(Command::CancelOrder { canceller, at: at() });
        let expected = match (before, canceller) {
            (Some(Status::Pending), _) => Ok(1),
            (_, Canceller::Deadline) => Ok(0),
            (Some(Status::Cancelled(reason)), Canceller::Customer) => {
                Err(Rejection::AlreadyCancelled { reason })
            }
            (Some(Status::Confirmed), Canceller::Customer) => Err(Rejection::AlreadyConfirmed),
            (None, Canceller::Customer) => panic!("the order was placed"),
        };
        assert_eq!(result, expected);
    }

    /// Lets inventory and payment say all that is left.
    fn run_out(&mut self) {
        while self.next_of_inventory().is_some() || self.next_of_payment().is_some() {
            self.play(Move::Inventory);
            self.play(Move::Payment);
        }
    }

    fn count(&self, matches: impl Fn(&Event) -> bool) -> usize {
        self.history.iter().filter(|event| matches(event)).count()
    }
}

fn scripts() -> impl Strategy<Value = Script> {
    let fates = vec![Fate::AllIsWell, Fate::OutOfStock, Fate::Declined, Fate::CaptureRefused];
    (prop::sample::select(fates), any::<bool>(), any::<bool>()).prop_map(
        |(fate, commits_before_restock, tombstones)| Script { fate, commits_before_restock, tombstones },
    )
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => Just(Move::Inventory),
        4 => Just(Move::Payment),
        1 => Just(Move::Cancel(Canceller::Customer)),
        1 => Just(Move::Cancel(Canceller::Deadline)),
        2 => any::<Index>().prop_map(|index| Move::Repeat(index.index(8))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn an_order_ends_in_exactly_one_way(script in scripts(), moves in prop::collection::vec(moves(), 0..16)) {
        let mut play = Play::new(script.clone());
        for next in moves {
            play.play(next);
        }
        play.run_out();

        prop_assert!(play.state.is_finished(), "{} after {:?}", play.state.name(), play.delivered);
        prop_assert_eq!(play.count(|event| matches!(event, Event::OrderFinished(_))), 1);
        prop_assert!(matches!(play.history.last(), Some(Event::OrderFinished(_))), "nothing follows the finish");
        let confirmed = play.count(|event| matches!(event, Event::OrderConfirmed(_)));
        let cancelled = play.count(|event| matches!(event, Event::OrderCancelled(_)));
        match play.state.status() {
            Some(Status::Confirmed) => prop_assert_eq!((confirmed, cancelled), (1, 0)),
            Some(Status::Cancelled(CancelReason::CaptureFailed)) => prop_assert_eq!((confirmed, cancelled), (1, 1)),
            Some(Status::Cancelled(_)) => prop_assert_eq!((confirmed, cancelled), (0, 1)),
            Some(Status::Pending) | None => prop_assert!(false, "a finished order has ended"),
        }
        prop_assert_eq!(OrderDecider::replay(&play.history), play.state.clone());
        for report in play.delivered.clone() {
            prop_assert_eq!(play.apply(report), Ok(0), "a repetition after the end has no effect");
        }
    }
}
