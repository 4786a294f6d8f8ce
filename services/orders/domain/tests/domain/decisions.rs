//! Every pair of state and command: one table, read by people and by the test.

use bowline_kernel::spec::Given;
use bowline_kernel::stored::Stored as _;
use bowline_kernel::{Currency, Money};
use bowline_orders_domain::{
    CancelReason, Canceller, CaptureNoted, Command, Compensation, Effect, Event, OrderCancelled,
    OrderConfirmed, OrderDecider, OrderFinished, Outcome, Rejection, State, Status, Step, StockCommitNoted,
    StockReleaseNoted, StockReservationNoted, StockRestockNoted, VoidNoted,
};

use crate::given::{PATHS, TOTAL, UNITS, at, order_placed, place_order, state_after};

/// Rows: states, as `given.rs` spells out their histories. Columns: commands.
///
/// ```text
/// .        nothing to do: late or repeated          !        impossible
/// placed   OrderPlaced                              confirm  OrderConfirmed
/// reserved StockReservationNoted                    cancel   OrderCancelled with the column's reason
/// note     the column's effect is noted             end      … and OrderFinished follows
/// none     NotFound                                 exists   AlreadyPlaced
/// final    AlreadyConfirmed                         again    AlreadyCancelled with the row's reason
/// ```
const TABLE: &str = "
                          place  customer deadline | reserved rejected committed released restocked | authorized declined captured capture_failed voided
unknown                   placed none     .        | none     none     none      none     none      | none       none     none     none           none
pending                   exists cancel   cancel   | reserved end      !         !        !         | confirm    cancel   !        !              !
pending_reserved          exists cancel   cancel   | .        !        !         !        !         | confirm    cancel   !        !              !
confirmed                 exists final    .        | .        !        note      !        !         | .          !        note     cancel         !
confirmed_committed       exists final    .        | .        !        .         !        !         | .          !        end      cancel         !
confirmed_captured        exists final    .        | .        !        end       !        !         | .          !        .        !              !
confirmed_finished        exists final    .        | .        !        .         !        !         | .          !        .        !              !
out_of_stock_finished     exists again    .        | !        .        !         !        !         | !          !        !        !              !
declined                  exists again    .        | .        !        !         end      !         | !          .        !        !              !
declined_finished         exists again    .        | .        !        !         .        !         | !          .        !        !              !
customer                  exists again    .        | .        .        !         note     !         | .          .        !        !              note
customer_released         exists again    .        | .        .        !         .        !         | .          .        !        !              end
customer_voided           exists again    .        | .        .        !         end      !         | .          .        !        !              .
customer_finished         exists again    .        | .        .        !         .        !         | .          .        !        !              .
deadline                  exists again    .        | .        .        !         note     !         | .          .        !        !              note
deadline_released         exists again    .        | .        .        !         .        !         | .          .        !        !              end
deadline_voided           exists again    .        | .        .        !         end      !         | .          .        !        !              .
deadline_finished         exists again    .        | .        .        !         .        !         | .          .        !        !              .
capture_failed            exists again    .        | .        !        .         !        note      | .          !        !        .              note
capture_failed_restocked  exists again    .        | .        !        .         !        .         | .          !        !        .              end
capture_failed_voided     exists again    .        | .        !        .         !        end       | .          !        !        .              .
capture_failed_finished   exists again    .        | .        !        .         !        .         | .          !        !        .              .
";

#[test]
fn every_pair_of_state_and_command_is_decided_as_the_table_says() {
    PATHS.hold(TABLE, expected);
}

