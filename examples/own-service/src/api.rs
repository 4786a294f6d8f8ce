//! `loyalty.v1.LoyaltyService`: validation and mapping.

use bowline_database::Database;
use bowline_kernel::CustomerId;
use bowline_service::{Violations, read_failed};
use tonic::{Request, Response, Status};

use crate::store;
use crate::v1::loyalty_service_server::LoyaltyService;
use crate::v1::{GetPointsRequest, GetPointsResponse};

/// Answers from the rows.
pub(crate) struct LoyaltyApi(pub(crate) Database);

#[tonic::async_trait]
impl LoyaltyService for LoyaltyApi {
    async fn get_points(
        &self,
        request: Request<GetPointsRequest>,
    ) -> Result<Response<GetPointsResponse>, Status> {
        let mut violations = Violations::new();
        let customer = violations.take("customer_id", request.get_ref().customer_id.parse::<CustomerId>());
        let customer = violations.finish_with(customer)?;
        let sums = store::sums(&self.0, &customer).await;
        Ok(Response::new(sums.map_err(|error| read_failed(error.fault(), error))?))
    }
}
