//! What is planted, and the traffic that carries it: orders of every end, requests that are refused, messages that
//! nobody can apply.

use bowline_contracts::common::v1::Money;
use bowline_contracts::events::Published;
use bowline_contracts::inventory::v1::StockReserved;
use bowline_contracts::orders::v1::{
    CancelOrderRequest, GetOrderHistoryRequest, GetOrderRequest, OrderConfirmed, OrderPlaced, PlaceOrderLine,
    PlaceOrderRequest,
};
use bowline_contracts::payment::v1::GetPaymentRequest;
use bowline_contracts::payment::v1::payment_service_client::PaymentServiceClient;
use bowline_contracts::projection::v1::ListOrdersRequest;
use bowline_contracts::projection::v1::query_service_client::QueryServiceClient;
use bowline_kernel::{IdSource as _, SystemIds};
use bowline_load::plan::Plan;
use bowline_test_support::eventually;
use tonic::{Code, Request, Status};
use url::Url;

use super::search::{Planted, Source};
use crate::bench::{Bench, PATIENCE, plan, small_order};
use crate::dead_letters::{Said, say};

/// Enough orders that each of the two payments has some.
const ORDERS: usize = 12;
const TRIED: &str = "SELECT count(*) FROM payment.operations WHERE failed_calls > 0";
const PARKED: &str = "SELECT count(*) FROM messaging.parked_keys";

/// What is planted.
pub(super) struct Plants {
    token: Planted,
    customer: Planted,
    /// In fields that must be something else, and whose text is nobody's secret.
    refused: Planted,
    /// The same of customers and payment tokens that cannot be.
    refused_secret: Planted,
    /// In the header of a call that would hold a caller's credential.
    credential: Planted,
    /// In the header of a call that would hold its trace.
    trace: Planted,
    /// In a field of a message that must be something else.
    misplaced: Planted,
    pub(super) kafka_password: Planted,
    pub(super) address_password: Planted,
}

impl Plants {
    pub(super) fn new() -> Self {
        Self {
            token: Planted::new("payment token"),
            customer: Planted::new("customer"),
            refused: Planted::new("refused text"),
            refused_secret: Planted::new("refused secret"),
            credential: Planted::new("credential of a call"),
            trace: Planted::new("text in place of a trace"),
            misplaced: Planted::new("text in a wrong field"),
            kafka_password: Planted::new("password of Kafka"),
            address_password: Planted::new("password in an address"),
        }
    }

    /// All of it, and the passwords that the stack has made itself.
    pub(super) fn all(self, bench: &Bench) -> Vec<Planted> {
        let services = bench.stack.databases().all().values();
        let urls = services.flat_map(|urls| [&urls.runtime, &urls.owner, &urls.auditor]);
        let urls = urls.map(|url| Url::parse(url).expect("it is in use"));
        let password = |url: Url| Planted::known("password of a database", url.password()?.to_owned()).into();
        let mut all: Vec<Planted> = urls.filter_map(password).collect();
        let superuser = bench.stack.postgres().admin_url().password().expect("the superuser has a password");
        all.push(Planted::known("password of the superuser", superuser.to_owned()));
        let Self { token, customer, refused, refused_secret, credential, trace, misplaced, .. } = self;
        let Self { kafka_password, address_password, .. } = self;
        all.extend([
            token,
            customer,
            refused,
            refused_secret,
            credential,
            trace,
            misplaced,
            kafka_password,
            address_password,
        ]);
        all
    }
}

/// What has happened, and what was answered to requests that were refused.
pub(super) struct Traffic {
    pub(super) answers: Vec<Source>,
    /// An order that went well.
    pub(super) order_id: String,
    /// One that inventory cannot read.
    pub(super) parked_order_id: String,
    /// The trace of a call.
    pub(super) trace_id: String,
}

/// Somebody who calls the services.
struct Caller<'b> {
    bench: &'b Bench,
    plants: &'b Plants,
    plan: Plan,
}

