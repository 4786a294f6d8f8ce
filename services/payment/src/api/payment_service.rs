//! `bowline.payment.v1.PaymentService`.

use bowline_contracts::convert::{money, timestamp};
use bowline_contracts::payment::v1;
use bowline_contracts::payment::v1::payment_service_server::PaymentService;
use bowline_database::Database;
use bowline_kernel::OrderId;
use bowline_payment_domain::{Phase, Status as PaymentStatus};
use bowline_service::{ApiError, ErrorKind, Violations, read_failed};
use tonic::{Request, Response, Status};

use crate::app::queries::get_payment::{Payment, get_payment};

/// Answers from the event store.
#[derive(Debug, Clone)]
pub struct PaymentApi {
    database: Database,
}

impl PaymentApi {
    /// Reads from `database`.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[tonic::async_trait]
impl PaymentService for PaymentApi {
    async fn get_payment(
        &self,
        request: Request<v1::GetPaymentRequest>,
    ) -> Result<Response<v1::GetPaymentResponse>, Status> {
        let mut violations = Violations::new();
        let id = violations.uuid("order_id", &request.get_ref().order_id);
        let order_id = OrderId::new(violations.finish_with(id)?);
        let found =
            get_payment(&self.database, order_id).await.map_err(|error| read_failed(error.fault(), error))?;
        let payment = found.and_then(|payment| document(order_id, &payment)).ok_or_else(|| {
            ApiError::new(ErrorKind::NotFound, "PAYMENT_NOT_FOUND", "there is no payment for this order")
                .with("order_id", order_id)
        })?;
        Ok(Response::new(v1::GetPaymentResponse { payment: Some(payment) }))
    }
}

/// `None` for a payment of which nothing has happened.
fn document(order_id: OrderId, payment: &Payment) -> Option<v1::Payment> {
    let state = &payment.state;
    let status = match state.status()? {
        PaymentStatus::Authorizing => v1::PaymentStatus::Authorizing,
        PaymentStatus::Authorized => v1::PaymentStatus::Authorized,
        PaymentStatus::Declined => v1::PaymentStatus::Declined,
        PaymentStatus::Capturing => v1::PaymentStatus::Capturing,
        PaymentStatus::Captured => v1::PaymentStatus::Captured,
        PaymentStatus::Voiding => v1::PaymentStatus::Voiding,
        PaymentStatus::Voided => v1::PaymentStatus::Voided,
    };
    let (attempts, last_failure) = attempts(payment);
    Some(v1::Payment {
        order_id: order_id.to_string(),
        status: status.into(),
        authorized: state.authorized().map(money),
        captured: state.captured().map(money),
        voided: state.voided().map(money),
        failure_reason: state.failure().map(|reason| reason.as_str().to_owned()).unwrap_or_default(),
        version: payment.version,
        update_time: state.updated_at().map(timestamp),
        attempts,
        last_failure,
        authorize_attempts: payment.calls.authorize,
        capture_attempts: payment.calls.capture,
        void_attempts: payment.calls.void,
        void_asked: matches!(state.phase(), Phase::Authorizing { void_asked: true, .. }),
    })
}

/// Of the operation that is open the calls so far, of the one that was decided last also the one that decided it.
fn attempts(payment: &Payment) -> (u32, String) {
    let (calls, decided) = match &payment.open_calls {
        Some(calls) => (Some(calls), 0),
        None => (payment.state.failed_calls(), 1),
    };
    let Some(calls) = calls else { return (0, String::new()) };
    let last_failure = calls.last.as_ref().map(|reason| reason.as_str().to_owned());
    (calls.count.saturating_add(decided), last_failure.unwrap_or_default())
}
