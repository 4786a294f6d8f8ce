//! One order's world: both domains, a plain inventory and a provider, joined by lanes.

use std::collections::VecDeque;

use bowline_kernel::{Decider, Money, Quantity};
use bowline_orders_domain::{self as orders, CancelReason, Compensation, OrderDecider, Public, Status};
use bowline_payment_domain::{self as payment, OperationKind, PaymentDecider};

use crate::given::{TOTAL, at, order_id, reason, reference, token};
use crate::messages::{Consumer, LANES, Lane, Message, Topic, UNITS, for_orders, for_payment};

/// What the world has in store for the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    AllIsWell,
    OutOfStock,
    Declined,
    CaptureRefused,
}

/// What can happen next.
#[derive(Debug, Clone)]
pub(crate) enum Move {
    Deliver(Lane),
    Provider,
    Cancel(orders::Canceller),
    /// A message or an outcome comes once more, at any later time.
    RepeatMessage(usize),
    RepeatOutcome(usize),
}

/// Inventory reduced to one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stock {
    Untouched,
    Reserved,
    Rejected,
    Committed,
    Released,
    Restocked,
}

/// Everything that is known anywhere, and everything that is under way.
pub(crate) struct World {
    fate: Fate,
    order: orders::State,
    order_history: Vec<orders::Event>,
    payment: payment::State,
    payment_history: Vec<payment::Event>,
    stock: Stock,
    lanes: [(Lane, VecDeque<Message>); LANES.len()],
    published: Vec<Message>,
    pub(crate) delivered: Vec<(Lane, Message)>,
    pub(crate) outcomes: Vec<payment::Command>,
}

impl World {
    pub(crate) fn new(fate: Fate) -> Self {
        let mut world = Self {
            fate,
            order: OrderDecider::initial(),
            order_history: vec![],
            payment: PaymentDecider::initial(),
            payment_history: vec![],
            stock: Stock::Untouched,
            lanes: LANES.map(|lane| (lane, VecDeque::new())),
            published: vec![],
            delivered: vec![],
            outcomes: vec![],
        };
        let placed = world.orders_decides(orders::Command::PlaceOrder(place_order()));
        assert_eq!(placed, Ok(1));
        world
    }

    fn send(&mut self, topic: Topic, message: Message) {
        self.published.push(message);
        for (_, waiting) in self.lanes.iter_mut().filter(|((of, _), _)| *of == topic) {
            waiting.push_back(message);
        }
    }

    fn orders_decides(&mut self, command: orders::Command) -> Result<usize, orders::Rejection> {
        let events = OrderDecider::decide(&self.order, command)?;
        for event in &events {
            self.order = OrderDecider::evolve(self.order.clone(), event);
            match event.public() {
                Some(Public::Placed(_)) => self.send(Topic::OrdersEvents, Message::OrderPlaced),
                Some(Public::Confirmed(_)) => self.send(Topic::OrdersEvents, Message::OrderConfirmed),
                // Nobody does anything about these.
                Some(Public::Cancelled(_) | Public::Finished(_)) | None => {}
            }
            for compensation in event.compensations() {
                match compensation {
                    Compensation::ReleaseStock => {
                        self.send(Topic::InventoryCommands, Message::ReleaseStock);
                    }
                    Compensation::RestockOrder => {
                        self.send(Topic::InventoryCommands, Message::RestockOrder);
                    }
                    Compensation::VoidPayment => self.send(Topic::PaymentCommands, Message::VoidPayment),
                }
            }
        }
        self.order_history.extend(events.iter().cloned());
        Ok(events.len())
    }

    fn payment_decides(&mut self, command: payment::Command) -> Result<usize, payment::Rejection> {
        let events = PaymentDecider::decide(&self.payment, command)?;
        let topic = Topic::PaymentEvents;
        for event in &events {
            self.payment = PaymentDecider::evolve(self.payment.clone(), event);
            match event {
                payment::Event::PaymentAuthorized(event) => {
                    self.send(topic, Message::PaymentAuthorized(event.amount));
                }
                payment::Event::PaymentDeclined(_) => self.send(topic, Message::PaymentDeclined),
                payment::Event::PaymentCaptured(event) => {
                    self.send(topic, Message::PaymentCaptured(event.amount));
                }
                payment::Event::CaptureFailed(_) => self.send(topic, Message::PaymentCaptureFailed),
                payment::Event::PaymentVoided(event) => {
                    self.send(topic, Message::PaymentVoided(event.amount));
                }
                payment::Event::AuthorizationRequested(_)
                | payment::Event::CaptureRequested(_)
                | payment::Event::VoidDeferred(_)
                | payment::Event::VoidRequested(_) => {}
            }
        }
        self.payment_history.extend(events.iter().cloned());
        Ok(events.len())
    }

