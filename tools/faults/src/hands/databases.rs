//! Sessions that end and leases that are lost, in the database of one service.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;

use super::Hands;
use crate::record::Outcome;
use crate::trouble::Trouble;

/// How often leases are taken away while that goes on: between two beats of a heartbeat.
const TAKE_EVERY: Duration = Duration::from_millis(150);
/// How long the server may take to let us in.
const LOGIN_MAX: Duration = Duration::from_secs(5);

impl Hands<'_> {
    /// Ends all sessions of a service's database but our own.
    pub(super) async fn end_sessions(&self, service: &str) -> Result<Outcome, Trouble> {
        let Ok(mut connection) = self.superuser(service).await else {
            return Ok(Outcome::skipped("the database was away"));
        };
        let ended = sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .execute(&mut connection)
        .await;
        if ended.is_err() {
            return Ok(Outcome::skipped("the database went away"));
        }
        let begun = Instant::now();
        for process in self.site.terrain.processes.iter().filter(|process| process.service == service) {
            // One that hangs or dies meanwhile has its own record.
            let _waited = self.ready(&process.name).await?;
        }
        Ok(Outcome::recovered(begun.elapsed()))
    }

    /// Takes the leases of a service away from whoever holds them, and forgets its members, for `length`: replicas that
    /// believe to hold a partition meet others that have just taken it.
    pub(super) async fn take_leases(&self, service: &str, length: Duration) -> Result<Outcome, Trouble> {
        let Ok(mut connection) = self.superuser(service).await else {
            return Ok(Outcome::skipped("the database was away"));
        };
        let end = Instant::now() + length;
        while Instant::now() < end {
            let taken = sqlx::raw_sql(
                "UPDATE messaging.leases SET expires_at = '-infinity'; DELETE FROM messaging.members",
            );
            if taken.execute(&mut connection).await.is_err() {
                break;
            }
            tokio::time::sleep(TAKE_EVERY).await;
        }
        let nobodys = "SELECT count(*) FROM messaging.leases WHERE expires_at <= clock_timestamp()";
        Ok(Outcome::recovered(self.until_none(service, nobodys, "").await?))
    }

    /// Waits until every partition that a process held is held by another one, and tells how long that took. `process`
    /// must be down.
    pub async fn taken_over(&self, process: &str) -> Result<Duration, Trouble> {
        let Some(site) = self.site.terrain.process(process) else { return Ok(Duration::ZERO) };
        let left = "SELECT count(*) FROM messaging.leases
                     WHERE address = $1 OR holder IS NULL OR expires_at <= clock_timestamp()";
        self.until_none(&site.service, left, &site.grpc_address).await
    }

    /// How many partitions a process holds now.
    pub async fn held_by(&self, process: &str) -> Result<i64, Trouble> {
        let Some(site) = self.site.terrain.process(process) else { return Ok(0) };
        let held =
            "SELECT count(*) FROM messaging.leases WHERE address = $1 AND expires_at > clock_timestamp()";
        let failed = |source| Trouble::Database { service: site.service.clone(), source };
        let mut connection = self.superuser(&site.service).await.map_err(failed)?;
        sqlx::query_scalar(held).bind(&site.grpc_address).fetch_one(&mut connection).await.map_err(failed)
    }

    /// Waits until a count is zero, over a connection that is made anew when it breaks.
    async fn until_none(
        &self,
        service: &str,
        count: &'static str,
        address: &str,
    ) -> Result<Duration, Trouble> {
        let mut connection = None;
        self.until(&format!("the ownership of partitions in {service}"), async || {
            if connection.is_none() {
                connection = self.superuser(service).await.ok();
            }
            let Some(open) = &mut connection else { return false };
            let mut asked = sqlx::query_scalar::<_, i64>(count);
            if count.contains("$1") {
                asked = asked.bind(address);
            }
            let left = asked.fetch_one(open).await;
            if left.is_err() {
                connection = None;
            }
            left.is_ok_and(|left| left == 0)
        })
        .await
    }

    /// A connection to the database of a service as the administrator.
    async fn superuser(&self, service: &str) -> Result<PgConnection, sqlx::Error> {
        let mut url = self.site.stack.postgres().admin_url().clone();
        if let Some(urls) = self.site.stack.databases().service(service) {
            url.set_path(&urls.database);
        }
        match tokio::time::timeout(LOGIN_MAX, PgConnection::connect(url.as_str())).await {
            Ok(connection) => connection,
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        }
    }
}
