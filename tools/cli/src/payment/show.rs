//! A payment as people read it.

use bowline_contracts::payment::v1::{Payment, PaymentStatus};

use crate::tables::{at, facts, money, words};

pub(super) fn payment(payment: &Payment) -> String {
    facts(&[
        ("order", payment.order_id.clone()),
        ("status", standing(payment)),
        ("refused for", payment.failure_reason.replace('_', " ")),
        ("authorised", money(payment.authorized.as_ref())),
        ("captured", money(payment.captured.as_ref())),
        ("voided", money(payment.voided.as_ref())),
        ("calls of the provider", calls(payment)),
        ("last failed call", payment.last_failure.replace('_', " ")),
        ("changed", at(payment.update_time.as_ref())),
    ])
}

/// Where it stands, and what that means where the word alone leaves it open.
fn standing(payment: &Payment) -> String {
    let status = words(payment.status().as_str_name(), "PAYMENT_STATUS_");
    let more = match payment.status() {
        PaymentStatus::Authorizing if payment.void_asked => {
            "the order was given up; what the provider holds is let go as soon as it has answered"
        }
        PaymentStatus::Voided if payment.authorized.is_none() => match payment.failure_reason.as_str() {
            "" => "the order was given up before the provider was asked; it never will be",
            _ => "nothing was held",
        },
        _ => return status,
    };
    format!("{status}: {more}")
}

/// How often the provider was called, in all and for what; nothing if it never was.
fn calls(payment: &Payment) -> String {
    let counts = [
        (payment.authorize_attempts, "authorise"),
        (payment.capture_attempts, "capture"),
        (payment.void_attempts, "void"),
    ];
    let made = counts.into_iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = made.map(|(count, what)| format!("{count} to {what}")).collect();
    match counts.iter().map(|(count, _)| count).sum::<u32>() {
        // An older payment tells those for the last operation alone.
        0 if payment.attempts > 0 => format!("{} for the last operation", payment.attempts),
        0 => String::new(),
        all => format!("{all}: {}", told.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(status: PaymentStatus) -> Payment {
        Payment { status: status.into(), ..Payment::default() }
    }

    #[test]
    fn calls_are_told_for_all_that_was_asked_of_the_provider() {
        let captured =
            Payment { authorize_attempts: 3, capture_attempts: 1, attempts: 1, ..Payment::default() };
        assert_eq!(calls(&captured), "4: 3 to authorise, 1 to capture");
        assert_eq!(calls(&Payment { attempts: 2, ..Payment::default() }), "2 for the last operation");
        assert_eq!(calls(&Payment::default()), "");
    }

    #[test]
    fn what_becomes_of_a_payment_whose_order_was_given_up_is_told() {
        let waiting = Payment { void_asked: true, ..at(PaymentStatus::Authorizing) };
        assert!(
            standing(&waiting).starts_with("authorizing: the order was given up; "),
            "{}",
            standing(&waiting)
        );
        assert_eq!(standing(&at(PaymentStatus::Authorizing)), "authorizing");
        let unasked = standing(&at(PaymentStatus::Voided));
        assert!(unasked.contains("before the provider was asked"), "{unasked}");
        let declined = Payment { failure_reason: "card_expired".to_owned(), ..at(PaymentStatus::Voided) };
        assert_eq!(standing(&declined), "voided: nothing was held");
    }
}