    fn inventory_decides(&mut self, message: Message) -> usize {
        use Stock::{Committed, Rejected, Released, Reserved, Restocked, Untouched};
        let (stock, said) = match (message, self.stock) {
            (Message::OrderPlaced, Untouched) if self.fate == Fate::OutOfStock => {
                (Rejected, Message::StockRejected)
            }
            (Message::OrderPlaced, Untouched) => (Reserved, Message::StockReserved),
            (Message::OrderConfirmed, Reserved) => (Committed, Message::StockCommitted),
            (Message::ReleaseStock, Untouched | Rejected) => (Released, Message::StockReleased(0)),
            (Message::ReleaseStock, Reserved) => (Released, Message::StockReleased(UNITS)),
            (Message::RestockOrder, Reserved | Committed) => (Restocked, Message::StockRestocked(UNITS)),
            (Message::OrderPlaced, Reserved | Rejected | Committed | Released | Restocked)
            | (Message::OrderConfirmed, Committed | Restocked)
            | (Message::ReleaseStock, Released)
            | (Message::RestockOrder, Restocked) => return 0,
            (message, stock) => panic!("inventory does not expect {message:?} when {stock:?}"),
        };
        self.stock = stock;
        self.send(Topic::InventoryEvents, said);
        1
    }

    /// Hands a message to its consumer; returns how much came of it.
    fn consume(&mut self, consumer: Consumer, message: Message) -> usize {
        match consumer {
            Consumer::Inventory => self.inventory_decides(message),
            Consumer::Payment => {
                let Some(command) = for_payment(message) else { return 0 };
                self.payment_decides(command)
                    .unwrap_or_else(|rejection| panic!("{rejection} by {:?}", self.delivered))
            }
            Consumer::Orders => {
                let command = for_orders(message);
                self.orders_decides(command)
                    .unwrap_or_else(|rejection| panic!("{rejection} by {:?}", self.delivered))
            }
        }
    }

    pub(crate) fn play(&mut self, next: &Move) {
        match next {
            Move::Deliver(lane) => {
                let (_, waiting) =
                    self.lanes.iter_mut().find(|(of, _)| of == lane).expect("every lane is listed");
                if let Some(message) = waiting.pop_front() {
                    self.delivered.push((*lane, message));
                    self.consume(lane.1, message);
                }
            }
            Move::Provider => self.provider_answers(),
            Move::Cancel(canceller) => {
                let pending = self.order.status() == Some(Status::Pending);
                let result =
                    self.orders_decides(orders::Command::CancelOrder { canceller: *canceller, at: at() });
                assert_eq!(
                    result == Ok(1),
                    pending,
                    "a cancellation wins exactly while the order is pending"
                );
            }
            Move::RepeatMessage(index) => {
                if let Some((lane, message)) = self.delivered.get(*index).copied() {
                    assert_eq!(self.consume(lane.1, message), 0, "{message:?} takes effect twice");
                }
            }
            Move::RepeatOutcome(index) => {
                if let Some(outcome) = self.outcomes.get(*index).cloned() {
                    assert_eq!(self.payment_decides(outcome), Ok(0), "an outcome takes effect twice");
                }
            }
        }
    }

