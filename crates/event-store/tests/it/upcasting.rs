//! Events outlive the form in which they were stored: every version that a release has ever written is read as the
//! newest, and what is stored stays as it is.

use std::num::NonZeroUsize;

use bowline_event_store::{NewEvent, Streams, append, load};
use bowline_golden::{Form, hold_stored, stored};
use bowline_kernel::SequentialIds;
use bowline_kernel::stored::Stored as _;

use crate::counter::{Added, CounterStream, context};
use crate::stage::{Stage, event, stream};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
const PARTITION: u16 = 0;
/// What three releases have written for the same event, oldest first.
const FORMS: [&str; 3] = [r#"{"n":40}"#, r#"{"amount":40}"#, r#"{"added":{"amount":40}}"#];

type Counters = CounterStream<0>;

/// The event of `version` as the release stored it whose newest form was `schema_version`.
fn of_release(schema_version: u16, version: u32) -> NewEvent {
    let payload = FORMS[usize::from(schema_version) - 1].as_bytes().to_vec();
    NewEvent { schema_version, payload, ..event(stream(1), version) }
}

#[test]
fn every_version_has_a_file_and_is_read_as_the_newest() {
    let older = |version| stored("Added", version, "complete", Added(40), None);
    let newest = stored("Added", 3, "complete", Added(40), Some(Added(40).encode()));
    let forms: [Form<Added>; 3] = [older(1), older(2), newest];
    hold_stored(FOLDER, &["Added"], &forms, Added::decode);
    for (form, written) in forms.iter().zip(FORMS) {
        let file = std::fs::read_to_string(format!("{FOLDER}/{}", form.file)).unwrap();
        assert_eq!(file, written, "{}", form.file);
    }
}

#[tokio::test]
async fn a_stream_of_three_releases_is_one_history_and_stays_as_it_was_stored() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    append(&mut connection, &[of_release(1, 1), of_release(2, 2)]).await.unwrap();

    let mut streams: Streams<Counters> = Streams::new(NonZeroUsize::new(10).unwrap());
    streams.load(&mut connection, &[(PARTITION, stream(1))]).await.unwrap();
    assert_eq!((*streams.state(stream(1)), streams.version(stream(1))), (80, 2));
    // Decided from what older releases have stored, and refused because of it.
    let ids = SequentialIds::default();
    assert!(streams.decide(stream(1), vec![40], &context(&ids)).is_err());
    streams.decide(stream(1), vec![20], &context(&ids)).unwrap();
    streams.append(&mut connection).await.unwrap();
    streams.confirm();

    let kept = load(&mut connection, &[stream(1)]).await.unwrap();
    let kept: Vec<(u16, &str)> = kept
        .iter()
        .map(|event| (event.schema_version, std::str::from_utf8(&event.payload).unwrap()))
        .collect();
    assert_eq!(kept, [(1, FORMS[0]), (2, FORMS[1]), (3, r#"{"added":{"amount":20}}"#)]);
    let mut afresh: Streams<Counters> = Streams::new(NonZeroUsize::new(10).unwrap());
    afresh.load(&mut connection, &[(PARTITION, stream(1))]).await.unwrap();
    assert_eq!((*afresh.state(stream(1)), afresh.version(stream(1))), (100, 3));
}
