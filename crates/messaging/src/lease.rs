//! Which replica works on which partition.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bowline_database::Database;
use bowline_kernel::error_text;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Error, LaneOptions};

/// The partitions that this process holds, each with the epoch of its lease.
pub type Owned = BTreeMap<u16, i64>;

/// The partitions that other live replicas hold, each with the address (host and port) at which its holder takes calls.
/// As of the last heartbeat, and empty while none succeeds: what is done with it must be right also when the partition has changed hands since.
pub type Holders = BTreeMap<u16, Arc<str>>;

/// The part of a lease's time by which its holder stops early.
const SAFETY_MARGIN: u32 = 8;

/// Holds this replica's fair share of the partitions.
///
/// The heartbeat has a connection of its own and does not depend on the work. Expiry is judged by the database's clock;
/// the holder counts monotonic time from before it asked, so it stops before anybody else may start. A lease is for
/// speed and order: safety rests on sequences and watermarks.
pub(crate) struct Leases {
    database: Database,
    member: Uuid,
    address: String,
    ttl: Duration,
    renewal: Duration,
    partitions: u16,
    owned: watch::Sender<Owned>,
    holders: watch::Sender<Holders>,
    /// Held in the database, but already given up by the workers: freed at the next beat.
    leaving: Vec<u16>,
    valid_until: Instant,
}

impl Leases {
    pub(crate) fn new(
        database: Database,
        member: Uuid,
        address: String,
        partitions: u16,
        options: &LaneOptions,
    ) -> (Self, watch::Receiver<Owned>, watch::Receiver<Holders>) {
        let (owned, owned_receiver) = watch::channel(Owned::new());
        let (holders, holders_receiver) = watch::channel(Holders::new());
        let leases = Self {
            database,
            member,
            address,
            ttl: options.lease_ttl,
            renewal: options.lease_renewal,
            partitions,
            owned,
            holders,
            leaving: Vec::new(),
            valid_until: Instant::now(),
        };
        (leases, owned_receiver, holders_receiver)
    }

    /// Beats until cancelled. What is held then stays held until [`Leases::release`].
    pub(crate) async fn run(&mut self, cancelled: CancellationToken) {
        while !cancelled.is_cancelled() {
            let beat = tokio::time::timeout_at(self.patient_until(), self.beat()).await;
            match beat {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(error = error_text(&error), "leases could not be renewed"),
                Err(_) => tracing::warn!("leases could not be renewed in time"),
            }
            self.expire();
            tokio::select! {
                () = cancelled.cancelled() => {}
                () = tokio::time::sleep(self.renewal) => {}
                () = tokio::time::sleep_until(self.valid_until), if self.holds_some() => self.expire(),
            }
        }
    }

    /// Until when a beat may take: while something is held, not beyond the moment at which it must be given up.
    fn patient_until(&self) -> Instant {
        if self.holds_some() { self.valid_until } else { Instant::now() + self.ttl }
    }

    fn holds_some(&self) -> bool {
        !self.owned.borrow().is_empty()
    }

    /// Gives up what could not be renewed, before anybody else may take it.
    fn expire(&self) {
        if Instant::now() >= self.valid_until {
            publish(&self.owned, Owned::new());
            publish(&self.holders, Holders::new());
        }
    }

    /// Gives everything back, so that others can take over at once.
    pub(crate) async fn release(&mut self) -> Result<(), Error> {
        publish(&self.owned, Owned::new());
        sqlx::query!(
            "WITH gone AS (DELETE FROM messaging.members WHERE member = $1)
             UPDATE messaging.leases SET holder = NULL, address = NULL, expires_at = '-infinity' WHERE holder = $1",
            self.member,
        )
        .execute(&mut *self.database.acquire().await?)
        .await?;
        Ok(())
    }

    async fn beat(&mut self) -> Result<(), Error> {
        let asked_at = Instant::now();
        let mut owned = self.renew().await?;
        self.valid_until = asked_at + self.ttl - self.ttl / SAFETY_MARGIN;
        let kept = owned.clone().into_iter().filter(|(partition, _)| !self.leaving.contains(partition));
        publish(&self.owned, kept.collect());
        let share = self.fair_share().await?;
        self.free_leaving(&mut owned).await?;
        if owned.len() > share {
            // The workers stop first; the lease is freed at the next beat.
            self.leaving = owned.keys().rev().take(owned.len() - share).copied().collect();
            owned.retain(|partition, _| !self.leaving.contains(partition));
            tracing::info!(partitions = ?self.leaving, "partitions handed over");
        } else if owned.len() < share {
            owned.extend(self.claim(share - owned.len()).await?);
        }
        publish(&self.owned, owned);
        publish(&self.holders, self.look_around().await?);
        Ok(())
    }

