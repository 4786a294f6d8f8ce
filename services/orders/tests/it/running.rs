//! The whole service on real sockets, wired by its own bootstrap. There is no Kafka: orders are accepted all the same.

use std::sync::Arc;

use bowline_config::{Refused, parse_from};
use bowline_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use bowline_contracts::orders::v1::{self, PlaceOrderLine, PlaceOrderRequest};
use bowline_contracts::topics::ORDERS;
use bowline_orders::bootstrap;
use bowline_orders::config::{Options, Settings};
use bowline_service::Forwards;
use bowline_test_support::{ServiceDatabase, stack};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::sync::watch;
use tonic::Status;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

use crate::catalogue::Catalogue;
use crate::stage::new_request;

/// A SKU that the catalogue of every test lists for 2.55 GBP.
pub(crate) const HEART: &str = "85123A";

/// The service with its database and its catalogue.
pub(crate) struct Running {
    pub(crate) client: OrdersServiceClient<Channel>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) database: Arc<ServiceDatabase>,
    /// Where it takes calls: host and port.
    pub(crate) address: String,
    /// What it has forwarded.
    pub(crate) forwards: watch::Receiver<Forwards>,
    service: bowline_test_support::Running,
}

/// Settings as the command line makes them.
pub(crate) fn settings(arguments: &[&str]) -> Result<Settings, Refused> {
    parse_from([&["bowline-orders"], arguments].concat(), Options::check)
}

/// What every start of these tests has in common. Nobody listens on port 1.
pub(crate) const LOCAL: [&str; 8] = [
    "--grpc-listen",
    "127.0.0.1:0",
    "--http-listen",
    "127.0.0.1:0",
    "--kafka-brokers",
    "127.0.0.1:1",
    "--retry-attempts-max",
    "1",
];

pub(crate) async fn start() -> Running {
    start_with(&[]).await
}

/// Starts the service with further options, and waits until it answers.
pub(crate) async fn start_with(more: &[&str]) -> Running {
    start_on(Arc::new(ServiceDatabase::create(ORDERS).await), more).await
}

/// The same on a database that is there already.
pub(crate) async fn start_on(database: Arc<ServiceDatabase>, more: &[&str]) -> Running {
    let catalogue = Catalogue::open().await;
    catalogue.lists(HEART, 255, "GBP");
    serve(Arc::new(catalogue), database, more).await
}

async fn serve(catalogue: Arc<Catalogue>, database: Arc<ServiceDatabase>, more: &[&str]) -> Running {
    let url = catalogue.url();
    let options = [&LOCAL, &database.options()[..], &["--inventory-url", &url], more].concat();
    let service = bootstrap::start(settings(&options).unwrap()).await.unwrap();
    let (address, forwards) = (service.grpc_address().to_string(), service.forwards().unwrap());
    let service = bowline_test_support::Running::start(service);
    let client = OrdersServiceClient::new(service.channel());
    Running { client, catalogue, database, address, forwards, service }
}

impl Running {
    /// Starts one more process of the same service.
    pub(crate) async fn beside(&self, more: &[&str]) -> Self {
        serve(Arc::clone(&self.catalogue), Arc::clone(&self.database), more).await
    }

    /// Drains the service.
    pub(crate) async fn stop(self) {
        self.service.begin_to_stop();
        self.service.ended().await;
    }

    pub(crate) async fn place(&self, request: PlaceOrderRequest) -> Result<v1::Order, Status> {
        Ok(self.client.clone().place_order(request).await?.into_inner().order.unwrap())
    }

    pub(crate) async fn cancel(&self, request_id: &str, order_id: &str) -> Result<v1::Order, Status> {
        let request = v1::CancelOrderRequest { request_id: request_id.into(), order_id: order_id.into() };
        Ok(self.client.clone().cancel_order(request).await?.into_inner().order.unwrap())
    }

    pub(crate) async fn get(&self, order_id: &str) -> Result<v1::Order, Status> {
        let request = v1::GetOrderRequest { order_id: order_id.into() };
        Ok(self.client.clone().get_order(request).await?.into_inner().order.unwrap())
    }

    pub(crate) async fn history(
        &self,
        order_id: &str,
        page_size: i32,
        page_token: &str,
    ) -> Result<v1::GetOrderHistoryResponse, Status> {
        let (order_id, page_token) = (order_id.into(), page_token.into());
        let request = v1::GetOrderHistoryRequest { order_id, page_size, page_token };
        Ok(self.client.clone().get_order_history(request).await?.into_inner())
    }

    /// As the role that owns the tables.
    pub(crate) async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.database.urls().owner).await.unwrap()
    }

    /// How many orders there are.
    pub(crate) async fn orders(&self) -> i64 {
        sqlx::query_scalar("SELECT count(DISTINCT stream_id) FROM event_store.events")
            .fetch_one(&mut self.owner().await)
            .await
            .unwrap()
    }

    /// Takes the database away from the service, or gives it back.
    pub(crate) async fn database_is_there(&self, there: bool) {
        let name = &self.database.urls().database;
        let login = if there { "LOGIN" } else { "NOLOGIN" };
        let statement = format!(
            "ALTER ROLE {name} {login};
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{name}'"
        );
        let mut admin = PgConnection::connect(&stack().await.postgres_url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
    }
}

/// A good request for some units of a SKU, under a request id of its own.
pub(crate) fn request(sku: &str, quantity: u32) -> PlaceOrderRequest {
    PlaceOrderRequest {
        request_id: new_request().to_string(),
        customer_id: "13085".into(),
        lines: vec![PlaceOrderLine { sku: sku.into(), quantity }],
        payment_token: "tok_secret".into(),
        country: "United Kingdom".into(),
    }
}

/// The fields that a call was refused for, after a look at the code.
#[track_caller]
pub(crate) fn fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status}");
    let details = status.get_details_bad_request().expect("an invalid argument names fields");
    details.field_violations.into_iter().map(|violation| violation.field).collect()
}

/// The reason that a call failed for.
#[track_caller]
pub(crate) fn reason(status: &Status) -> String {
    status.get_details_error_info().expect("every failure has a reason").reason
}
