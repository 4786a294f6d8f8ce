//! What of a payment's history other services get to know. The only bridge from domain events to public ones.

use bowline_contracts::convert::{money, timestamp};
use bowline_contracts::events::Published;
use bowline_contracts::payment::v1;
use bowline_contracts::{common, topics};
use bowline_event_store::Decided;
use bowline_kernel::OrderId;
use bowline_messaging::Outgoing;
use bowline_payment_domain::{Event, FailedCalls, PaymentVoided};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What a message says beside the event.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) order_id: OrderId,
    pub(super) partition: u16,
    pub(super) causation: Option<Uuid>,
    pub(super) traceparent: Option<&'a str>,
}

/// The public message of an event; `None` for what stays inside.
pub(super) fn message(about: About<'_>, decided: &Decided<Event>) -> Option<Outgoing> {
    let order_id = about.order_id.to_string();
    let at = decided.event.at();
    let time = Some(timestamp(at));
    let outgoing = |payload| outgoing(about, decided.id.uuid(), at, payload);
    match &decided.event {
        Event::PaymentAuthorized(event) => Some(outgoing(Public::of(&v1::PaymentAuthorized {
            order_id,
            amount: Some(money(event.amount)),
            authorized_time: time,
            attempts: attempts(&event.failed_calls),
            last_failure: last_failure(&event.failed_calls),
        }))),
        Event::PaymentDeclined(event) => Some(outgoing(Public::of(&v1::PaymentDeclined {
            order_id,
            reason: event.reason.as_str().to_owned(),
            declined_time: time,
            attempts: attempts(&event.failed_calls),
            last_failure: last_failure(&event.failed_calls),
        }))),
        Event::PaymentCaptured(event) => Some(outgoing(Public::of(&v1::PaymentCaptured {
            order_id,
            amount: Some(money(event.amount)),
            captured_time: time,
            attempts: attempts(&event.failed_calls),
            last_failure: last_failure(&event.failed_calls),
        }))),
        Event::CaptureFailed(event) => Some(outgoing(Public::of(&v1::PaymentCaptureFailed {
            order_id,
            reason: event.reason.as_str().to_owned(),
            failed_time: time,
            attempts: attempts(&event.failed_calls),
            last_failure: last_failure(&event.failed_calls),
        }))),
        Event::PaymentVoided(event) => Some(outgoing(Public::of(&v1::PaymentVoided {
            order_id,
            amount: Some(event.amount.map_or_else(nothing_known, money)),
            voided_time: time,
            attempts: if was_held(event) { attempts(&event.failed_calls) } else { 0 },
            last_failure: last_failure(&event.failed_calls),
        }))),
        Event::AuthorizationRequested(_)
        | Event::CaptureRequested(_)
        | Event::VoidDeferred(_)
        | Event::VoidRequested(_) => None,
    }
}

/// How often the provider was called, the call that decided included.
fn attempts(failed: &FailedCalls) -> u32 {
    failed.count.saturating_add(1)
}

/// What the last call before it failed for; empty when there was none.
fn last_failure(failed: &FailedCalls) -> String {
    failed.last.as_ref().map(|reason| reason.as_str().to_owned()).unwrap_or_default()
}

/// Only then is the provider asked to let go.
fn was_held(voided: &PaymentVoided) -> bool {
    voided.amount.is_some_and(|amount| !amount.is_zero())
}

/// An encoded message with its type.
struct Public {
    message_type: &'static str,
    payload: Bytes,
}

impl Public {
    fn of<M: Published>(message: &M) -> Self {
        Self { message_type: M::TYPE, payload: message.encode_to_vec().into() }
    }
}

fn outgoing(about: About<'_>, id: Uuid, time: DateTime<Utc>, public: Public) -> Outgoing {
    Outgoing {
        topic: &topics::PAYMENT_EVENTS,
        key: about.order_id.uuid(),
        partition: about.partition,
        id,
        message_type: public.message_type,
        time,
        causation: about.causation,
        traceparent: about.traceparent.map(str::to_owned),
        payload: public.payload,
    }
}

/// The order was given up before payment heard of an amount.
fn nothing_known() -> common::v1::Money {
    common::v1::Money { currency_code: String::new(), amount_minor: 0 }
}
