//! Whole replays against services that lose answers.

use std::fmt::Write as _;
use std::io::Write as _;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use uuid::Uuid;

use super::super::*;
use super::fakes;
use crate::compare::compare;
use crate::plan::{OrderLimits, Plan};
use crate::retail;

const RUN: Uuid = Uuid::from_u128(0xb0);
const ONE_AT_A_TIME: Pace = Pace::Closed { concurrency: NonZeroUsize::MIN };

/// A plan of `count` orders of three units at one pound; invoice 3 asks for too many.
fn plan(count: usize) -> Plan {
    let mut csv = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n".to_owned();
    for invoice in 0..count {
        let quantity = if invoice == 3 { 200_000 } else { 2 };
        writeln!(csv, "{invoice},A,LAMP,{quantity},2010-12-01 08:26:00,1,,").unwrap();
        writeln!(csv, "{invoice},SKU {invoice},LAMP,1,2010-12-01 08:26:00,1,,").unwrap();
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(csv.as_bytes()).unwrap();
    retail::import(file.path(), None, OrderLimits::default()).unwrap()
}

fn connections(address: &str) -> Connections {
    Connections::new([address], ConnectionSettings::default()).unwrap()
}

fn options(pace: Pace, stall_after: Duration) -> ReplayOptions {
    ReplayOptions { run_id: RUN, pace, stall_after }
}

#[tokio::test]
async fn every_order_is_placed_once_although_answers_are_lost() {
    let plan = plan(300);
    let paces = [
        Pace::Closed { concurrency: NonZeroUsize::new(8).unwrap() },
        Pace::Closed { concurrency: NonZeroUsize::new(64).unwrap() },
        Pace::Open { per_second: NonZeroU32::new(50_000).unwrap() },
    ];
    for pace in paces {
        let (events, heard) = mpsc::unbounded_channel();
        let (address, seen, _server) = fakes::start(events).await;
        let progress = Progress::default();
        let options = options(pace, Duration::from_mins(1));
        let heard = UnboundedReceiverStream::new(heard);
        let outcome = replay(&plan, &connections(&address), heard, &options, &progress).await.unwrap();

        let (accepted, tries) = {
            let seen = seen.lock().unwrap();
            (seen.orders.len(), seen.tries)
        };
        assert_eq!((accepted, tries), (299, 598), "{pace:?}");
        assert_eq!((outcome.placed(), outcome.finished(), outcome.unfinished()), (299, 299, 0));
        assert_eq!(outcome.rejected()["lines.quantity"], 1);
        assert!(outcome.cancelled(CancelReason::PaymentDeclined) > 0);
        assert_eq!(outcome.placed_to_confirmed_us.len(), outcome.confirmed());
        assert_eq!((outcome.resent, progress.snapshot().done()), (299, 300));
        assert!(outcome.orders.iter().any(|order| order.cancel == CancelAnswer::TooLate));
        let comparison = compare(&plan, &outcome);
        assert_eq!(comparison.deviations, [""; 0]);
        assert_eq!((comparison.amounts.checked, comparison.rejections.checked), (299, 300));
    }
}

#[tokio::test]
async fn an_endless_replay_repeats_the_plan_until_it_is_enough() {
    let plan = plan(20);
    let (events, heard) = mpsc::unbounded_channel();
    let (address, seen, _server) = fakes::start(events).await;
    let progress = Progress::default();
    let pace = Pace::Closed { concurrency: NonZeroUsize::new(8).unwrap() };
    let options = options(pace, Duration::from_mins(1));
    let heard = UnboundedReceiverStream::new(heard);
    let enough = async {
        while progress.snapshot().done() < 70 {
            tokio::task::yield_now().await;
        }
    };
    let connections = connections(&address);
    let outcome = replay_until(&plan, &connections, heard, &options, &progress, enough).await.unwrap();
    let placed = outcome.placed();
    assert!(outcome.orders.len() >= 70, "the plan has only 20");
    assert_eq!((outcome.unfinished(), outcome.finished()), (0, placed));
    assert_eq!(seen.lock().unwrap().orders.len() as u64, placed, "every repetition is an order of its own");
    let comparison = compare(&plan, &outcome);
    assert_eq!(comparison.deviations, [""; 0]);
    assert_eq!(comparison.amounts.checked, placed);
}

#[tokio::test]
async fn a_replay_that_does_not_move_names_the_stuck_orders() {
    let plan = plan(100);
    let (events, _heard) = mpsc::unbounded_channel();
    let (address, _seen, _server) = fakes::start(events).await;
    let progress = Progress::default();
    let pace = Pace::Closed { concurrency: NonZeroUsize::new(30).unwrap() };
    let options = options(pace, Duration::from_millis(400));
    let silence = futures::stream::pending();
    let error = replay(&plan, &connections(&address), silence, &options, &progress).await.unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("no progress for 400ms; 30 orders are stuck: "), "{message}");
    let ReplayError::Stalled(stalled) = error else { panic!("{message}") };
    assert_eq!((stalled.count, stalled.orders.len()), (30, 20));
    assert_eq!(stalled.orders[0].invoice, "0");
    assert!(stalled.orders[0].order_id.is_some());
    assert_eq!((stalled.outcome.placed(), stalled.outcome.unfinished()), (30, 99));
}

#[tokio::test]
async fn nobody_there_ends_with_the_last_trouble() {
    let plan = plan(2);
    let options = options(ONE_AT_A_TIME, Duration::from_millis(100));
    // Port 1 is reserved and refuses connections.
    let nobody = connections("http://127.0.0.1:1");
    let progress = Progress::default();
    let error = replay(&plan, &nobody, futures::stream::pending(), &options, &progress).await.unwrap_err();
    let message = error.to_string();
    assert!(message.contains("invoice 0 (its calls have no certain answer)"), "{message}");
    assert!(message.contains("PlaceOrder: Unavailable"), "{message}");
    let error = load_catalogue(&plan, &nobody, RUN, Duration::from_millis(100), &progress).await.unwrap_err();
    assert!(error.to_string().starts_with("UpsertProducts had no answer for 100ms; "), "{error}");
}

#[tokio::test]
async fn catalogue_and_stock_are_entered_once_in_chunks() {
    let plan = plan(1_500);
    let (events, _heard) = mpsc::unbounded_channel();
    let (address, seen, _server) = fakes::start(events).await;
    let progress = Progress::default();
    for _ in 0..2 {
        load_catalogue(&plan, &connections(&address), RUN, Duration::from_mins(1), &progress).await.unwrap();
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen.products, [1_000, 501]);
    assert_eq!(seen.units, plan.stock.iter().map(|stock| stock.units).sum::<i64>());
}

#[test]
fn request_ids_are_the_same_for_the_same_call_and_no_other() {
    let place = request_id(RUN, "place", "536365");
    assert_eq!(place, request_id(RUN, "place", "536365"));
    for other in [request_id(RUN, "cancel", "536365"), request_id(RUN, "place", "536365-r2")] {
        assert_ne!(place, other);
    }
    assert_ne!(place, request_id(Uuid::from_u128(1), "place", "536365"));
}
