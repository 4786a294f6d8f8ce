//! The client of the provider, against the real thing.

use std::time::Duration;

use bowline_kernel::{Currency, Money, OrderId};
use bowline_payment::app::intent::{Intent, Origin};
use bowline_payment::app::record_outcome::Outcome;
use bowline_payment::infra::provider::{Provider, ProviderSettings, Remedy};
use bowline_payment_domain::{FailedCalls, Operation};
use bowline_payment_simulator::{Options, Rate, Simulator, Switches};
use chrono::DateTime;
use tempfile::TempDir;

use crate::neighbours::new_order;

async fn simulator(switches: Switches) -> (Simulator, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { switches, sync: false, ..Options::new(folder.path()) };
    (Simulator::start(options).await.unwrap(), folder)
}

fn provider(url: &str) -> Provider {
    let settings =
        ProviderSettings { url: url.parse().unwrap(), timeout: Duration::from_millis(300), concurrency: 4 };
    Provider::new(&settings).unwrap()
}

fn intent(order_id: OrderId, operation: Operation) -> Intent {
    let (causation, traceparent, requested_at) = (None, None, DateTime::UNIX_EPOCH);
    Intent {
        order_id,
        partition: 0,
        operation,
        causation,
        traceparent,
        requested_at,
        origin: Origin::Committed,
        failed_calls: FailedCalls::default(),
    }
}

fn authorize(order: OrderId, minor: i64) -> Intent {
    let amount = Money::new(minor, Currency::GBP);
    intent(order, Operation::Authorize { amount, payment_token: "tok_visa".parse().unwrap() })
}

fn always() -> Rate {
    1.0.try_into().unwrap()
}

#[tokio::test]
async fn what_was_sent_is_found_under_its_key() {
    let (simulator, _folder) = simulator(Switches::default()).await;
    let provider = provider(&simulator.url());
    let order = new_order();
    assert_eq!(provider.ask(&authorize(order, 5)).await.unwrap(), None);
    let sent = provider.send(&authorize(order, 5)).await.unwrap();
    assert_eq!(provider.ask(&authorize(order, 5)).await.unwrap(), Some(sent.clone()));
    assert_eq!(provider.send(&authorize(order, 5)).await.unwrap(), sent);

    let Outcome::Authorized { provider_reference } = sent else { panic!("{sent:?}") };
    let amount = Money::new(5, Currency::GBP);
    let void = || intent(order, Operation::Void { amount, provider_reference: provider_reference.clone() });
    assert_eq!(provider.send(&void()).await.unwrap(), Outcome::Voided);
    // Somebody at the provider's has let go already: that is what was wanted.
    let amount = Money::new(5, Currency::GBP);
    let capture =
        intent(order, Operation::Capture { amount, provider_reference: provider_reference.clone() });
    let refused = provider.send(&capture).await.unwrap();
    assert_eq!(refused, Outcome::CaptureRefused { reason: "authorization_gone".parse().unwrap() });
}

#[tokio::test]
async fn what_the_provider_does_not_accept_needs_a_person() {
    let (simulator, _folder) = simulator(Switches::default()).await;
    let here = provider(&simulator.url());
    let order = new_order();
    here.send(&authorize(order, 5)).await.unwrap();
    let amount = Money::new(5, Currency::GBP);
    let unknown = Operation::Capture { amount, provider_reference: "ch_0000009999".parse().unwrap() };
    let elsewhere = provider(&format!("{}/nowhere", simulator.url()));
    let troubles = [
        // Another amount under the same key.
        here.send(&authorize(order, 6)).await.unwrap_err(),
        here.ask(&authorize(order, 6)).await.unwrap_err(),
        here.send(&intent(order, unknown)).await.unwrap_err(),
        here.send(&authorize(new_order(), -1)).await.unwrap_err(),
        elsewhere.send(&authorize(new_order(), 5)).await.unwrap_err(),
        elsewhere.ask(&authorize(new_order(), 5)).await.unwrap_err(),
    ];
    for trouble in troubles {
        assert_eq!((trouble.remedy(), trouble.counts()), (Remedy::Alert, false), "{trouble}");
        assert!(!format!("{trouble:?}").contains("tok_visa"), "{trouble:?}");
    }
}

#[tokio::test]
async fn a_failure_tells_whether_there_may_be_an_effect() {
    let hold = Duration::from_hours(1);
    for (switches, remedy) in [
        (Switches { down: true, ..Switches::default() }, Remedy::Again),
        (Switches { error_rate: always(), ..Switches::default() }, Remedy::Ask),
        (Switches { timeout_rate: always(), timeout_hold: hold, ..Switches::default() }, Remedy::Ask),
    ] {
        let (simulator, _folder) = simulator(switches).await;
        let trouble = provider(&simulator.url()).send(&authorize(new_order(), 5)).await.unwrap_err();
        assert_eq!((trouble.remedy(), trouble.counts()), (remedy, true), "{trouble}");
    }
    let trouble = provider("http://127.0.0.1:1").send(&authorize(new_order(), 5)).await.unwrap_err();
    assert_eq!((trouble.remedy(), trouble.counts()), (Remedy::Again, true), "{trouble}");
}
