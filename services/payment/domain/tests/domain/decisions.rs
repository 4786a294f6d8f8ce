//! Every pair of state and command: one table, read by people and by the test.

use bowline_kernel::Decider;
use bowline_kernel::spec::Given;
use bowline_payment_domain::{
    AuthorizationRequested, CaptureFailed, CaptureRequested, Command, Event, FailedCalls, Operation,
    OperationKind, PaymentAuthorized, PaymentCaptured, PaymentDecider, PaymentDeclined, PaymentVoided,
    Rejection, State, Status, VoidDeferred, VoidRequested,
};

use crate::given::{PATHS, TOTAL, ZERO, at, order_id, reason, reference, state_after, token};

/// Rows: states, as `given.rs` spells out their histories. Columns: commands.
///
/// ```text
/// .          nothing to do                             !        impossible
/// authorize  AuthorizationRequested                    capture  CaptureRequested
/// void       VoidRequested                             defer    VoidDeferred
/// held       PaymentAuthorized                         held+    … and VoidRequested
/// declined   PaymentDeclined                           decl+    … and PaymentVoided(zero)
/// taken      PaymentCaptured                           failed+  CaptureFailed and VoidRequested
/// total      PaymentVoided(total)                      zero     PaymentVoided(zero)
/// unasked    PaymentVoided without an amount
/// ```
const TABLE: &str = "
                        reserved  confirmed void    | authorized declined captured refused voided
unknown                 authorize !         unasked | .          .        .        .       .
authorizing             .         !         defer   | held       declined .        .       .
authorizing_void_asked  .         !         .       | held+      decl+    .        .       .
authorized              .         capture   void    | .          .        .        .       .
declined                .         !         zero    | .          .        .        .       .
capturing               .         .         !       | .          .        taken    failed+ .
captured                .         .         !       | .          .        .        .       .
voiding                 .         !         .       | .          .        .        .       total
voiding_capture_failed  .         .         .       | .          .        .        .       total
voided_unasked          .         !         .       | .          .        .        .       .
voided_declined         .         !         .       | .          .        .        .       .
voided                  .         !         .       | .          .        .        .       .
voided_capture_failed   .         .         .       | .          .        .        .       .
";

#[test]
fn every_pair_of_state_and_command_is_decided_as_the_table_says() {
    PATHS.hold(TABLE, |cell, _, state, command| expected(cell, state, command));
}

fn expected(cell: &str, state: &State, command: &Command) -> Result<Vec<Event>, Rejection> {
    let at = at();
    let void = || Event::VoidRequested(VoidRequested { requested_at: at });
    let voided = |amount| {
        Event::PaymentVoided(PaymentVoided { amount, voided_at: at, failed_calls: FailedCalls::default() })
    };
    let held = || {
        let provider_reference = reference();
        Event::PaymentAuthorized(PaymentAuthorized {
            amount: TOTAL,
            provider_reference,
            authorized_at: at,
            failed_calls: FailedCalls::default(),
        })
    };
    let declined = || {
        Event::PaymentDeclined(PaymentDeclined {
            reason: reason("insufficient_funds"),
            declined_at: at,
            failed_calls: FailedCalls::default(),
        })
    };
    Ok(match cell {
        "." => vec![],
        "!" => return Err(Rejection::Impossible { state: state.name(), message: command.name() }),
        "authorize" => vec![Event::AuthorizationRequested(AuthorizationRequested {
            order_id: order_id(),
            amount: TOTAL,
            payment_token: token(),
            requested_at: at,
        })],
        "capture" => vec![Event::CaptureRequested(CaptureRequested { requested_at: at })],
        "defer" => vec![Event::VoidDeferred(VoidDeferred { deferred_at: at })],
        "void" => vec![void()],
        "held" => vec![held()],
        "held+" => vec![held(), void()],
        "declined" => vec![declined()],
        "decl+" => vec![declined(), voided(Some(ZERO))],
        "taken" => vec![Event::PaymentCaptured(PaymentCaptured {
            amount: TOTAL,
            captured_at: at,
            failed_calls: FailedCalls::default(),
        })],
        "failed+" => {
            let failed = CaptureFailed {
                reason: reason("expired"),
                failed_at: at,
                failed_calls: FailedCalls::default(),
            };
            vec![Event::CaptureFailed(failed), void()]
        }
        "total" => vec![voided(Some(TOTAL))],
        "zero" => vec![voided(Some(ZERO))],
        "unasked" => vec![voided(None)],
        other => panic!("{other:?} is not in the legend"),
    })
}

