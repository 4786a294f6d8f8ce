//! Inventory's catalogue, played: it speaks the real protocol and does as the test says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bowline_contracts::common::v1::Money;
use bowline_contracts::inventory::v1;
use bowline_contracts::inventory::v1::catalog_service_server::{CatalogService, CatalogServiceServer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status};

/// A catalogue that answers, with what it was asked.
pub(crate) struct Catalogue {
    book: Arc<Mutex<Book>>,
    address: SocketAddr,
    /// Aborted with this value.
    _server: JoinSet<Result<(), tonic::transport::Error>>,
}

#[derive(Default)]
struct Book {
    products: BTreeMap<String, v1::Product>,
    questions: Vec<Vec<String>>,
    failing: Option<Code>,
}

#[derive(Clone)]
struct Answering(Arc<Mutex<Book>>);

impl Catalogue {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Mutex::new(Book::default()));
        let service = CatalogServiceServer::new(Answering(Arc::clone(&book)));
        let mut server = JoinSet::new();
        server.spawn(
            Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)),
        );
        Self { book, address, _server: server }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on a product costs so much.
    pub(crate) fn lists(&self, sku: &str, minor: i64, currency: &str) {
        let price = Money { currency_code: currency.into(), amount_minor: minor };
        let (sku, name) = (sku.to_owned(), format!("THE {sku}"));
        let product = v1::Product { sku: sku.clone(), name, price: Some(price), ..Default::default() };
        self.book.lock().unwrap().products.insert(sku, product);
    }

    /// From now on every question is answered with this code, or properly again.
    pub(crate) fn fails_with(&self, code: Option<Code>) {
        self.book.lock().unwrap().failing = code;
    }

    /// The SKUs of every question so far, sorted.
    pub(crate) fn questions(&self) -> Vec<Vec<String>> {
        self.book.lock().unwrap().questions.clone()
    }
}

#[tonic::async_trait]
impl CatalogService for Answering {
    async fn batch_get_products(
        &self,
        request: Request<v1::BatchGetProductsRequest>,
    ) -> Result<Response<v1::BatchGetProductsResponse>, Status> {
        let mut skus = request.into_inner().skus;
        skus.sort_unstable();
        let mut book = self.0.lock().unwrap();
        book.questions.push(skus.clone());
        if let Some(code) = book.failing {
            return Err(Status::new(code, "as the test says"));
        }
        let mut response = v1::BatchGetProductsResponse::default();
        for sku in skus {
            match book.products.get(&sku) {
                Some(product) => response.products.push(product.clone()),
                None => response.unknown_skus.push(sku),
            }
        }
        Ok(Response::new(response))
    }

    async fn upsert_products(
        &self,
        _: Request<v1::UpsertProductsRequest>,
    ) -> Result<Response<v1::UpsertProductsResponse>, Status> {
        Err(Status::unimplemented("orders does not ask for this"))
    }

    async fn get_product(
        &self,
        _: Request<v1::GetProductRequest>,
    ) -> Result<Response<v1::GetProductResponse>, Status> {
        Err(Status::unimplemented("orders does not ask for this"))
    }

    async fn list_products(
        &self,
        _: Request<v1::ListProductsRequest>,
    ) -> Result<Response<v1::ListProductsResponse>, Status> {
        Err(Status::unimplemented("orders does not ask for this"))
    }
}
