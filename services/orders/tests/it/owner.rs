//! A replica that owns every partition, played: it speaks the real protocol and does as the test says.

use std::sync::{Arc, Mutex};

use bowline_contracts::orders::v1::orders_service_server::{OrdersService, OrdersServiceServer};
use bowline_contracts::orders::v1::{self, CancelOrderRequest, CancelOrderResponse};
use bowline_contracts::topics::{ORDERS, PARTITIONS};
use bowline_orders::bootstrap;
use bowline_test_support::{ServiceDatabase, eventually};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqlx::{Connection as _, PgConnection};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::expiring::PATIENCE;
use crate::running::{Running, start_on};
use crate::stage::{new_order, new_request};

type Answer = Result<Response<CancelOrderResponse>, Status>;
type Behaviour = dyn Fn(Request<CancelOrderRequest>) -> BoxFuture<'static, Answer> + Send + Sync;

/// A busy machine lets no lease expire, and has nobody find out late what the leases say.
pub(crate) const LEASES: [&str; 4] = ["--lease-ttl", "1m", "--lease-renewal", "200ms"];
/// A busy machine keeps no owner from answering in time.
pub(crate) const PATIENT: [&str; 4] = ["--forward-timeout", "1m", "--request-timeout", "2m"];

/// A process that another one finds in the leases, with what it was asked.
pub(crate) struct Owner {
    pub(crate) address: String,
    playing: Playing,
    /// Aborted with this value.
    _server: JoinSet<Result<(), tonic::transport::Error>>,
}

#[derive(Clone)]
struct Playing {
    heard: Arc<Mutex<Vec<MetadataMap>>>,
    behaviour: Arc<Mutex<Arc<Behaviour>>>,
}

impl Owner {
    /// Cancels whatever it is asked to, until it is told otherwise.
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let cancels: Arc<Behaviour> = Arc::new(|request| async move { Ok(cancelled(&request)) }.boxed());
        let playing = Playing { heard: Arc::default(), behaviour: Arc::new(Mutex::new(cancels)) };
        let service = OrdersServiceServer::new(playing.clone());
        let mut server = JoinSet::new();
        server.spawn(
            Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)),
        );
        Self { address, playing, _server: server }
    }

    /// From now on every cancellation is answered so.
    pub(crate) fn does<F: Future<Output = Answer> + Send + 'static>(
        &self,
        behaviour: impl Fn(Request<CancelOrderRequest>) -> F + Send + Sync + 'static,
    ) {
        *self.playing.behaviour.lock().unwrap() = Arc::new(move |request| behaviour(request).boxed());
    }

    /// What came with each cancellation since it was last asked.
    pub(crate) fn heard(&self) -> Vec<MetadataMap> {
        std::mem::take(&mut self.playing.heard.lock().unwrap())
    }

    /// A replica that owns nothing, since this one owns everything, and that knows it.
    pub(crate) async fn with_another(&self, more: &[&str]) -> Running {
        let running = owned_by(&self.address, more).await;
        self.heard();
        running
    }
}

/// A replica that owns nothing, since somebody at `address` owns everything, and that has tried to call them.
pub(crate) async fn owned_by(address: &str, more: &[&str]) -> Running {
    let database = ServiceDatabase::create(ORDERS).await;
    bowline_database::migrate(&database.urls().owner, &bootstrap::migrators()).await.unwrap();
    let mut owner = PgConnection::connect(&database.urls().owner).await.unwrap();
    sqlx::query(
        "INSERT INTO messaging.leases (partition, holder, address, expires_at)
         SELECT partition, gen_random_uuid(), $1, 'infinity' FROM generate_series(0, $2 - 1) partition",
    )
    .bind(address)
    .bind(i32::from(PARTITIONS))
    .execute(&mut owner)
    .await
    .unwrap();
    let running = start_on(Arc::new(database), &[&LEASES, more].concat()).await;
    calls_the_owner(&running).await;
    running
}

/// Waits until the replica has called another one about an order that it does not own.
pub(crate) async fn calls_the_owner(running: &Running) {
    let before = *running.forwards.borrow();
    eventually("the owner is called", PATIENCE, async || {
        let _ = running.cancel(&new_request().to_string(), &new_order().to_string()).await;
        let now = *running.forwards.borrow();
        (now.answered + now.fallen_back > before.answered + before.fallen_back).then_some(())
    })
    .await;
}

/// What the owner says of an order that it has cancelled; no other replica says it.
fn cancelled(request: &Request<CancelOrderRequest>) -> Response<CancelOrderResponse> {
    let order_id = request.get_ref().order_id.clone();
    let order = v1::Order { order_id, customer_id: "of the owner".into(), ..Default::default() };
    Response::new(CancelOrderResponse { order: Some(order) })
}

#[tonic::async_trait]
impl OrdersService for Playing {
    async fn cancel_order(&self, request: Request<CancelOrderRequest>) -> Answer {
        self.heard.lock().unwrap().push(request.metadata().clone());
        let behaviour = Arc::clone(&self.behaviour.lock().unwrap());
        behaviour(request).await
    }

    async fn place_order(
        &self,
        _: Request<v1::PlaceOrderRequest>,
    ) -> Result<Response<v1::PlaceOrderResponse>, Status> {
        Err(Status::unimplemented("nobody forwards this"))
    }

    async fn get_order(
        &self,
        _: Request<v1::GetOrderRequest>,
    ) -> Result<Response<v1::GetOrderResponse>, Status> {
        Err(Status::unimplemented("nobody forwards this"))
    }

    async fn get_order_history(
        &self,
        _: Request<v1::GetOrderHistoryRequest>,
    ) -> Result<Response<v1::GetOrderHistoryResponse>, Status> {
        Err(Status::unimplemented("nobody forwards this"))
    }
}