fn expected(cell: &str, column: &str, state: &State, command: &Command) -> Result<Vec<Event>, Rejection> {
    let end = |outcome| Event::OrderFinished(OrderFinished { outcome, finished_at: at() });
    match cell {
        "." => Ok(vec![]),
        "!" => Err(Rejection::Impossible { state: state.name(), report: command.name() }),
        "placed" => Ok(vec![order_placed()]),
        "none" => Err(Rejection::NotFound),
        "exists" => Err(Rejection::AlreadyPlaced),
        "final" => Err(Rejection::AlreadyConfirmed),
        "again" => Err(Rejection::AlreadyCancelled { reason: reason_of(state) }),
        "reserved" => Ok(vec![Event::StockReservationNoted(StockReservationNoted { noted_at: at() })]),
        "confirm" => Ok(vec![Event::OrderConfirmed(OrderConfirmed { placed_at: at(), confirmed_at: at() })]),
        "cancel" => Ok(vec![cancelled(column)]),
        "note" => Ok(vec![noted(column)]),
        "end" if column == "rejected" => {
            Ok(vec![cancelled(column), end(Outcome::Cancelled(CancelReason::OutOfStock))])
        }
        "end" if matches!(state, State::Confirmed { .. }) => Ok(vec![noted(column), end(Outcome::Confirmed)]),
        "end" => Ok(vec![noted(column), end(Outcome::Cancelled(reason_of(state)))]),
        other => panic!("{other:?} is not in the legend"),
    }
}

fn cancelled(column: &str) -> Event {
    let reason = match column {
        "customer" => CancelReason::Customer,
        "deadline" => CancelReason::Deadline,
        "rejected" => CancelReason::OutOfStock,
        "declined" => CancelReason::PaymentDeclined,
        "capture_failed" => CancelReason::CaptureFailed,
        other => panic!("{other} cancels nothing"),
    };
    Event::OrderCancelled(OrderCancelled { reason, cancelled_at: at() })
}

fn noted(column: &str) -> Event {
    match column {
        "committed" => Event::StockCommitNoted(StockCommitNoted { units: UNITS, noted_at: at() }),
        "released" => Event::StockReleaseNoted(StockReleaseNoted { units: UNITS, noted_at: at() }),
        "restocked" => Event::StockRestockNoted(StockRestockNoted { units: UNITS, noted_at: at() }),
        "captured" => Event::CaptureNoted(CaptureNoted { amount: TOTAL, noted_at: at() }),
        "voided" => Event::VoidNoted(VoidNoted { amount: TOTAL, noted_at: at() }),
        other => panic!("{other} is not noted"),
    }
}

fn reason_of(state: &State) -> CancelReason {
    match state {
        State::Cancelled { reason, .. } => *reason,
        State::Unknown | State::Pending { .. } | State::Confirmed { .. } => {
            panic!("{} has no reason", state.name())
        }
    }
}

#[test]
fn an_order_that_is_placed_confirmed_and_settled_is_finished() {
    Given::<OrderDecider>::nothing()
        .when(Command::PlaceOrder(place_order()))
        .then([order_placed()])
        .when(Command::StockReserved { at: at() })
        .then([Event::StockReservationNoted(StockReservationNoted { noted_at: at() })])
        .when(Command::PaymentAuthorized { amount: TOTAL, at: at() })
        .then([Event::OrderConfirmed(OrderConfirmed { placed_at: at(), confirmed_at: at() })])
        .when(Command::PaymentCaptured { amount: TOTAL, at: at() })
        .then([Event::CaptureNoted(CaptureNoted { amount: TOTAL, noted_at: at() })])
        .when(Command::StockCommitted { units: UNITS, at: at() })
        .then([
            Event::StockCommitNoted(StockCommitNoted { units: UNITS, noted_at: at() }),
            Event::OrderFinished(OrderFinished { outcome: Outcome::Confirmed, finished_at: at() }),
        ])
        .when(Command::CancelOrder { canceller: Canceller::Customer, at: at() })
        .then_rejected(Rejection::AlreadyConfirmed);
}

#[test]
fn a_void_of_nothing_counts_as_zero_in_the_orders_currency() {
    let zero = Money::zero(TOTAL.currency);
    for amount in [None, Some(zero)] {
        Given::<OrderDecider>::new(PATHS.history("customer"))
            .when(Command::PaymentVoided { amount, at: at() })
            .then([Event::VoidNoted(VoidNoted { amount: zero, noted_at: at() })]);
    }
}

