//! What somebody does on the first day: fill the catalogue, place, follow and cancel orders, and find out what happened.

use std::path::Path;

use bowline_test_support::eventually;
use serde_json::{Value, json};

use crate::bench::{Bench, PATIENCE, Ran};

/// Somebody with the command-line tool.
struct Newcomer<'b> {
    bench: &'b Bench,
}

impl Newcomer<'_> {
    fn runs(&self, arguments: &[&str]) -> Ran {
        self.bench.tool(arguments)
    }

    /// What a command that must succeed prints for programs: its documents, one a line where there are several.
    fn reads(&self, arguments: &[&str]) -> Vec<Value> {
        let outcome = self.runs(&[arguments, &["--output", "json"]].concat());
        assert_eq!(outcome.status, Some(0), "{arguments:?}: {}", outcome.said);
        let documents = serde_json::Deserializer::from_str(&outcome.printed).into_iter();
        documents.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}: {}", outcome.printed))
    }

    /// The only document.
    fn reads_one(&self, arguments: &[&str]) -> Value {
        let mut documents = self.reads(arguments);
        assert_eq!(documents.len(), 1, "{arguments:?}: {documents:?}");
        documents.remove(0)
    }

    /// What is said about a command that must fail.
    fn is_refused(&self, arguments: &[&str]) -> String {
        let outcome = self.runs(arguments);
        assert_eq!(outcome.status, Some(1), "{arguments:?}: {}{}", outcome.printed, outcome.said);
        outcome.said
    }

    /// The history of a finished order, once projection has heard all of it.
    async fn history(&self, order_id: &str) -> Value {
        eventually("projection has heard everything", PATIENCE, async || {
            let history = self.reads_one(&["order", "history", order_id]);
            let told = history["entries"].as_array().expect("a list").len();
            let reported = |name: &str| entry(&history, name).is_some();
            let is_whole = if reported("OrderConfirmed") {
                told == 7
            } else {
                reported("OrderFinished") && reported("StockReleased")
            };
            is_whole.then_some(history)
        })
        .await
    }

    async fn provider(&self, is_down: bool) {
        let access = self.bench.fleet.ground.access().expect("the simulator has an address");
        let address = access.provider.join("/v1/simulation").expect("a path");
        let answer = reqwest::Client::new().patch(address).json(&json!({ "down": is_down })).send().await;
        answer.and_then(reqwest::Response::error_for_status).expect("the simulator is switched");
    }
}

fn entry<'h>(history: &'h Value, name: &str) -> Option<&'h Value> {
    let entries = history["entries"].as_array().expect("a list");
    entries.iter().find(|entry| entry["type"].as_str().expect("a text").ends_with(&format!(".{name}")))
}

