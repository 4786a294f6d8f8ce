//! The headers of a message, one line each.

use bowline_contracts::envelope::{Envelope, HEAD_TYPE};
use bowline_golden::{Form, hold};
use uuid::Uuid;

use crate::golden;
use crate::samples::{to_the_microsecond, to_the_second};

fn form(variant: &str, envelope: Envelope) -> Form<Envelope> {
    let mut lines = String::new();
    envelope.encode(|name, value| lines.extend([name, ": ", value, "\n"]));
    Form { file: format!("{variant}.txt"), value: envelope, written: Some(lines.into_bytes()) }
}

fn read(_: &str, lines: &[u8]) -> Envelope {
    let text = std::str::from_utf8(lines).expect("headers are text");
    let later = "ce_oflaterrelease: 1";
    let headers = text.lines().chain([later]).filter_map(|line| line.split_once(": "));
    Envelope::decode(headers.map(|(name, value)| (name, value.as_bytes()))).expect("the headers are read")
}

#[test]
fn headers_are_sent_in_this_form_and_read_back() {
    let complete = Envelope {
        id: Uuid::from_u128(0x0192_f0c1_7e2a_7bbb_8ccc_0123_4567_89ab),
        source: "orders".into(),
        message_type: "bowline.orders.v1.OrderPlaced".into(),
        time: to_the_microsecond(),
        sequence: i64::MAX,
        incarnation: Uuid::from_u128(0x0a0b_0c0d_0e0f_4a0b_8c0d_0e0f_0102_0304),
        causation: Some(Uuid::from_u128(0x0192_f0c1_7e2a_7bbb_8ccc_0123_4567_89ac)),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
    };
    let minimal = Envelope {
        time: to_the_second(),
        sequence: 1,
        causation: None,
        traceparent: None,
        ..complete.clone()
    };
    let head = Envelope { message_type: HEAD_TYPE.into(), sequence: 0, ..minimal.clone() };
    hold(
        golden("headers"),
        &[form("complete", complete), form("minimal", minimal), form("head", head)],
        read,
    );
}
