use bowline_service::Service;
use serde_json::json;

use crate::running::{probe, settings, start};

/// All packages have the same.
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[tokio::test]
async fn probes_answer_before_the_service_serves() {
    let service = Service::start("test", settings(&[])).await.expect("free ports");
    let _check = service.readiness().register("kafka");
    let expected = json!({
        "version": VERSION,
        "status": "starting",
        "checks": [{"name": "kafka", "ready": false, "reason": "starting"}],
    });
    assert_eq!(probe(service.http_address(), "/livez").await, (200, expected.clone()));
    assert_eq!(probe(service.http_address(), "/startupz").await, (503, expected.clone()));
    assert_eq!(probe(service.http_address(), "/readyz").await, (503, expected));
}

#[tokio::test]
async fn readyz_follows_the_checks_and_names_what_is_wrong() {
    let service = start(&[]).await;
    let good =
        json!({"version": VERSION, "status": "ready", "checks": [{"name": "database", "ready": true}]});
    assert_eq!(service.probe("/readyz").await, (200, good));
    service.check.set_not_ready("no database answers");
    let bad = json!({
        "version": VERSION,
        "status": "not ready",
        "checks": [{"name": "database", "ready": false, "reason": "no database answers"}],
    });
    assert_eq!(service.probe("/readyz").await, (503, bad.clone()));
    assert_eq!(service.probe("/livez").await, (200, bad.clone()));
    assert_eq!(service.probe("/startupz").await, (200, bad));
}
