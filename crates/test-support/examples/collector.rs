//! Takes traces and says how many spans have come, for measuring what they cost:
//! `cargo run --release -p bowline-test-support --example collector -- 127.0.0.1:4317`
#![expect(clippy::print_stdout, reason = "that is what it is for")]

use std::error::Error;
use std::time::Duration;

use bowline_test_support::Collector;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:4317".to_owned());
    let collector = Collector::start_at(address.parse()?).await?;
    println!("OTEL_EXPORTER_OTLP_ENDPOINT={}", collector.endpoint());
    let mut known = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let spans = collector.count();
        if spans != known {
            println!("{spans} spans");
            known = spans;
        }
    }
}