    /// Says that we are alive; returns the leases that are still ours.
    async fn renew(&self) -> Result<Owned, Error> {
        let rows = sqlx::query!(
            "WITH alive AS (
                 INSERT INTO messaging.members (member, address, expires_at)
                 VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
                 ON CONFLICT (member) DO UPDATE SET expires_at = excluded.expires_at)
             UPDATE messaging.leases SET expires_at = clock_timestamp() + make_interval(secs => $3)
              WHERE holder = $1 AND expires_at > clock_timestamp() RETURNING partition, epoch",
            self.member,
            self.address,
            self.ttl.as_secs_f64(),
        )
        .fetch_all(&mut *self.database.acquire().await?)
        .await?;
        Ok(rows.into_iter().map(|row| (row.partition.cast_unsigned(), row.epoch)).collect())
    }

    async fn fair_share(&self) -> Result<usize, Error> {
        let members = sqlx::query!(
            r#"WITH dead AS (
                 DELETE FROM messaging.members WHERE expires_at < clock_timestamp() - make_interval(secs => 3600))
             SELECT count(*) AS "alive!", count(*) FILTER (WHERE member < $1) AS "before!"
               FROM messaging.members WHERE expires_at > clock_timestamp()"#,
            self.member,
        )
        .fetch_one(&mut *self.database.acquire().await?)
        .await?;
        let alive = usize::try_from(members.alive).unwrap_or(1).max(1);
        let before = usize::try_from(members.before).unwrap_or(0);
        let partitions = usize::from(self.partitions);
        // What does not divide evenly goes to the first members, one each.
        Ok(partitions / alive + usize::from(before < partitions % alive))
    }

    async fn free_leaving(&mut self, owned: &mut Owned) -> Result<(), Error> {
        if self.leaving.is_empty() {
            return Ok(());
        }
        let leaving: Vec<i16> = self.leaving.iter().map(|partition| partition.cast_signed()).collect();
        sqlx::query!(
            "UPDATE messaging.leases SET holder = NULL, address = NULL, expires_at = '-infinity'
              WHERE holder = $1 AND partition = ANY($2)",
            self.member,
            &leaving,
        )
        .execute(&mut *self.database.acquire().await?)
        .await?;
        owned.retain(|partition, _| !self.leaving.contains(partition));
        self.leaving.clear();
        Ok(())
    }

    /// Takes up to `count` leases that nobody holds.
    async fn claim(&self, count: usize) -> Result<Owned, Error> {
        let rows = sqlx::query!(
            "WITH free AS (
                 SELECT partition FROM messaging.leases WHERE expires_at < clock_timestamp()
                  ORDER BY partition LIMIT $4 FOR UPDATE SKIP LOCKED)
             UPDATE messaging.leases l
                SET holder = $1, address = $2, epoch = l.epoch + 1,
                    expires_at = clock_timestamp() + make_interval(secs => $3)
               FROM free WHERE l.partition = free.partition RETURNING l.partition, l.epoch",
            self.member,
            self.address,
            self.ttl.as_secs_f64(),
            i64::try_from(count).unwrap_or(i64::MAX),
        )
        .fetch_all(&mut *self.database.acquire().await?)
        .await?;
        let claimed: Owned = rows.into_iter().map(|row| (row.partition.cast_unsigned(), row.epoch)).collect();
        if !claimed.is_empty() {
            tracing::info!(partitions = ?claimed.keys().collect::<Vec<_>>(), "partitions taken");
        }
        Ok(claimed)
    }

    /// The leases of others, but for those whose holder has no address, or ours: a process before this one had it.
    async fn look_around(&self) -> Result<Holders, Error> {
        let rows = sqlx::query!(
            r#"SELECT partition, address AS "address!" FROM messaging.leases
                WHERE holder <> $1 AND address NOT IN ('', $2) AND expires_at > clock_timestamp()"#,
            self.member,
            self.address,
        )
        .fetch_all(&mut *self.database.acquire().await?)
        .await?;
        Ok(rows.into_iter().map(|row| (row.partition.cast_unsigned(), row.address.into())).collect())
    }
}

/// Tells `now` if it is something new.
fn publish<T: PartialEq>(to: &watch::Sender<T>, now: T) {
    to.send_if_modified(|current| {
        let changed = *current != now;
        if changed {
            *current = now;
        }
        changed
    });
}
