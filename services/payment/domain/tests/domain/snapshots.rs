//! The state that every history leads to, in the form of snapshots. Whoever has to change a line here raises
//! `State::SCHEMA_VERSION`: snapshots of the old one are then ignored.

use bowline_payment_domain::State;

use crate::given::{PATHS, state_after};

const GOLDEN: [(&str, &str); 13] = [
    ("unknown", r#"{"phase":"unknown","updated_at":null,"failed_calls":null}"#),
    (
        "authorizing",
        r#"{"phase":{"authorizing":{"amount":{"minor":765,"currency":"GBP"},"payment_token":"tok_ok","void_asked":false}},"updated_at":"2026-01-02T03:04:05Z","failed_calls":null}"#,
    ),
    (
        "authorizing_void_asked",
        r#"{"phase":{"authorizing":{"amount":{"minor":765,"currency":"GBP"},"payment_token":"tok_ok","void_asked":true}},"updated_at":"2026-01-02T03:04:05Z","failed_calls":null}"#,
    ),
    (
        "authorized",
        r#"{"phase":{"authorized":{"amount":{"minor":765,"currency":"GBP"},"provider_reference":"ch_1"}},"updated_at":"2026-01-02T03:04:05Z","failed_calls":{"count":0,"last":null}}"#,
    ),
    (
        "declined",
        r#"{"phase":{"declined":{"amount":{"minor":765,"currency":"GBP"},"reason":"insufficient_funds"}},"updated_at":"2026-01-02T03:04:05Z","failed_calls":{"count":0,"last":null}}"#,
    ),
    (
        "capturing",
        r#"{"phase":{"capturing":{"amount":{"minor":765,"currency":"GBP"},"provider_reference":"ch_1"}},"updated_at":"2026-01-02T03:04:05Z","failed_calls":{"count":0,"last":null}}"#,
    ),
    (
        "captured",
        r#"{"phase":{"captured":{"amount":{"minor":765,"currency":"GBP"}}},"updated_at":"2026-01-02T03:04:05Z","failed_calls":{"count":0,"last":null}}"#,
    ),
    (
        "voiding",
        r#"{"phase":{"voiding":{"amount":{"minor":765,"currency":"GBP"},"provider_reference":"ch_1","capture_failure":null}},"updated_at":"2026-01-02T03:04:05Z","failed_calls":{"count":0,"last":null}}"#,
    ),
    (
        "voiding_capture_failed",
        r#"{"phase":{"voiding":{"amount":{"minor":765,"currency":"GBP"},"provider_reference":"ch_1","capture_failure":"expired"}},"updated_at":"2026-01-02T03:04:05Z","failed_calls":{"count":0,"last":null}}"#,
    ),
    (
        "voided_unasked",
        r#"{"phase":{"voided":"nothing"},"updated_at":"2026-01-02T03:04:05Z","failed_calls":null}"#,
    ),
    (
        "voided_declined",
        r#"{"phase":{"voided":{"decline":{"amount":{"minor":765,"currency":"GBP"},"reason":"insufficient_funds"}}},"updated_at":"2026-01-02T03:04:05Z","failed_calls":{"count":0,"last":null}}"#,
    ),
    (
        "voided",
        r#"{"phase":{"voided":{"authorization":{"amount":{"minor":765,"currency":"GBP"},"capture_failure":null}}},"updated_at":"2026-01-02T03:04:05Z","failed_calls":{"count":0,"last":null}}"#,
    ),
    (
        "voided_capture_failed",
        r#"{"phase":{"voided":{"authorization":{"amount":{"minor":765,"currency":"GBP"},"capture_failure":"expired"}}},"updated_at":"2026-01-02T03:04:05Z","failed_calls":{"count":0,"last":null}}"#,
    ),
];

#[test]
fn every_state_has_this_form_in_snapshots_and_is_read_back() {
    assert_eq!(State::SCHEMA_VERSION, 2);
    for ((name, history), (golden_name, golden)) in PATHS.histories().into_iter().zip(GOLDEN) {
        let state = state_after(&history);
        assert_eq!(name, golden_name);
        assert_eq!(serde_json::to_string(&state).unwrap(), golden, "{name}");
        assert_eq!(serde_json::from_str::<State>(golden).unwrap(), state, "{name}");
    }
    assert_eq!(PATHS.states.len(), GOLDEN.len());
}
