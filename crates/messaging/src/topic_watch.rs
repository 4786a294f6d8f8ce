//! Creates the topics that a service owns and waits for those of the others.

use std::collections::HashMap;
use std::time::Duration;

use bowline_contracts::topics::Topic;
use bowline_kernel::error_text;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{KafkaOptions, topics};

/// The ids of topics by their name without namespace.
pub(crate) type TopicIds = HashMap<&'static str, Uuid>;

const PAUSE: Duration = Duration::from_millis(250);
/// Kafka may be away for long; the reason is repeated only now and then.
const COMPLAIN_EVERY: u32 = 20;

/// Tries until every topic is there, then announces their ids and ends.
pub(crate) async fn run(
    options: KafkaOptions,
    owns: Vec<&'static Topic>,
    needs: Vec<&'static Topic>,
    found: &watch::Sender<Option<TopicIds>>,
    cancelled: CancellationToken,
) {
    let mut tries = 0_u32;
    while !cancelled.is_cancelled() {
        let attempt = async {
            topics::create(&options, &owns).await?;
            topics::ids(&options, &needs).await
        };
        match attempt.await {
            Ok(ids) => {
                found.send_replace(Some(ids));
                return;
            }
            Err(error) if tries.is_multiple_of(COMPLAIN_EVERY) => {
                tracing::warn!(error = error_text(&error), "topics are not ready yet");
            }
            Err(error) => tracing::debug!(error = error_text(&error), "topics are not ready yet"),
        }
        tries = tries.wrapping_add(1);
        tokio::select! {
            () = cancelled.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
