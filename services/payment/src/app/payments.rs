//! How payments are stored: the domain's events and states under the domain's own names and forms.

use bowline_event_store::{Persistent, SnapshotForm};
use bowline_payment_domain::{PaymentDecider, State};

/// The streams of payments.
#[derive(Debug, Clone, Copy)]
pub struct Payments;

impl Persistent for Payments {
    type Decider = PaymentDecider;

    const SNAPSHOTS: Option<SnapshotForm<State>> = Some(SnapshotForm::json(State::SCHEMA_VERSION));
}
