//! A payment provider that misbehaves.

use bowline_load::generator::{CancelReason, Progress};

use crate::bench::{Bench, in_flight, plan};

#[tokio::test(flavor = "multi_thread")]
async fn the_books_agree_whatever_the_provider_does() {
    let bench = Bench::start(&[
        "--timeout-rate=0.05",
        "--error-rate=0.05",
        "--error-after-rate=0.05",
        "--capture-refused-rate=0.03",
    ])
    .await;
    let plan = plan(800);
    bench.load(&plan).await;
    let outcome = bench.replay(&plan, in_flight(128), &Progress::default()).await;
    let proof = bench.settle(&plan, &outcome, 0).await;
    // Of hundreds of captures 3 in a hundred are refused for good, and hundreds of tokens include declined ones.
    assert!(outcome.cancelled(CancelReason::CaptureFailed) > 0);
    assert!(outcome.cancelled(CancelReason::PaymentDeclined) > 0);
    assert!(proof.totals.voided_minor > 0, "what could not be captured is voided");
    bench.stop().await;
}
