//! The same request again, at the same time and later.

use bowline_contracts::orders::v1::{OrderStatus, PlaceOrderRequest};
use bowline_orders::app::reply::Reply;
use tokio::task::JoinSet;
use tonic::Code;

use crate::reactions::payment_authorized;
use crate::running::{HEART, reason, request, start};
use crate::stage::{Stage, cancel, new_order, new_request, place, place_as, refusal, types};

#[tokio::test]
async fn a_repetition_names_the_order_and_the_version_that_it_led_to() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let (request, order) = (new_request(), new_order());
    replica.ask(vec![place(request, order)]).await;
    replica.hear(vec![payment_authorized(order)]).await;
    // The service mints an id for every try; the stored answer wins.
    let mut again = replica.ask(vec![place(request, new_order())]).await;
    let Reply::DoneBefore(done) = again.replies.remove(0) else { panic!("not answered from the store") };
    assert_eq!((done.order_id, done.version), (order, 1));
    assert!(again.sent.is_empty());
}

#[tokio::test]
async fn repetitions_in_one_batch_get_the_answer_of_the_first() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let (request, order) = (new_request(), new_order());
    let other = place_as("another", request, new_order());
    let executed = replica.ask(vec![place(request, order), place(request, new_order()), other]).await;
    let [Reply::Done(first), Reply::Done(second), Reply::KeyReused] = &executed.replies[..] else {
        panic!("{:?}", executed.replies)
    };
    assert_eq!(first, second);
    assert_eq!(first.order_id, order.to_string());
    assert_eq!(types(&executed.sent), ["OrderPlaced"]);
}

#[tokio::test]
async fn a_refused_cancellation_is_refused_again_with_the_same_words() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    replica.hear(vec![payment_authorized(order)]).await;
    let request = new_request();
    let first = refusal(replica.ask(vec![cancel(request, order)]).await.replies.remove(0));
    assert_eq!(first.reason, "ORDER_ALREADY_CONFIRMED");
    // A replica that knows nothing but what is stored.
    let mut other = stage.replica().await;
    let again = refusal(other.ask(vec![cancel(request, order)]).await.replies.remove(0));
    assert_eq!(again, first);
}

#[tokio::test]
async fn the_cancellation_of_an_unknown_order_is_not_remembered() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let (request, order) = (new_request(), new_order());
    let twice = replica.ask(vec![cancel(request, order), cancel(request, order)]).await;
    assert!(matches!(twice.replies[..], [Reply::NotFound, Reply::NotFound]), "{:?}", twice.replies);
    assert_eq!(stage.counts().await, (0, 0, 0));
    // The order comes, and the same request takes effect.
    replica.ask(vec![place(new_request(), order)]).await;
    let executed = replica.ask(vec![cancel(request, order)]).await;
    assert!(matches!(executed.replies[..], [Reply::Done(_)]), "{:?}", executed.replies);
}

#[tokio::test]
async fn a_rejected_request_does_not_spoil_its_neighbours() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let (known, confirmed) = (replica.placed().await, replica.placed().await);
    replica.hear(vec![payment_authorized(confirmed)]).await;
    let commands = vec![
        cancel(new_request(), new_order()),
        cancel(new_request(), confirmed),
        cancel(new_request(), known),
        place(new_request(), new_order()),
    ];
    let executed = replica.ask(commands).await;
    let [Reply::NotFound, Reply::Refused(_), Reply::Done(_), Reply::Done(_)] = &executed.replies[..] else {
        panic!("{:?}", executed.replies)
    };
    assert_eq!(types(&executed.sent), ["OrderCancelled", "ReleaseStock", "VoidPayment", "OrderPlaced"]);
}

#[tokio::test]
async fn a_repeated_call_is_answered_with_the_order_as_it_was() {
    let running = start().await;
    let place = request(HEART, 3);
    let placed = running.place(place.clone()).await.unwrap();
    let request_id = new_request().to_string();
    let cancelled = running.cancel(&request_id, &placed.order_id).await.unwrap();
    assert_eq!(running.place(place).await.unwrap(), placed);
    assert_eq!(running.cancel(&request_id, &placed.order_id).await.unwrap(), cancelled);
    assert_eq!(running.get(&placed.order_id).await.unwrap().status(), OrderStatus::Cancelled);
    running.stop().await;
}

#[tokio::test]
async fn a_request_id_belongs_to_one_request() {
    let running = start().await;
    let first = request(HEART, 3);
    let order = running.place(first.clone()).await.unwrap();
    let others = [
        PlaceOrderRequest { customer_id: "other".into(), ..first.clone() },
        PlaceOrderRequest { payment_token: "other".into(), ..first.clone() },
        PlaceOrderRequest { lines: request(HEART, 4).lines, ..first.clone() },
        PlaceOrderRequest { lines: request("unknown", 3).lines, ..first.clone() },
    ];
    for other in others {
        let refused = running.place(other).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "REQUEST_ID_REUSED"));
    }
    let refused = running.cancel(&first.request_id, &order.order_id).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    assert_eq!(running.orders().await, 1);
    running.stop().await;
}

#[tokio::test]
async fn fifty_callers_with_one_request_id_get_one_order() {
    let running = start().await;
    let place = request(HEART, 3);
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let (mut client, place) = (running.client.clone(), place.clone());
        callers.spawn(async move { client.place_order(place).await.unwrap().into_inner().order.unwrap() });
    }
    let mut orders = callers.join_all().await;
    orders.dedup();
    assert_eq!(orders.len(), 1, "{orders:?}");
    assert_eq!(running.orders().await, 1);
    running.stop().await;
}

#[tokio::test]
async fn a_repetition_succeeds_while_the_catalogue_is_down_and_after_it_changed_its_mind() {
    // Prices are forgotten at once, so every call would have to ask.
    let running = crate::running::start_with(&["--catalogue-cached-max", "0"]).await;
    let place = request(HEART, 3);
    let placed = running.place(place.clone()).await.unwrap();
    running.catalogue.fails_with(Some(Code::Unavailable));
    assert_eq!(running.place(place.clone()).await.unwrap(), placed);
    let refused = running.place(request(HEART, 3)).await.unwrap_err();
    assert_eq!(reason(&refused), "CATALOGUE_UNAVAILABLE");
    running.catalogue.fails_with(None);
    running.catalogue.lists(HEART, 999, "GBP");
    assert_eq!(running.place(place).await.unwrap(), placed);
    running.stop().await;
}
