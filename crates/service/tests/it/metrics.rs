use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use bowline_messaging::{Failovers, Healed, HeldUp, Owned, Rotated, Troubles};
use bowline_resilience::{Breaker, BreakerSettings, Valve, ValveSettings};
use bowline_service::{LaneMetrics, Service};
use tokio::sync::watch;

use crate::running::{get, settings};

/// Calls a dependency that fails often enough for its breaker to open.
async fn opened(breaker: Breaker) -> Valve {
    let valve = Valve::new(breaker, 4, ValveSettings::default());
    for _ in 0..2 {
        let _ = valve.pass().await.call_if(|()| true, || async { Err::<(), _>(()) }).await;
    }
    valve
}

/// A breaker that opens at the second failure and stays open.
fn breaker(dependency: &'static str) -> Breaker {
    let settings =
        BreakerSettings { calls_min: 2, open_time: Duration::from_hours(1), ..BreakerSettings::default() };
    Breaker::new(dependency, settings)
}

/// Lanes of which everything is to be said that there is.
fn lanes() -> LaneMetrics {
    let stopped = vec!["orders.events.v1/3 of orders".to_owned()];
    let gaps = vec!["a".to_owned(), "b".to_owned()];
    LaneMetrics {
        owned: watch::channel(Owned::from([(0, 1), (1, 1), (2, 5)])).1,
        troubles: watch::channel(Troubles { stopped, gaps, parked_keys: 4 }).1,
        healed: watch::channel(Healed { gaps: 5, messages: 17 }).1,
        failovers: watch::channel(Failovers { survived: 6, stopped: 1 }).1,
        rotated: watch::channel(Rotated { slots: 7, bytes: 8_192, held_up: Some(HeldUp::Locked) }).1,
    }
}

async fn metrics() -> String {
    let service = Service::start("test", settings(&[])).await.expect("free ports");
    service.show_breaker(&breaker("catalogue"));
    service.show_valve(&opened(breaker("payment provider")).await);
    service.metrics().add(lanes());
    let (head, body) = get(service.http_address(), "/metrics").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    body
}

#[tokio::test]
async fn breakers_valves_and_lanes_are_told_as_they_stand() {
    let text = metrics().await;
    for line in [
        r#"bowline_breaker_state{dependency="catalogue",state="closed"} 1"#,
        r#"bowline_breaker_state{dependency="payment provider",state="closed"} 0"#,
        r#"bowline_breaker_state{dependency="payment provider",state="half_open"} 0"#,
        r#"bowline_breaker_state{dependency="payment provider",state="open"} 1"#,
        r#"bowline_breaker_transitions_total{dependency="payment provider",to="open"} 1"#,
        r#"bowline_breaker_transitions_total{dependency="payment provider",to="closed"} 0"#,
        r#"bowline_breaker_calls_total{dependency="payment provider",outcome="failed"} 2"#,
        r#"bowline_valve_waiting_operations{dependency="payment provider"} 0"#,
        r#"bowline_valve_limit_calls_per_second{dependency="payment provider"} 0.0"#,
        "bowline_partitions_owned 3",
        "bowline_lanes_stopped 1",
        "bowline_lanes_waiting 2",
        "bowline_parked_keys 4",
        "bowline_healed_gaps_total 5",
        "bowline_healed_messages_total 17",
        r#"bowline_lane_failovers_total{outcome="survived"} 6"#,
        r#"bowline_lane_failovers_total{outcome="stopped"} 1"#,
        "bowline_outbox_slots_emptied_total 7",
        "bowline_outbox_freed_bytes_total 8192",
        r#"bowline_outbox_rotation_held_up{reason="locked"} 1"#,
        r#"bowline_outbox_rotation_held_up{reason="unpublished"} 0"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

/// Of each metric its type and what it says.
type Described = BTreeMap<String, (String, String)>;

fn exported(text: &str) -> Described {
    let line = |line: &str, what: &str| {
        let (name, said) = line.strip_prefix(what)?.split_once(' ')?;
        Some((name.to_owned(), said.trim_end_matches('.').to_owned()))
    };
    let types: BTreeMap<_, _> = text.lines().filter_map(|found| line(found, "# TYPE ")).collect();
    let helps = text.lines().filter_map(|found| line(found, "# HELP "));
    helps.map(|(name, help)| (name.clone(), (types[&name].clone(), help))).collect()
}

/// The rows of a section of the page.
fn documented(section: &str) -> Described {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let rows =
        page.lines().skip_while(|line| *line != section).skip(1).take_while(|line| !line.starts_with("## "));
    let rows = rows.filter_map(|row| row.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(name, rest)| {
        let mut columns = rest.split(" | ");
        let (kind, says) = (columns.next(), columns.nth(1));
        let text = |column: Option<&str>| column.unwrap_or_default().to_owned();
        (name.to_owned(), (text(kind), text(says)))
    })
    .collect()
}

#[tokio::test]
async fn the_page_of_metrics_lists_what_every_service_exports() {
    assert_eq!(exported(&metrics().await), documented("## Every service"));
}
