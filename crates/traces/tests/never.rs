//! A process that samples nothing, whatever its callers say.

mod settings;

use bowline_traces::{Traces, begin_call};

use crate::settings::parse;

#[tokio::test]
async fn what_a_caller_has_decided_is_taken_back_for_all_that_follows() {
    let flags = ["--otel-exporter-otlp-endpoint=http://127.0.0.1:1", "--otel-traces-sampler=always_off"];
    let _traces =
        Traces::start("orders", "orders-7", &parse(&flags).expect("sound")).expect("it can be made");
    let sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (span, passed_on) = begin_call(Some(sampled), || "call".to_owned());
    assert!(span.is_none());
    assert_eq!(passed_on, Some(sampled.replace("-01", "-00")));
    assert_eq!(begin_call(None, || "call".to_owned()).1, None);
}