#[test]
fn each_state_shows_its_status_its_money_and_its_open_operation() {
    use OperationKind::{Authorize, Capture, Void};
    let total = Some(TOTAL);
    #[rustfmt::skip]
    let table = [
        // state                    status                      open             held   taken  let go  failure
        ("unknown",                 None,                       None,            None,  None,  None,   None),
        ("authorizing",             Some(Status::Authorizing),  Some(Authorize), None,  None,  None,   None),
        ("authorizing_void_asked",  Some(Status::Authorizing),  Some(Authorize), None,  None,  None,   None),
        ("authorized",              Some(Status::Authorized),   None,            total, None,  None,   None),
        ("declined",                Some(Status::Declined),     None,            None,  None,  None,   Some("insufficient_funds")),
        ("capturing",               Some(Status::Capturing),    Some(Capture),   total, None,  None,   None),
        ("captured",                Some(Status::Captured),     None,            total, total, None,   None),
        ("voiding",                 Some(Status::Voiding),      Some(Void),      total, None,  None,   None),
        ("voiding_capture_failed",  Some(Status::Voiding),      Some(Void),      total, None,  None,   Some("expired")),
        ("voided_unasked",          Some(Status::Voided),       None,            None,  None,  None,   None),
        ("voided_declined",         Some(Status::Voided),       None,            None,  None,  None,   Some("insufficient_funds")),
        ("voided",                  Some(Status::Voided),       None,            total, None,  total,  None),
        ("voided_capture_failed",   Some(Status::Voided),       None,            total, None,  total,  Some("expired")),
    ];
    for ((name, history), row) in PATHS.histories().iter().zip(table) {
        let state = state_after(history);
        let open = state.open_operation().map(|operation| operation.kind());
        let failure = state.failure().map(bowline_payment_domain::Reason::as_str);
        let seen =
            (*name, state.status(), open, state.authorized(), state.captured(), state.voided(), failure);
        assert_eq!(seen, row);
    }
}

#[test]
fn an_open_operation_tells_the_worker_all_that_the_provider_needs() {
    let operation = |name| state_after(&PATHS.history(name)).open_operation();
    assert_eq!(
        operation("authorizing"),
        Some(Operation::Authorize { amount: TOTAL, payment_token: token() })
    );
    let (amount, provider_reference) = (TOTAL, reference());
    assert_eq!(
        operation("capturing"),
        Some(Operation::Capture { amount, provider_reference: provider_reference.clone() })
    );
    assert_eq!(operation("voiding"), Some(Operation::Void { amount, provider_reference }));
    for kind in [OperationKind::Authorize, OperationKind::Capture, OperationKind::Void] {
        assert_eq!(OperationKind::from_name(kind.name()), Some(kind));
    }
    assert_eq!(OperationKind::from_name("refund"), None);
}

#[test]
fn a_void_that_overtakes_the_reservation_leaves_a_tombstone() {
    Given::<PaymentDecider>::nothing()
        .when(Command::VoidPayment { at: at() })
        .then([Event::PaymentVoided(PaymentVoided {
            amount: None,
            voided_at: at(),
            failed_calls: FailedCalls::default(),
        })])
        .when(Command::StockReserved { order_id: order_id(), total: TOTAL, payment_token: token(), at: at() })
        .then_nothing()
        .when(Command::VoidPayment { at: at() })
        .then_nothing();
}

#[test]
fn a_void_during_the_authorisation_waits_for_its_outcome() {
    Given::<PaymentDecider>::new(PATHS.history("authorizing"))
        .when(Command::VoidPayment { at: at() })
        .then([Event::VoidDeferred(VoidDeferred { deferred_at: at() })])
        .when(Command::Authorized {
            provider_reference: reference(),
            failed_calls: FailedCalls::default(),
            at: at(),
        })
        .then([
            Event::PaymentAuthorized(PaymentAuthorized {
                amount: TOTAL,
                provider_reference: reference(),
                authorized_at: at(),
                failed_calls: FailedCalls::default(),
            }),
            Event::VoidRequested(VoidRequested { requested_at: at() }),
        ])
        .when(Command::Voided { failed_calls: FailedCalls::default(), at: at() })
        .then([Event::PaymentVoided(PaymentVoided {
            amount: Some(TOTAL),
            voided_at: at(),
            failed_calls: FailedCalls::default(),
        })]);
}

#[test]
fn the_calls_of_the_operation_decided_last_are_remembered() {
    let failed = |count| FailedCalls { count, last: Some(reason("timed_out")) };
    let reached = |mut events: Vec<Event>, command| {
        events.extend(PaymentDecider::decide(&state_after(&events), command).unwrap());
        events
    };
    let authorizing = PATHS.history("authorizing");
    assert_eq!(state_after(&authorizing).failed_calls(), None);
    let (provider_reference, at) = (reference(), at());
    let held = reached(authorizing, Command::Authorized { provider_reference, failed_calls: failed(2), at });
    let capturing = reached(held, Command::OrderConfirmed { at });
    assert_eq!(state_after(&capturing).failed_calls(), Some(&failed(2)));
    let refused = Command::CaptureRefused { reason: reason("expired"), failed_calls: failed(5), at };
    let voiding = reached(capturing, refused);
    assert_eq!(state_after(&voiding).failed_calls(), Some(&failed(5)));
    let voided = reached(voiding, Command::Voided { failed_calls: FailedCalls::default(), at });
    assert_eq!(state_after(&voided).failed_calls(), Some(&FailedCalls::default()));

    // The void of a decline asks nobody: what is remembered is the authorisation.
    let declined =
        Command::AuthorizationDeclined { reason: reason("card_lost"), failed_calls: failed(3), at };
    let declined = reached(PATHS.history("authorizing_void_asked"), declined);
    assert_eq!(state_after(&declined).failed_calls(), Some(&failed(3)));
}
