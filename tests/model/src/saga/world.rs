//! Everything that is stored anywhere, everything that is under way, and everything that is only in memory.

use std::fmt;
use std::sync::Arc;

use bowline_inventory_domain::Reservation;
use bowline_kernel::{Currency, Decider, Money, OrderId, Quantity, Sku};
use bowline_orders_domain::{
    self as orders, Canceller, Line, LineLimits, Lines, OrderDecider, Outcome, PlaceOrder, ProductName,
};
use bowline_payment_domain::{self as payment, OperationKind, PaymentDecider};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::bounds::Bounds;
use super::lane::{Inbox, Lane};
use super::message::Message;
use super::orders as service;
use super::payment::Worker;
use super::provider::Provider;
use super::stock::Stock;

/// The time at which everything happens: the rules do not depend on it.
pub(crate) const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// A process that can die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Decides how orders end.
    Orders,
    /// Holds the stock.
    Inventory,
    /// Talks to the provider.
    Payment,
}

/// What a service decides about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Input {
    /// A message of a lane.
    Message {
        /// The lane.
        lane: Lane,
        /// Its number on the lane, from 1.
        sequence: u8,
    },
    /// The request, or the deadline, to give the order up.
    Cancel(Canceller),
    /// What the provider has decided.
    Outcome(OperationKind),
}

impl Input {
    pub(crate) const fn service(self) -> Service {
        match self {
            Self::Message { lane, .. } => lane.consumer(),
            Self::Cancel(_) => Service::Orders,
            Self::Outcome(_) => Service::Payment,
        }
    }
}

/// The state of the model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub(crate) sagas: Vec<Arc<Saga>>,
    pub(crate) stock: Vec<Stock>,
    /// What each service has decided, in memory, and not yet committed.
    pub(crate) deciding: [Option<Deciding>; 3],
    /// What nobody should ever have to say; nothing happens after it.
    pub(crate) fault: Option<Fault>,
}

/// A decision before its commit. Until then nothing else changes what it rests on, as one transaction at a time holds the
/// lock of the partition; so it is enough to know what is being decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Deciding {
    pub(crate) order: usize,
    pub(crate) input: Input,
}

/// What must not happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// A decider says that no path of the saga leads here.
    Impossible { service: Service, reason: String },
    /// A step that is not a fault led back.
    Backwards,
}

/// One order, everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Saga {
    pub(crate) order_id: OrderId,
    pub(crate) total: Money,
    pub(crate) order: orders::State,
    pub(crate) order_version: u8,
    /// Each `OrderFinished` there was.
    pub(crate) ends: Vec<Outcome>,
    pub(crate) reservation: Reservation,
    pub(crate) payment: payment::State,
    pub(crate) payment_version: u8,
    pub(crate) worker: Worker,
    pub(crate) provider: Provider,
    pub(crate) lanes: [Inbox; Lane::ALL.len()],
}

impl Saga {
    pub(crate) fn lane(&self, lane: Lane) -> &Inbox {
        &self.lanes[lane as usize]
    }

    pub(crate) fn lane_mut(&mut self, lane: Lane) -> &mut Inbox {
        &mut self.lanes[lane as usize]
    }

    pub(crate) fn publish(&mut self, messages: &[Message]) {
        for message in messages {
            for lane in message.lanes() {
                self.lane_mut(*lane).publish(message.clone());
            }
        }
    }

    /// The order of this number, which has just been accepted.
    fn numbered(number: u8, skus: &[Sku]) -> Self {
        Self::placed(PlaceOrder {
            order_id: OrderId::new(Uuid::from_u128(u128::from(number))),
            customer_id: "13085".parse().expect("it is a customer id"),
            lines: lines(number, skus),
            payment_token: "tok_ok".parse().expect("it is a token"),
            country: None,
            at: AT,
        })
    }

