//! Rotation of the outbox: what is published and old is truncated slot by slot, which leaves nothing behind that would
//! have to be cleaned up.
//!
//! Everything that must be right is decided by `messaging.rotate_outbox` in one transaction: every replica calls it from
//! time to time, one at a time has an effect, and a crash leaves the slots as they were.

use std::ops::RangeInclusive;
use std::time::Duration;

use bowline_database::Database;
use bowline_kernel::error_text;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::topics::COMMAND_RETENTION;
use crate::{Error, LaneOptions};

/// What `--outbox-retention` may be. A row stays for one and a half times as long, and its command topic longer than that.
pub(crate) const RETENTION: RangeInclusive<Duration> = Duration::from_mins(1)..=RETENTION_MAX;
pub(crate) const RETENTION_TEXT: &str = "a time between 1m and 20d";
const RETENTION_MAX: Duration = Duration::from_secs(COMMAND_RETENTION.as_secs() / 3 * 2);
/// What `--outbox-lock-wait` may be: less than executors and relays wait for a lock before they give up.
pub(crate) const LOCK_WAIT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(2);
pub(crate) const LOCK_WAIT_TEXT: &str = "a time between 1ms and 2s";

/// How many looks fit into the retention, and the bounds of the time between two.
const LOOKS: u32 = 100;
const LOOK_EVERY_MIN: Duration = Duration::from_millis(10);
const LOOK_EVERY_MAX: Duration = Duration::from_secs(30);
/// The part of the retention by which rotation may be late before somebody is told.
const LATE: u32 = 4;

/// What rotation has done since the start of the process, and what is in its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotated {
    /// How many slots this replica has emptied.
    pub slots: u64,
    /// How many bytes of disk that gave back.
    pub bytes: u64,
    /// Why the outbox holds more than it should.
    pub held_up: Option<HeldUp>,
}

/// Why the oldest slot cannot be emptied although it is time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeldUp {
    /// Some of its messages are not noted as published.
    #[error("messages of the oldest slot are not published: are Kafka and the relays well?")]
    Unpublished,
    /// A transaction has locked it.
    #[error("the oldest slot is locked: look in pg_stat_activity for an old transaction, a dump or a vacuum")]
    Locked,
}

/// Calls the rotation until it is told to stop.
pub(crate) struct Rotation {
    database: Database,
    retention: Duration,
    lock_wait: Duration,
    rotated: watch::Sender<Rotated>,
}

/// What one call has found and done; nothing at all when another replica was at it.
struct Look {
    looked: Option<bool>,
    emptied: Option<i16>,
    freed_bytes: Option<i64>,
    entered: Option<i16>,
    unpublished: Option<i64>,
    locked: Option<bool>,
    overdue_secs: Option<f64>,
}

impl Rotation {
    /// Its database need not wait for the disk: what a crash of the server forgets of a rotation was not done.
    pub(crate) fn new(database: Database, options: &LaneOptions) -> (Self, watch::Receiver<Rotated>) {
        let (rotated, receiver) = watch::channel(Rotated::default());
        let rotation = Self {
            database,
            retention: options.outbox_retention,
            lock_wait: options.outbox_lock_wait,
            rotated,
        };
        (rotation, receiver)
    }

    pub(crate) async fn run(self, cancelled: CancellationToken) {
        let mut looks = tokio::time::interval((self.retention / LOOKS).clamp(LOOK_EVERY_MIN, LOOK_EVERY_MAX));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancelled.cancelled() => return,
                _ = looks.tick() => {}
            }
            match self.look().await {
                Ok(look) => self.report(&look),
                Err(error) => tracing::warn!(error = error_text(&error), "outbox cannot be rotated"),
            }
        }
    }

    async fn look(&self) -> Result<Look, Error> {
        let look = sqlx::query_as!(
            Look,
            "SELECT looked, emptied, freed_bytes, entered, unpublished, locked,
                    extract(epoch FROM overdue)::float8 AS overdue_secs
               FROM messaging.rotate_outbox(make_interval(secs => $1), $2)",
            self.retention.as_secs_f64(),
            i32::try_from(self.lock_wait.as_millis()).unwrap_or(i32::MAX),
        )
        .fetch_one(&mut *self.database.acquire().await?)
        .await?;
        Ok(look)
    }

    fn report(&self, look: &Look) {
        if look.looked.is_none() {
            return;
        }
        let held_up = look.held_up(self.retention);
        if self.rotated.borrow().held_up != held_up {
            if let Some(reason) = held_up {
                let unpublished = look.unpublished;
                tracing::warn!(%reason, unpublished, "the outbox grows because it cannot be rotated");
            } else {
                tracing::info!("the outbox is rotated again");
            }
        }
        if let Some(slot) = look.emptied {
            tracing::info!(slot, freed_bytes = look.freed_bytes, "outbox slot emptied");
        }
        if let Some(slot) = look.entered {
            tracing::debug!(slot, "outbox goes on in the next slot");
        }
        self.rotated.send_if_modified(|rotated| {
            let before = *rotated;
            rotated.slots += u64::from(look.emptied.is_some());
            rotated.bytes += look.freed_bytes.map_or(0, i64::unsigned_abs);
            rotated.held_up = held_up;
            *rotated != before
        });
    }
}

impl Look {
    fn held_up(&self, retention: Duration) -> Option<HeldUp> {
        let late = self.overdue_secs? >= (retention / LATE).as_secs_f64();
        match self {
            _ if !late => None,
            Self { locked: Some(true), .. } => Some(HeldUp::Locked),
            Self { unpublished: Some(1..), .. } => Some(HeldUp::Unpublished),
            // It was published late, and is kept for its time.
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_gone_before_its_command_topic_forgets_it() {
        let stays = *RETENTION.end() + *RETENTION.end() / 2;
        assert_eq!(stays, COMMAND_RETENTION);
        assert_eq!(*RETENTION.end(), Duration::from_hours(20 * 24));
    }

    #[test]
    fn somebody_is_told_only_of_what_is_late_and_has_a_cause() {
        let retention = Duration::from_secs(40);
        let look = |overdue_secs, unpublished, locked| Look {
            looked: Some(true),
            emptied: None,
            freed_bytes: None,
            entered: None,
            unpublished: Some(unpublished),
            locked: Some(locked),
            overdue_secs,
        };
        assert_eq!(look(None, 5, true).held_up(retention), None);
        assert_eq!(look(Some(9.9), 5, true).held_up(retention), None);
        assert_eq!(look(Some(10.0), 0, false).held_up(retention), None);
        assert_eq!(look(Some(10.0), 5, false).held_up(retention), Some(HeldUp::Unpublished));
        assert_eq!(look(Some(10.0), 0, true).held_up(retention), Some(HeldUp::Locked));
    }
}
