//! A payment as people read it.

use bowline_contracts::payment::v1::Payment;

use crate::tables::{at, facts, money, words};

pub(super) fn payment(payment: &Payment) -> String {
    let calls = match payment.attempts {
        0 => String::new(),
        calls => calls.to_string(),
    };
    facts(&[
        ("order", payment.order_id.clone()),
        ("status", words(payment.status().as_str_name(), "PAYMENT_STATUS_")),
        ("refused for", payment.failure_reason.replace('_', " ")),
        ("authorised", money(payment.authorized.as_ref())),
        ("captured", money(payment.captured.as_ref())),
        ("voided", money(payment.voided.as_ref())),
        ("calls of the provider", calls),
        ("last failed call", payment.last_failure.replace('_', " ")),
        ("changed", at(payment.update_time.as_ref())),
    ])
}