    /// An order that has just been accepted.
    pub(crate) fn placed(order: PlaceOrder) -> Self {
        let mut saga = Self {
            order_id: order.order_id,
            total: order.lines.total(),
            order: OrderDecider::initial(),
            order_version: 0,
            ends: Vec::new(),
            reservation: Reservation::Unknown,
            payment: PaymentDecider::initial(),
            payment_version: 0,
            worker: Worker::Idle,
            provider: Provider::default(),
            lanes: std::array::from_fn(|_| Inbox::default()),
        };
        let events =
            service::decide(&saga, orders::Command::PlaceOrder(order)).expect("a new order is accepted");
        let messages = service::store(&mut saga, &events);
        saga.publish(&messages);
        saga
    }
}

impl World {
    /// A beginning for every stock that the bounds ask for.
    pub(crate) fn beginnings(bounds: Bounds) -> Vec<Self> {
        let skus: Vec<Sku> =
            (0..bounds.skus).map(|sku| format!("SKU {sku}").parse().expect("it is a SKU")).collect();
        let sagas: Vec<_> =
            (1..=bounds.orders).map(|number| Arc::new(Saga::numbered(number, &skus))).collect();
        let mut stocks = vec![Vec::new()];
        for (index, sku) in skus.iter().enumerate() {
            let enough: i64 = (1..=bounds.orders).map(|number| quantity(number, index).units()).sum();
            let openings = bounds.stock.map_or(0..=enough, |units| units.into()..=units.into());
            let with = |stock: &Vec<Stock>, opening| {
                let next = Stock::new(sku.clone(), opening);
                stock.iter().cloned().chain([next]).collect()
            };
            stocks = stocks
                .iter()
                .flat_map(|stock| openings.clone().map(move |opening| with(stock, opening)))
                .collect();
        }
        let world = |stock| Self { sagas: sagas.clone(), stock, deciding: [None; 3], fault: None };
        stocks.into_iter().map(world).collect()
    }

    pub(crate) const fn is_deciding(&self, service: Service) -> bool {
        self.deciding[service as usize].is_some()
    }

    pub(crate) fn saga_mut(&mut self, order: usize) -> &mut Saga {
        Arc::make_mut(&mut self.sagas[order])
    }
}

impl fmt::Display for World {
    /// What a person needs to see where a path has led.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (order, saga) in self.sagas.iter().enumerate() {
            let (stock, payment) = (saga.reservation.name(), saga.payment.name());
            let finished = if saga.order.is_finished() { ", finished" } else { "" };
            writeln!(
                f,
                "      order {order}: {}{finished}; stock {stock}; payment {payment}",
                saga.order.name()
            )?;
            let Provider { held, taken, let_go, .. } = saga.provider;
            writeln!(f, "        of {}: held {held}, taken {taken}, let go {let_go}", saga.total.minor)?;
        }
        for stock in &self.stock {
            writeln!(f, "      {}: {}", stock.sku, stock.level)?;
        }
        match &self.fault {
            None => Ok(()),
            Some(Fault::Backwards) => writeln!(f, "      the last step leads back"),
            Some(Fault::Impossible { service, reason }) => writeln!(f, "      {service:?}: {reason}"),
        }
    }
}

/// Order *n* wants *n* units of the first SKU and one of each other, so that no two orders have the same total.
fn quantity(number: u8, sku: usize) -> Quantity {
    let units = if sku == 0 { u32::from(number) } else { 1 };
    Quantity::new(units).expect("orders are counted from one")
}

fn lines(number: u8, skus: &[Sku]) -> Lines {
    let line = |(index, sku): (usize, &Sku)| Line {
        sku: sku.clone(),
        name: ProductName::new("a thing"),
        quantity: quantity(number, index),
        unit_price: Money::new(255, Currency::GBP),
    };
    let limits = LineLimits { lines_max: skus.len(), quantity_max: u32::from(number) };
    Lines::new(skus.iter().enumerate().map(line).collect(), limits).expect("they are within the limits")
}
