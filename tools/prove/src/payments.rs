//! Payments, folded anew from their events.

use std::collections::HashMap;

use bowline_kernel::{Currency, Decider as _, Money};
use bowline_payment_domain::{Event, PaymentDecider};
use uuid::Uuid;

use crate::access::Database;
use crate::histories;
use crate::{Error, Invariant, Totals};

/// What a payment's events add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Payment {
    pub(crate) authorized: Side,
    pub(crate) captured: Side,
    pub(crate) voided: Side,
    /// An operation at the provider has no outcome yet.
    pub(crate) open: bool,
}

/// What went one way: the sum, and its currency when anything did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Side {
    pub(crate) minor: i64,
    pub(crate) currency: Option<&'static str>,
}

/// All payments, by order.
pub(crate) struct Payments {
    pub(crate) by_id: HashMap<Uuid, Payment>,
    pub(crate) histories: Invariant,
}

pub(crate) async fn read(database: &Database) -> Result<Payments, Error> {
    let mut by_id = HashMap::new();
    let contiguous = Invariant::new("payment histories have no gap in their versions");
    let histories = histories::read::<Event>(database, contiguous, |history| {
        by_id.insert(history.id, Payment::fold(&history.events));
    })
    .await?;
    Ok(Payments { by_id, histories })
}

impl Payments {
    pub(crate) fn totals(&self, units_sold: i64) -> Totals {
        let sum = |side: fn(&Payment) -> i64| self.by_id.values().map(side).sum();
        Totals {
            authorized_minor: sum(|payment| payment.authorized.minor),
            captured_minor: sum(|payment| payment.captured.minor),
            voided_minor: sum(|payment| payment.voided.minor),
            units_sold,
        }
    }
}

impl Payment {
    /// Whether anything was ever held or taken.
    pub(crate) const fn has_moved_money(&self) -> bool {
        self.authorized.minor != 0 || self.captured.minor != 0
    }

    /// Amounts are added up from the events, not taken from the state, so that one booked twice shows.
    pub(crate) fn fold(events: &[Event]) -> Self {
        let mut payment =
            Self { open: PaymentDecider::replay(events).open_operation().is_some(), ..Self::default() };
        for event in events {
            match event {
                Event::PaymentAuthorized(authorized) => payment.authorized.add(authorized.amount),
                Event::PaymentCaptured(captured) => payment.captured.add(captured.amount),
                Event::PaymentVoided(voided) => {
                    if let Some(amount) = voided.amount {
                        payment.voided.add(amount);
                    }
                }
                Event::AuthorizationRequested(_)
                | Event::PaymentDeclined(_)
                | Event::CaptureRequested(_)
                | Event::CaptureFailed(_)
                | Event::VoidDeferred(_)
                | Event::VoidRequested(_) => {}
            }
        }
        payment
    }
}

impl Side {
    fn add(&mut self, amount: Money) {
        self.minor = self.minor.saturating_add(amount.minor);
        if !amount.is_zero() {
            self.currency = Some(amount.currency.code());
        }
    }
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.currency.and_then(Currency::from_code) {
            Some(currency) => Money::new(self.minor, currency).fmt(f),
            None => self.minor.fmt(f),
        }
    }
}
