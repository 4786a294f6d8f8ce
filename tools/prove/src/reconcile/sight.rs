//! What every party says of one order at one moment.

use bowline_inventory_domain::Reservation;
use bowline_orders_domain::Outcome;
use bowline_payment_simulator::Charge;
use chrono::{DateTime, Utc};

use super::difference::{Finding, Kind};
use crate::orders::Order;
use crate::payments::Payment;
use crate::provider::{self, Account};
use crate::{money, reservations};

/// What every party says of one order. Two sights are equal if nothing of the order has moved in between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) order: Option<OrderSight>,
    pub(super) reservation: Option<ReservationSight>,
    pub(super) payment: Option<PaymentSight>,
    /// What the provider has under the order's name.
    pub(super) charges: Vec<Charge>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OrderSight {
    pub(super) version: i32,
    /// What its events come to, or why they cannot be read.
    pub(super) order: Result<Order, String>,
    /// Nothing of it has changed for the time of grace.
    pub(super) settled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReservationSight {
    pub(super) state: String,
    pub(super) recorded_at: DateTime<Utc>,
    /// What is stored beside the name of the state, or why it cannot be read.
    pub(super) stored: Result<Reservation, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PaymentSight {
    pub(super) version: i32,
    /// What its events come to, or why they cannot be read.
    pub(super) payment: Result<Payment, String>,
    /// What the provider calls the payment's own charge.
    pub(super) charge: Option<String>,
}

impl Sight {
    /// True when the order is finished and has been left alone for a while, or can never be.
    pub(super) fn is_at_rest(&self) -> bool {
        self.order.as_ref().is_some_and(|order| match &order.order {
            Ok(read) => order.settled && read.outcome.is_some(),
            Err(_) => order.settled,
        })
    }

    /// What does not fit together; nothing while the order is not at rest.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let Some(order) = &self.order else { return self.strays() };
        if !self.is_at_rest() {
            return Vec::new();
        }
        let order = match &order.order {
            Ok(order) => order,
            Err(fault) => return vec![Finding::new(Kind::History, format!("orders: {fault}"))],
        };
        let mut findings = Vec::new();
        if let Some(says) = self.reservation_fault(order) {
            findings.push(Finding::new(Kind::Reservation, says));
        }
        match self.payment() {
            Err(fault) => findings.push(Finding::new(Kind::History, format!("payment: {fault}"))),
            Ok(payment) => {
                let ends = how_it_ended(order);
                let fault = money::balance_fault(&payment).or_else(|| money::capture_fault(order, &payment));
                if let Some(fault) = fault {
                    let says = format!("orders: {ends}, total {}; payment: {fault}", order.total);
                    findings.push(Finding::new(Kind::Payment, says));
                }
                if let Some(fault) = provider::fault(&payment, &self.account()) {
                    findings.push(Finding::new(Kind::Provider, format!("orders: {ends}; {fault}")));
                }
            }
        }
        findings
    }

    /// What the others have of an order that orders does not know.
    fn strays(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(ReservationSight { state, .. }) = &self.reservation {
            let says = format!("inventory: {state}; orders does not know the order");
            findings.push(Finding::new(Kind::StrayReservation, says));
        }
        match self.payment() {
            Err(fault) => findings.push(Finding::new(Kind::History, format!("payment: {fault}"))),
            Ok(payment) if payment.has_moved_money() => {
                let says = format!(
                    "payment: {} authorised, {} captured; orders does not know the order",
                    payment.authorized, payment.captured
                );
                findings.push(Finding::new(Kind::StrayPayment, says));
            }
            Ok(payment) => {
                if let Some(fault) = provider::fault(&payment, &self.account()) {
                    let says = format!("{fault}; neither payment nor orders knows of it");
                    findings.push(Finding::new(Kind::StrayCharge, says));
                }
            }
        }
        findings
    }

    /// What the charges come to. One that is not the payment's own, and of which nothing is held or taken any more, is a
    /// difference that somebody has put right.
    fn account(&self) -> Account {
        let own = self.payment.as_ref().and_then(|payment| payment.charge.as_deref());
        let mut account = Account::default();
        for charge in &self.charges {
            let undone = charge.outstanding.minor() == 0 && charge.settled.minor() == 0;
            if !undone || own == Some(charge.id.to_string().as_str()) {
                account.add(charge);
            }
        }
        account
    }

    fn payment(&self) -> Result<Payment, &String> {
        self.payment.as_ref().map_or(Ok(Payment::default()), |payment| payment.payment.as_ref().copied())
    }

    fn reservation_fault(&self, order: &Order) -> Option<String> {
        let ends = how_it_ended(order);
        let Some(reservation) = &self.reservation else {
            return Some(format!("orders: {ends}; inventory knows no reservation"));
        };
        let state = reservation.state.as_str();
        if let Some(fault) = reservations::state_fault(order.outcome, state) {
            return Some(format!("orders: {ends}; inventory: {fault}"));
        }
        match &reservation.stored {
            Err(fault) => Some(format!("inventory: the reservation cannot be read: {fault}")),
            Ok(stored) if stored.name() != state => Some(format!(
                "inventory: the reservation is {state} by its name and {} inside",
                stored.name()
            )),
            Ok(Reservation::Committed { lines }) if i64::try_from(lines.units()) != Ok(order.units) => {
                Some(format!("orders: {ends}, {} units; inventory: {} units", order.units, lines.units()))
            }
            Ok(_) => None,
        }
    }
}

fn how_it_ended(order: &Order) -> String {
    match order.outcome {
        Some(Outcome::Confirmed) => "confirmed".to_owned(),
        Some(Outcome::Cancelled(reason)) => format!("cancelled ({reason})"),
        None => "not finished".to_owned(),
    }
}

#[cfg(test)]
mod tests;
