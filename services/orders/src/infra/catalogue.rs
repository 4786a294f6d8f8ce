//! Inventory's catalogue over gRPC: cached in process, behind a circuit breaker.

use std::collections::HashMap;

use bowline_contracts::convert::amount;
use bowline_contracts::inventory::v1;
use bowline_contracts::inventory::v1::catalog_service_client::CatalogServiceClient;
use bowline_kernel::{Money, Sku};
use bowline_orders_domain::ProductName;
use bowline_resilience::{Breaker, Broken, Retry};
use bowline_service::call_below;
use moka::sync::Cache;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::config::CatalogueSettings;

const METHOD: &str = "bowline.inventory.v1.CatalogService/BatchGetProducts";
/// The most SKUs asked for in one call; the catalogue's own limit.
const SKUS_MAX: usize = 1_000;

/// What the catalogue says about a product.
#[derive(Debug, Clone)]
pub(crate) struct Product {
    pub(crate) name: ProductName,
    pub(crate) price: Money,
}

/// Why there are no prices.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogueError {
    /// The circuit breaker is open.
    #[error("the catalogue is not asked, because it has failed too often")]
    Resting,
    /// The catalogue did not answer.
    #[error("the catalogue did not answer: {0}")]
    Failed(Box<Status>),
    /// The catalogue takes offence at the question: asking again will not help.
    #[error("the catalogue refused the question: {0}")]
    Refused(Box<Status>),
    /// The catalogue answered with a product that has no usable price.
    #[error("the catalogue has no usable price for {0}")]
    Unusable(String),
}

/// Asks the catalogue for names and prices.
#[derive(Clone)]
pub(crate) struct Catalogue {
    client: CatalogServiceClient<Channel>,
    products: Cache<Sku, Product>,
    breaker: Breaker,
    retry: Retry,
}

impl Catalogue {
    /// Connects lazily: the catalogue need not be there yet.
    pub(crate) fn new(settings: &CatalogueSettings) -> Result<Self, tonic::transport::Error> {
        let channel = Endpoint::from_shared(settings.url.to_string())?
            .connect_timeout(settings.timeout)
            .timeout(settings.timeout)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(std::time::Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .connect_lazy();
        Ok(Self {
            client: CatalogServiceClient::new(channel).max_decoding_message_size(16 << 20),
            products: Cache::builder().max_capacity(settings.cached_max).time_to_live(settings.ttl).build(),
            breaker: Breaker::new("catalogue", settings.breaker),
            retry: Retry::new(settings.retry),
        })
    }

    /// Whether it is asked at all.
    pub(crate) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// What is known in memory, one entry per SKU.
    pub(crate) fn cached(&self, skus: &[Sku]) -> Vec<Option<Product>> {
        skus.iter().map(|sku| self.products.get(sku)).collect()
    }

    /// Asks for those of `skus` that are not known yet and remembers them. A SKU that is still `None` in `found` after
    /// that is not in the catalogue. `traceparent` is the trace context of whoever wants to know.
    pub(crate) async fn complete(
        &self,
        skus: &[Sku],
        found: &mut [Option<Product>],
        traceparent: Option<&str>,
    ) -> Result<(), CatalogueError> {
        let missing: Vec<usize> = (0..skus.len()).filter(|index| found[*index].is_none()).collect();
        for chunk in missing.chunks(SKUS_MAX) {
            let places: HashMap<&str, usize> =
                chunk.iter().map(|index| (skus[*index].as_str(), *index)).collect();
            let asked: Vec<String> = places.keys().map(|sku| (*sku).to_owned()).collect();
            for product in self.ask(asked, traceparent).await? {
                let Some(index) = places.get(product.sku.as_str()) else { continue };
                let usable = product.price.as_ref().and_then(amount);
                let price = usable.ok_or(CatalogueError::Unusable(product.sku))?;
                let known = Product { name: ProductName::new(&product.name), price };
                self.products.insert(skus[*index].clone(), known.clone());
                found[*index] = Some(known);
            }
        }
        Ok(())
    }

    async fn ask(
        &self,
        skus: Vec<String>,
        traceparent: Option<&str>,
    ) -> Result<Vec<v1::Product>, CatalogueError> {
        let ask = || async {
            let request = Request::new(v1::BatchGetProductsRequest { skus: skus.clone() });
            let mut client = self.client.clone();
            let call = |request| async move { client.batch_get_products(request).await };
            self.breaker.call_if(is_outage, || call_below(traceparent, METHOD, request, call)).await
        };
        let repeat = |error: &Broken<Status>| matches!(error, Broken::Failed(status) if is_outage(status));
        let notify =
            |error: &Broken<Status>, wait| tracing::debug!(%error, ?wait, "catalogue did not answer");
        match self.retry.run(ask, repeat, notify).await {
            Ok(response) => Ok(response.into_inner().products),
            Err(Broken::Rejected { .. }) => Err(CatalogueError::Resting),
            Err(Broken::Failed(status)) if is_outage(&status) => {
                Err(CatalogueError::Failed(Box::new(status)))
            }
            Err(Broken::Failed(status)) => Err(CatalogueError::Refused(Box::new(status))),
        }
    }
}

/// Errors that say something about the catalogue's health rather than about the question.
fn is_outage(status: &Status) -> bool {
    !matches!(status.code(), Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition)
}
