//! Calls that failed, on their way to the table: so that they are seen while the operation is open, and counted on by
//! whoever takes it over. What a crash forgets of them is how often somebody tried, never what became of it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bowline_database::Database;
use bowline_payment_domain::FailedCalls;

use crate::app::intent::{Intent, IntentKey};
use crate::infra::operations;

/// The latest count of each operation that is not written down yet.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    counts: Mutex<HashMap<IntentKey, FailedCalls>>,
}

impl Unwritten {
    /// Another call for `intent` has failed.
    pub(super) fn add(&self, intent: &Intent) {
        self.counts().insert(intent.key(), intent.failed_calls.clone());
    }

    /// Writes down what there is, in one statement; nothing at all when no call has failed. A database that is away
    /// loses these counts, and gets higher ones with the next calls that fail.
    pub(super) async fn write(&self, database: &Database) {
        let counts = std::mem::take(&mut *self.counts());
        if counts.is_empty() {
            return;
        }
        let written = async {
            let mut connection = database.acquire().await?;
            Ok::<_, bowline_database::Error>(operations::note_failed_calls(&mut connection, &counts).await?)
        };
        if let Err(error) = written.await {
            tracing::debug!(%error, operations = counts.len(), "failed calls are not written down");
        }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IntentKey, FailedCalls>> {
        // A map is whole at every moment that a panic can leave it in.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