    fn provider_answers(&mut self) {
        let Some(operation) = self.payment.open_operation() else { return };
        let outcome = match (operation.kind(), self.fate) {
            (OperationKind::Authorize, Fate::Declined) => payment::Command::AuthorizationDeclined {
                reason: reason("insufficient_funds"),
                failed_calls: payment::FailedCalls::default(),
                at: at(),
            },
            (OperationKind::Authorize, Fate::AllIsWell | Fate::OutOfStock | Fate::CaptureRefused) => {
                payment::Command::Authorized {
                    provider_reference: reference(),
                    failed_calls: payment::FailedCalls::default(),
                    at: at(),
                }
            }
            (OperationKind::Capture, Fate::CaptureRefused) => payment::Command::CaptureRefused {
                reason: reason("expired"),
                failed_calls: payment::FailedCalls::default(),
                at: at(),
            },
            (OperationKind::Capture, Fate::AllIsWell | Fate::OutOfStock | Fate::Declined) => {
                payment::Command::Captured { failed_calls: payment::FailedCalls::default(), at: at() }
            }
            (OperationKind::Void, _) => {
                payment::Command::Voided { failed_calls: payment::FailedCalls::default(), at: at() }
            }
        };
        self.outcomes.push(outcome.clone());
        assert_ne!(self.payment_decides(outcome), Ok(0), "the outcome of the open operation counts");
    }

    /// Lets everything come to rest; a saga that never does runs out of rounds.
    pub(crate) fn run_out(&mut self) {
        for _ in 0..32 {
            for lane in LANES {
                self.play(&Move::Deliver(lane));
            }
            self.play(&Move::Provider);
        }
        assert!(self.lanes.iter().all(|(_, waiting)| waiting.is_empty()), "messages are still under way");
        assert_eq!(self.payment.open_operation(), None, "a provider operation is still open");
    }

    fn said(&self, matches: impl Fn(&Message) -> bool) -> usize {
        self.published.iter().filter(|message| matches(message)).count()
    }

    /// Stock and money agree with the one end that the order has come to.
    pub(crate) fn check(&self) {
        assert!(self.order.is_finished(), "{} after {:?}", self.order.name(), self.delivered);
        let finished = |event: &&orders::Event| matches!(event, orders::Event::OrderFinished(_));
        assert_eq!(self.order_history.iter().filter(finished).count(), 1);
        assert!(self.order_history.last().as_ref().is_some_and(finished), "nothing follows the finish");

        let minor = |amount: Option<Money>| amount.map_or(0, |amount| amount.minor);
        let (held, taken, let_go) =
            (minor(self.payment.authorized()), minor(self.payment.captured()), minor(self.payment.voided()));
        assert_eq!(held, taken + let_go, "what was held is taken or let go");

        let confirmed = self.said(|message| *message == Message::OrderConfirmed);
        let voided = self.said(|message| matches!(message, Message::PaymentVoided(_)));
        let (ends, wanted_voids, wanted_taken, stock): (_, _, _, &[Stock]) = match self.order.status() {
            Some(Status::Confirmed) => (1, 0, TOTAL.minor, &[Stock::Committed]),
            Some(Status::Cancelled(reason)) => match reason {
                CancelReason::OutOfStock => (0, 0, 0, &[Stock::Rejected]),
                CancelReason::PaymentDeclined => (0, 0, 0, &[Stock::Released]),
                CancelReason::Customer | CancelReason::Deadline => (0, 1, 0, &[Stock::Released]),
                CancelReason::CaptureFailed => (1, 1, 0, &[Stock::Restocked]),
            },
            Some(Status::Pending) | None => panic!("a finished order has ended"),
        };
        assert_eq!(confirmed, ends, "confirmed and cancelled exclude each other");
        assert_eq!(voided, wanted_voids, "exactly one answer to a void");
        assert_eq!(taken, wanted_taken, "captured if and only if confirmed");
        assert!(stock.contains(&self.stock), "stock is {:?}", self.stock);
        assert_eq!(OrderDecider::replay(&self.order_history), self.order);
        assert_eq!(PaymentDecider::replay(&self.payment_history), self.payment);
    }
}

fn place_order() -> orders::PlaceOrder {
    let line = orders::Line {
        sku: "85123A".parse().expect("it is a SKU"),
        name: orders::ProductName::new("WHITE HANGING HEART"),
        quantity: Quantity::new(3).expect("it is not zero"),
        unit_price: Money::new(255, TOTAL.currency),
    };
    let limits = orders::LineLimits { lines_max: 1_000, quantity_max: 100_000 };
    orders::PlaceOrder {
        order_id: order_id(),
        customer_id: "13085".parse().expect("it is a customer id"),
        lines: orders::Lines::new(vec![line], limits).expect("they are within the limits"),
        payment_token: token(),
        country: None,
        at: at(),
    }
}