fn id(order: &Value) -> String {
    order["order"]["order_id"].as_str().expect("an order has an id").to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_fills_the_catalogue_and_places_follows_explains_and_cancels_orders() {
    let bench = Bench::start(&[]).await;
    let newcomer = Newcomer { bench: &bench };
    the_catalogue_is_filled_or_left_alone(&newcomer);
    let confirmed = an_order_is_placed_once_and_its_slowest_step_named(&newcomer).await;
    a_declined_payment_is_explained(&newcomer).await;
    an_order_is_cancelled_while_the_provider_is_down(&newcomer, &confirmed).await;
    orders_are_listed(&newcomer, &confirmed);
    what_cannot_be_done_is_told(&newcomer);
    bench.stop().await;
}

fn the_catalogue_is_filled_or_left_alone(newcomer: &Newcomer<'_>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (wrong, right) = (folder.path().join("wrong.csv"), folder.path().join("right.csv"));
    std::fs::write(&wrong, "sku,name,price,currency\nMUG,A mug,4.95,GBP\nCUP,A cup,4.955,GBP\n")
        .expect("written");
    std::fs::write(&right, "sku,name,price,currency,stock\nMUG,A mug,4.95,GBP,100\nCUP,A cup,3,GBP,\n")
        .expect("written");
    let said = newcomer.is_refused(&["catalog", "import", text(&wrong)]);
    assert!(said.contains("nothing was written") && said.contains("line 3: price must be"), "{said}");
    let empty = newcomer.runs(&["catalog", "show"]).printed;
    assert!(empty.starts_with("the catalogue is empty; `bowline catalog import FILE --data-dir "), "{empty}");

    let imported = newcomer.reads_one(&["catalog", "import", text(&right)]);
    let counts = |imported: &Value| {
        ["created_count", "updated_count", "stocked_count", "units_added"]
            .map(|count| imported[count].as_i64())
    };
    assert_eq!(counts(&imported), [Some(2), Some(0), Some(1), Some(100)]);
    let request_id = imported["request_id"].as_str().expect("a text");
    let again = newcomer.reads_one(&["catalog", "import", text(&right), "--request-id", request_id]);
    assert_eq!(again, imported);
    let shown = newcomer.reads_one(&["stock", "show", "MUG", "--movements"]);
    assert_eq!(
        (&shown["level"]["available"], shown["movements"].as_array().map(Vec::len)),
        (&"100".into(), Some(1))
    );
    let found = newcomer.reads_one(&["catalog", "show"]);
    assert_eq!(found["products"][1]["price"], json!({ "currency_code": "GBP", "amount_minor": "495" }));
}

async fn an_order_is_placed_once_and_its_slowest_step_named(newcomer: &Newcomer<'_>) -> String {
    let told = newcomer.reads(&["order", "place", "--customer", "17850", "MUG=6", "--watch"]);
    let (placed, last) = (&told[0], told.last().expect("there is a first"));
    assert_eq!(last["order"]["status"], "ORDER_STATUS_CONFIRMED");
    assert_eq!(last["order"]["finished"], true);
    let order_id = id(placed);
    let request_id = placed["request_id"].as_str().expect("a text");
    let again =
        newcomer.reads_one(&["order", "place", "--customer", "17850", "MUG=6", "--request-id", request_id]);
    assert_eq!(id(&again), order_id);

    let history = newcomer.history(&order_id).await;
    let slowest = history["entries"]
        .as_array()
        .expect("a list")
        .iter()
        .max_by_key(|entry| entry["took_micros"].as_i64().unwrap_or(0));
    assert_eq!(history["slowest_event_id"], slowest.expect("there are steps")["event_id"]);
    assert_eq!(entry(&history, "PaymentAuthorized").expect("it is told")["attempts"], 1);
    let shown = newcomer.runs(&["order", "history", &order_id]).printed;
    assert!(shown.contains("└ StockReserved") && shown.contains("\nslowest: "), "{shown}");
    order_id
}

async fn a_declined_payment_is_explained(newcomer: &Newcomer<'_>) {
    let token = "tok_decline_expired_card";
    let place = ["order", "place", "--customer", "12583", "MUG=2", "--payment-token", token, "--watch"];
    let told = newcomer.reads(&place);
    let last = &told.last().expect("there is a first")["order"];
    assert_eq!(last["cancel_reason"], "CANCEL_REASON_PAYMENT_DECLINED");
    let order_id = id(&told[0]);
    let history = newcomer.history(&order_id).await;
    assert_eq!(entry(&history, "PaymentDeclined").expect("it is told")["summary"], "declined: card expired");
    let released = entry(&history, "StockReleased").expect("it is told");
    assert_eq!(released["compensation"], true);
    let cancelled = entry(&history, "OrderCancelled").expect("it is told");
    assert_eq!(released["cause_event_id"], cancelled["event_id"]);
    let payment = newcomer.reads_one(&["payment", "show", &order_id]);
    assert_eq!(payment["payment"]["failure_reason"], "card_expired");
    let stock = newcomer.reads_one(&["stock", "show", "MUG"]);
    assert_eq!(stock["level"], json!({ "sku": "MUG", "available": "94", "reserved": "0", "sold": "6" }));
}

async fn an_order_is_cancelled_while_the_provider_is_down(newcomer: &Newcomer<'_>, confirmed: &str) {
    newcomer.provider(true).await;
    let placed = newcomer.reads_one(&["order", "place", "--customer", "17850", "MUG=1"]);
    let order_id = id(&placed);
    eventually("the provider was asked in vain", PATIENCE, async || {
        let shown = newcomer.runs(&["payment", "show", &order_id, "--output", "json"]);
        let payment: Value = serde_json::from_str(&shown.printed).ok()?;
        (payment["payment"]["attempts"].as_u64()? > 1).then_some(())
    })
    .await;
    let unfinished = newcomer.runs(&["order", "history", &order_id]).printed;
    assert!(unfinished.contains("not finished: it has waited for payment for "), "{unfinished}");
    assert!(!unfinished.contains("slowest"), "{unfinished}");
    let cancelled = newcomer.reads_one(&["order", "cancel", &order_id]);
    assert_eq!(cancelled["order"]["cancel_reason"], "CANCEL_REASON_CUSTOMER");
    newcomer.provider(false).await;
    let told = newcomer.reads(&["order", "watch", &order_id]);
    assert_eq!(told.last().expect("it is known")["order"]["finished"], true);
    let history = newcomer.history(&order_id).await;
    assert_eq!(entry(&history, "StockReleased").expect("it is told")["compensation"], true);
    let said = newcomer.is_refused(&["order", "cancel", confirmed]);
    assert!(said.contains(&format!("order {confirmed} cannot be cancelled: ")), "{said}");
}

fn orders_are_listed(newcomer: &Newcomer<'_>, confirmed: &str) {
    let orders = |filters: &[&str]| {
        let listed = newcomer.reads_one(&[&["order", "list"], filters].concat());
        let orders = listed["orders"].as_array().expect("a list").clone();
        orders.iter().map(|order| order["order_id"].as_str().expect("a text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(orders(&[]).len(), 3);
    assert_eq!(orders(&["--limit", "1"]).len(), 1);
    assert_eq!(orders(&["--status", "confirmed", "--since", "1h"]), [confirmed]);
    assert_eq!(orders(&["--customer", "12583"]).len(), 1);
    assert_eq!(orders(&["--until", "1h"]), [""; 0]);
    let nobody = newcomer.runs(&["order", "list", "--customer", "nobody"]).printed;
    assert!(nobody.contains("without filters"), "{nobody}");
}

fn what_cannot_be_done_is_told(newcomer: &Newcomer<'_>) {
    let unknown = "01980c1e-3f0a-7c55-9b1e-5a1f0c9d2e11";
    for command in ["get", "history", "cancel"] {
        let said = newcomer.is_refused(&["order", command, unknown]);
        assert!(said.contains(unknown) && said.contains("`bowline order list --data-dir "), "{said}");
    }
    let said = newcomer.is_refused(&["order", "place", "--customer", "17850", "MUG=1", "JUG=1"]);
    assert!(
        said.contains("the SKU JUG must be in the catalogue; `bowline catalog show --data-dir "),
        "{said}"
    );
    let said = newcomer.is_refused(&["stock", "adjust", "MUG=+5", "CUP=-1"]);
    assert!(said.contains("would leave fewer than none"), "{said}");
    let levels = newcomer.reads_one(&["stock", "adjust", "MUG=+5", "CUP=+1", "--reason", "found"]);
    assert_eq!(
        (&levels["levels"][0]["available"], &levels["levels"][1]["available"]),
        (&"99".into(), &"1".into())
    );
    let wrong = format!("projection={}", newcomer.bench.url("orders"));
    let said = newcomer.is_refused(&["order", "list", "--url", &wrong]);
    assert!(said.contains("is not projection") && said.contains("--url projection="), "{said}");
}
