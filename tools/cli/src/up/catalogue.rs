//! What there is to order on the first day.

use std::time::Duration;

use bowline_contracts::inventory::v1::ListProductsRequest;
use bowline_contracts::inventory::v1::catalog_service_client::CatalogServiceClient;
use bowline_kernel::{IdSource as _, SystemIds};
use bowline_load::generator::{ConnectionSettings, Connections, Progress, load_catalogue};
use bowline_load::plan::Plan;
use tonic::transport::Endpoint;

use crate::fleet::Fleet;
use crate::screen::say;

/// How long loading the catalogue may take without an answer.
const LOAD_STALL: Duration = Duration::from_secs(30);

/// Enters products and stock, unless there are products already.
pub(super) async fn fill(fleet: &Fleet, plan: &Plan) -> anyhow::Result<()> {
    let address = fleet.ground.places.grpc_url("inventory");
    let channel = Endpoint::from_shared(address.clone())?.connect().await?;
    let mut catalogue = CatalogServiceClient::new(channel);
    let request = ListProductsRequest { page_size: 1, ..ListProductsRequest::default() };
    if !catalogue.list_products(request).await?.into_inner().products.is_empty() {
        return Ok(());
    }
    say(&format!("entering {} products and their stock", plan.products.len()));
    let inventory = Connections::new([address], ConnectionSettings::default())?;
    load_catalogue(plan, &inventory, SystemIds.next_id(), LOAD_STALL, &Progress::default()).await?;
    Ok(())
}