#[test]
fn money_that_contradicts_the_total_is_refused() {
    let wrong = Money::new(TOTAL.minor + 1, TOTAL.currency);
    let foreign = Money::new(TOTAL.minor, Currency::EUR);
    for amount in [wrong, foreign] {
        let rejection = |report| Rejection::WrongAmount { report, reported: Some(amount), total: TOTAL };
        Given::<OrderDecider>::new(PATHS.history("pending"))
            .when(Command::PaymentAuthorized { amount, at: at() })
            .then_rejected(rejection("payment_authorized"));
        Given::<OrderDecider>::new(PATHS.history("confirmed"))
            .when(Command::PaymentCaptured { amount, at: at() })
            .then_rejected(rejection("payment_captured"));
        Given::<OrderDecider>::new(PATHS.history("customer"))
            .when(Command::PaymentVoided { amount: Some(amount), at: at() })
            .then_rejected(rejection("payment_voided"));
    }
    // What had been authorised in full cannot have been voided in part.
    Given::<OrderDecider>::new(PATHS.history("capture_failed"))
        .when(Command::PaymentVoided { amount: None, at: at() })
        .then_rejected(Rejection::WrongAmount { report: "payment_voided", reported: None, total: TOTAL });
}

#[test]
fn each_reason_sends_its_compensations_and_waits_for_their_answers() {
    use Compensation::{ReleaseStock, RestockOrder, VoidPayment};
    let table: [(CancelReason, &[Compensation], &[Effect]); 5] = [
        (CancelReason::OutOfStock, &[], &[]),
        (CancelReason::PaymentDeclined, &[ReleaseStock], &[Effect::StockReleased]),
        (
            CancelReason::Customer,
            &[ReleaseStock, VoidPayment],
            &[Effect::StockReleased, Effect::PaymentVoided],
        ),
        (
            CancelReason::Deadline,
            &[ReleaseStock, VoidPayment],
            &[Effect::StockReleased, Effect::PaymentVoided],
        ),
        (CancelReason::CaptureFailed, &[RestockOrder], &[Effect::StockRestocked, Effect::PaymentVoided]),
    ];
    for (reason, compensations, effects) in table {
        let event = Event::OrderCancelled(OrderCancelled { reason, cancelled_at: at() });
        assert_eq!(event.compensations(), compensations, "{reason}");
        assert_eq!(Outcome::Cancelled(reason).effects(), effects, "{reason}");
    }
    let silent = PATHS.histories().into_iter().flat_map(|(_, history)| history);
    for event in silent.filter(|event| !matches!(event, Event::OrderCancelled(_))) {
        assert_eq!(event.compensations(), &[], "{} undoes nothing", event.event_type());
    }
}

#[test]
fn each_state_shows_its_status_and_what_it_waits_for() {
    use Effect::{PaymentCaptured, PaymentVoided, StockCommitted, StockReleased};
    let table = [
        ("unknown", None, None),
        ("pending", Some(Status::Pending), Some(Step::AwaitingStock)),
        ("pending_reserved", Some(Status::Pending), Some(Step::AwaitingPayment)),
        (
            "confirmed",
            Some(Status::Confirmed),
            Some(Step::AwaitingEffects(&[StockCommitted, PaymentCaptured])),
        ),
        ("confirmed_committed", Some(Status::Confirmed), Some(Step::AwaitingEffects(&[PaymentCaptured]))),
        ("confirmed_finished", Some(Status::Confirmed), Some(Step::Finished)),
        (
            "customer",
            Some(Status::Cancelled(CancelReason::Customer)),
            Some(Step::AwaitingEffects(&[StockReleased, PaymentVoided])),
        ),
        (
            "customer_released",
            Some(Status::Cancelled(CancelReason::Customer)),
            Some(Step::AwaitingEffects(&[PaymentVoided])),
        ),
        ("out_of_stock_finished", Some(Status::Cancelled(CancelReason::OutOfStock)), Some(Step::Finished)),
    ];
    for (name, status, step) in table {
        let state = state_after(&PATHS.history(name));
        assert_eq!((state.status(), state.step()), (status, step), "{name}");
        assert_eq!(state.is_finished(), step == Some(Step::Finished));
        assert_eq!(state.order().map(|order| order.total), status.map(|_| TOTAL));
        assert_eq!(state.updated_at(), status.map(|_| at()));
    }
}