impl Traffic {
    pub(super) async fn run(bench: &Bench, plants: &Plants) -> Self {
        let caller = Caller { bench, plants, plan: plan(50) };
        let (mut order_id, token) = (String::new(), plants.token.needle());
        for kind in ["tok_fine", "tok_decline_expired_card", "tok_capture_refused"] {
            for order in caller.place(&format!("{kind}_{token}")).await {
                caller.finished(&order).await;
                order_id = order;
            }
        }
        caller.cancel_without_a_provider().await;
        let answers = caller.be_refused().await;
        let parked_order_id = caller.poison().await;
        let trace_id = caller.leave_a_trace(&order_id).await;
        Self { answers, order_id, parked_order_id, trace_id }
    }
}

impl Caller<'_> {
    fn order(&self, token: &str) -> PlaceOrderRequest {
        let customer_id = format!("ada.{}@example.org", self.plants.customer.needle());
        PlaceOrderRequest { customer_id, ..small_order(&self.plan, token) }
    }

    /// With what a caller may have in the headers of its call.
    fn call<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let credential = format!("Bearer {}", self.plants.credential.needle());
        let headers = request.metadata_mut();
        headers.insert("authorization", credential.parse().expect("it is ASCII"));
        let trace = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", self.plants.trace.needle());
        headers.insert("traceparent", trace.parse().expect("it is ASCII"));
        request
    }

    async fn place(&self, token: &str) -> Vec<String> {
        let mut placed = Vec::new();
        for _ in 0..ORDERS {
            let answer = self.bench.orders().place_order(self.call(self.order(token))).await;
            placed
                .push(answer.expect("the order is sound").into_inner().order.expect("it is there").order_id);
        }
        placed
    }

    async fn finished(&self, order_id: &str) {
        eventually("the order is finished", PATIENCE, async || {
            let request = GetOrderRequest { order_id: order_id.to_owned() };
            let order = self.bench.orders().get_order(request).await.ok()?.into_inner().order?;
            order.finished.then_some(())
        })
        .await;
    }

    /// Orders whose money cannot be asked for, because nobody listens, and which their customer gives up.
    async fn cancel_without_a_provider(&self) {
        let supervisor = self.bench.stack.supervisor();
        supervisor.stop("payment-simulator").await.expect("it stops");
        let placed = self.place(&format!("tok_fine_{}", self.plants.token.needle())).await;
        eventually("the provider was called in vain", PATIENCE, async || {
            (self.bench.count("payment", TRIED).await > 0).then_some(())
        })
        .await;
        for order_id in &placed {
            let request_id = SystemIds.next_id().to_string();
            let cancelled = CancelOrderRequest { request_id, order_id: order_id.clone() };
            self.bench.orders().cancel_order(self.call(cancelled)).await.expect("it can be cancelled");
        }
        supervisor.start_again("payment-simulator").await.expect("it starts");
        for order_id in &placed {
            self.finished(order_id).await;
        }
    }

    /// Requests with something in every field that cannot stand there.
    async fn be_refused(&self) -> Vec<Source> {
        // Too long, and with a control character in it.
        let too_much = |planted: &Planted| format!("{}\u{7}", planted.needle().repeat(10));
        let (wrong, secret) = (|| too_much(&self.plants.refused), || too_much(&self.plants.refused_secret));
        let bench = self.bench;
        let (orders, payment) = (bench.orders(), PaymentServiceClient::new(bench.channel("payment")));
        let queries = QueryServiceClient::new(bench.channel("projection"));
        let order = PlaceOrderRequest {
            request_id: wrong(),
            customer_id: secret(),
            lines: vec![PlaceOrderLine { sku: wrong(), quantity: 0 }],
            payment_token: secret(),
            country: wrong(),
        };
        let unknown = PlaceOrderLine { sku: self.plants.refused.needle().to_owned(), quantity: 1 };
        let unpriced = PlaceOrderRequest { lines: vec![unknown], ..self.order("tok_fine") };
        let cancel = CancelOrderRequest { request_id: wrong(), order_id: wrong() };
        let get = || GetOrderRequest { order_id: wrong() };
        let history = GetOrderHistoryRequest { order_id: wrong(), page_size: 0, page_token: wrong() };
        let list =
            ListOrdersRequest { customer_id: secret(), page_token: wrong(), ..ListOrdersRequest::default() };
        let found = bowline_contracts::projection::v1::GetOrderRequest { order_id: wrong() };
        let paid = GetPaymentRequest { order_id: wrong() };
        let mut answers = vec![
            answer("PlaceOrder", orders.clone().place_order(self.call(order)).await),
            answer("PlaceOrder", orders.clone().place_order(self.call(unpriced)).await),
            answer("CancelOrder", orders.clone().cancel_order(self.call(cancel)).await),
            answer("GetOrder", orders.clone().get_order(self.call(get())).await),
            answer("GetOrderHistory", orders.clone().get_order_history(self.call(history)).await),
            answer("ListOrders", queries.clone().list_orders(self.call(list)).await),
            answer("GetOrder", queries.clone().get_order(self.call(found)).await),
            answer("GetPayment", payment.clone().get_payment(self.call(paid)).await),
        ];
        // A request id that belongs to another request.
        let first = self.order("tok_fine");
        let placed = orders.clone().place_order(self.call(first.clone())).await.expect("the order is sound");
        let second = PlaceOrderRequest { payment_token: self.plants.token.needle().to_owned(), ..first };
        answers.push(answer("PlaceOrder", orders.clone().place_order(self.call(second)).await));
        self.finished(&placed.into_inner().order.expect("it is there").order_id).await;
        answers
    }

    /// Messages that cannot be applied, with what must not be told in them: without a total, with a token that is
    /// none, and about an order that is none. Projection minds that the second one tells no time, too.
    async fn poison(&self) -> String {
        let token = format!("tok_fine_{}", self.plants.token.needle());
        let ids: [String; 3] = std::array::from_fn(|_| SystemIds.next_id().to_string());
        let [without_total, with_wrong_token, about_another] = &ids;
        let customer_id = format!("ada.{}@example.org", self.plants.customer.needle());
        let order_id = without_total.clone();
        let placed =
            OrderPlaced { order_id, customer_id, payment_token: token.clone(), ..Default::default() };
        self.publish(without_total, &placed).await;
        let total = Some(Money { currency_code: "GBP".to_owned(), amount_minor: 100 });
        let (order_id, payment_token) = (with_wrong_token.clone(), format!("{token}\u{7}"));
        let reserved = StockReserved { order_id, total, payment_token, ..Default::default() };
        self.publish(with_wrong_token, &reserved).await;
        let order_id = self.plants.misplaced.needle().to_owned();
        self.publish(about_another, &OrderConfirmed { order_id, ..Default::default() }).await;
        for (service, count) in [("inventory", 2), ("payment", 2), ("projection", 3)] {
            eventually("it has parked what it cannot apply", PATIENCE, async || {
                (self.bench.count(service, PARKED).await == count).then_some(())
            })
            .await;
        }
        without_total.clone()
    }

    async fn publish<M: Published>(&self, order_id: &str, message: &M) {
        let payload = &message.encode_to_vec();
        say(self.bench, Said { topic: M::topic(), message_type: M::TYPE, order_id, payload }).await;
    }

    /// A call that is to be found again in the log.
    async fn leave_a_trace(&self, order_id: &str) -> String {
        let trace_id = SystemIds.next_id().simple().to_string();
        let mut request = Request::new(GetOrderRequest { order_id: order_id.to_owned() });
        let header = format!("00-{trace_id}-00f067aa0ba902b7-01").parse().expect("it is ASCII");
        request.metadata_mut().insert("traceparent", header);
        self.bench.orders().get_order(request).await.expect("it is known");
        trace_id
    }
}

/// Everything that a caller is told about a request that is refused.
fn answer<T: std::fmt::Debug>(method: &str, answered: Result<T, Status>) -> Source {
    let status = answered.expect_err("the request is wrong");
    assert_ne!(status.code(), Code::Internal, "{method}: {status}");
    Source::new(format!("answer to {method}"), format!("{status:?}"))
}
