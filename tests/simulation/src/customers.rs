//! Who places orders, asks again when there is no answer, and sometimes changes their mind.

use std::fmt::Write as _;

use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use bowline_idempotency::{Fingerprint, Request};
use bowline_kernel::{Currency, IdSource as _, Money, OrderId, Quantity, RequestId, SequentialIds};
use bowline_messaging::Answer;
use bowline_orders::app::command::{Action, Call, Command};
use bowline_orders::app::reply::Reply;
use bowline_orders_domain::{Line, LineLimits, Lines, PlaceOrder, ProductName};
use chrono::{DateTime, Utc};

use crate::chance::Chance;
use crate::witness::number;

/// What can be ordered, and how many units there are of each.
pub(crate) const PRODUCTS: [(&str, i64); 3] = [("85123A", 7), ("71053", 4), ("84406B", 2)];
/// What a unit of anything costs, in pence.
pub(crate) const PRICE: i64 = 255;

/// A customer with one order.
pub(crate) struct Customer {
    number: usize,
    lines: Vec<(usize, u32)>,
    token: &'static str,
    /// Whether they want to cancel once they know their order.
    pub(crate) regrets: bool,
    place: Wish,
    cancel: Wish,
    /// What they were told is their order.
    pub(crate) order: Option<OrderId>,
    /// What must not have been said.
    pub(crate) contradictions: Vec<String>,
}

/// Something that is asked for under one request id until there is an answer.
struct Wish {
    key: RequestId,
    asked: Vec<Answer<Reply>>,
    answer: Option<String>,
}

/// What a customer can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Place,
    Cancel,
}

impl Wish {
    fn new(ids: &SequentialIds) -> Self {
        Self { key: RequestId::new(ids.next_id()), asked: Vec::new(), answer: None }
    }
}

impl Customer {
    pub(crate) fn new(number: usize, chance: &mut Chance, ids: &SequentialIds) -> Self {
        let mut lines = vec![(chance.below(PRODUCTS.len()), 1 + u32::from(chance.percent(40)))];
        let other = chance.below(PRODUCTS.len());
        if other != lines[0].0 {
            lines.push((other, 1));
        }
        let tokens = ["tok_visa", "tok_visa", "tok_visa", "tok_decline_expired_card", "tok_capture_refused"];
        Self {
            number,
            lines,
            token: tokens[chance.below(tokens.len())],
            regrets: chance.percent(35),
            place: Wish::new(ids),
            cancel: Wish::new(ids),
            order: None,
            contradictions: Vec::new(),
        }
    }

    /// What they still want an answer to.
    pub(crate) fn wants(&self) -> Option<Wanted> {
        if self.place.answer.is_none() {
            Some(Wanted::Place)
        } else if self.regrets && self.order.is_some() && self.cancel.answer.is_none() {
            Some(Wanted::Cancel)
        } else {
            None
        }
    }

    /// Whether an answer to that may still come.
    pub(crate) fn waits_for(&self, wanted: Wanted) -> bool {
        !self.wish(wanted).asked.is_empty()
    }

    /// The request, with a new order id each time, as the API mints one.
    pub(crate) fn request(
        &self,
        wanted: Wanted,
        ids: &SequentialIds,
        partitions: &[u16],
        at: DateTime<Utc>,
    ) -> Command {
        let (order_id, action, method) = match wanted {
            Wanted::Place => {
                let order_id = mint(ids, partitions);
                (order_id, Action::Place(Box::new(self.placing(order_id, at))), "PlaceOrder")
            }
            Wanted::Cancel => (self.order.expect("it is wanted by name"), Action::Cancel, "CancelOrder"),
        };
        let fingerprint = Fingerprint::of(method, &self.number.to_be_bytes());
        let request = Request { key: self.wish(wanted).key, fingerprint };
        Command::Call(Call { request, order_id, traceparent: None, action })
    }

    fn placing(&self, order_id: OrderId, at: DateTime<Utc>) -> PlaceOrder {
        let line = |(product, quantity): &(usize, u32)| Line {
            sku: PRODUCTS[*product].0.parse().expect("it is a SKU"),
            name: ProductName::new(PRODUCTS[*product].0),
            quantity: Quantity::new(*quantity).expect("it is not zero"),
            unit_price: Money::new(PRICE, Currency::GBP),
        };
        let limits = LineLimits { lines_max: 10, quantity_max: 10 };
        let lines = Lines::new(self.lines.iter().map(line).collect(), limits).expect("they are few");
        PlaceOrder {
            order_id,
            customer_id: format!("c{}", self.number).parse().expect("it is a customer's id"),
            lines,
            payment_token: self.token.parse().expect("it is a token"),
            country: None,
            at,
        }
    }

    /// The request is on its way.
    pub(crate) fn asked(&mut self, wanted: Wanted, answer: Answer<Reply>) {
        self.wish_mut(wanted).asked.push(answer);
    }

    /// Hears the answers that have come; in words.
    pub(crate) fn listen(&mut self) -> String {
        let mut said = String::new();
        for wanted in [Wanted::Place, Wanted::Cancel] {
            let mut replies = Vec::new();
            self.wish_mut(wanted).asked.retain_mut(|answer| match answer.try_recv() {
                Ok(Ok(reply)) => {
                    replies.push(reply);
                    false
                }
                Ok(Err(_)) | Err(tokio::sync::oneshot::error::TryRecvError::Closed) => false,
                Err(tokio::sync::oneshot::error::TryRecvError::Empty) => true,
            });
            for reply in replies {
                let answer = words(&reply);
                let _ = write!(said, " (customer {} hears {answer})", self.number);
                if let (Wanted::Place, Some(order)) = (wanted, order_of(&reply)) {
                    self.order.get_or_insert(order);
                }
                let known = self.wish_mut(wanted).answer.get_or_insert_with(|| answer.clone()).clone();
                if known != answer {
                    let number = self.number;
                    self.contradictions.push(format!("customer {number}: first {known}, then {answer}"));
                }
            }
        }
        said
    }

    fn wish(&self, wanted: Wanted) -> &Wish {
        match wanted {
            Wanted::Place => &self.place,
            Wanted::Cancel => &self.cancel,
        }
    }

    fn wish_mut(&mut self, wanted: Wanted) -> &mut Wish {
        match wanted {
            Wanted::Place => &mut self.place,
            Wanted::Cancel => &mut self.cancel,
        }
    }
}

/// An order id that falls into one of the partitions.
fn mint(ids: &SequentialIds, partitions: &[u16]) -> OrderId {
    loop {
        let id = ids.next_id();
        if partitions.contains(&partition::of_key(id, PARTITIONS)) {
            return OrderId::new(id);
        }
    }
}

fn order_of(reply: &Reply) -> Option<OrderId> {
    match reply {
        Reply::Done(order) => order.order_id.parse().ok().map(OrderId::new),
        Reply::DoneBefore(done) => Some(done.order_id),
        Reply::Refused(_) | Reply::NotFound | Reply::KeyReused | Reply::Expired(_) => None,
    }
}

/// What a reply comes down to: the same for a repetition as for the first.
fn words(reply: &Reply) -> String {
    match reply {
        Reply::Refused(refusal) => refusal.reason.clone(),
        Reply::NotFound => "no such order".to_owned(),
        Reply::KeyReused => "key reused".to_owned(),
        Reply::Expired(_) => "expired".to_owned(),
        Reply::Done(_) | Reply::DoneBefore(_) => {
            let order = order_of(reply).map_or(0, |order| number(order.uuid()));
            format!("order {order}")
        }
    }
}
