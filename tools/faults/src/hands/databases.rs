//! Sessions that end and leases that are lost, in the database of one service.

use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Hands;
use crate::record::Outcome;
use crate::trouble::Trouble;

/// How often leases are taken away while that goes on: between two beats of a heartbeat.
const TAKE_EVERY: Duration = Duration::from_millis(150);
/// How long the server may take to let us in, or to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// What our sessions are called, so that they are not ended with the others.
const NAME: &str = "bowline-faults";

/// One open session of ours for every service, because a login takes long where much is going on.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<BTreeMap<String, PgConnection>>);

impl Hands<'_> {
    /// Ends all sessions of a service's database but ours.
    pub(super) async fn end_sessions(&self, service: &str) -> Result<Outcome, Trouble> {
        let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                      WHERE datname = current_database() AND application_name <> $1";
        if self.ask(service, ended, NAME).await.is_err() {
            return Ok(Outcome::skipped("the database was away"));
        }
        let begun = Instant::now();
        for process in self.site.terrain.processes.iter().filter(|process| process.service == service) {
            // One that hangs or dies meanwhile has its own record.
            self.ready(&process.name).await?;
        }
        Ok(Outcome::recovered(begun.elapsed()))
    }

    /// Takes the leases of a service away from whoever holds them, and forgets its members, for `length`: replicas that
    /// believe to hold a partition meet others that have just taken it.
    pub(super) async fn take_leases(&self, service: &str, length: Duration) -> Result<Outcome, Trouble> {
        let taken = "WITH taken AS (UPDATE messaging.leases SET expires_at = '-infinity' RETURNING 1),
                          forgotten AS (DELETE FROM messaging.members RETURNING 1)
                     SELECT count(*) FROM taken WHERE $1 <> ''";
        let end = Instant::now() + length;
        let mut times = 0;
        while Instant::now() < end && self.ask(service, taken, NAME).await.is_ok() {
            times += 1;
            tokio::time::sleep(TAKE_EVERY).await;
        }
        if times == 0 {
            return Ok(Outcome::skipped("the database was away"));
        }
        let nobodys =
            "SELECT count(*) FROM messaging.leases WHERE expires_at <= clock_timestamp() AND $1 <> ''";
        Ok(Outcome::recovered(self.until_none(service, nobodys, NAME).await?))
    }

    /// Waits until every partition that a process held is held by another one, and tells how long that took. `process`
    /// must be down.
    pub async fn taken_over(&self, process: &str) -> Result<Duration, Trouble> {
        let Some(site) = self.site.terrain.process(process) else { return Ok(Duration::ZERO) };
        let left = "SELECT count(*) FROM messaging.leases
                     WHERE address = $1 OR holder IS NULL OR expires_at <= clock_timestamp()";
        self.until_none(&site.service, left, &site.grpc_address).await
    }

    /// Waits until a count is zero.
    async fn until_none(
        &self,
        service: &str,
        count: &'static str,
        argument: &str,
    ) -> Result<Duration, Trouble> {
        let what = format!("the ownership of partitions in {service}");
        self.until(&what, async || self.ask(service, count, argument).await.is_ok_and(|left| left == 0)).await
    }

    /// Asks the database of a service for a count. The session is kept for the next question unless it breaks.
    pub(super) async fn ask(
        &self,
        service: &str,
        count: &'static str,
        argument: &str,
    ) -> Result<i64, sqlx::Error> {
        let kept = self.sessions.0.lock().await.remove(service);
        let mut session = match kept {
            Some(session) => session,
            None => self.log_in(service).await?,
        };
        let asked = sqlx::query_scalar(count).bind(argument).fetch_one(&mut session);
        let answer = timely(asked).await?;
        self.sessions.0.lock().await.insert(service.to_owned(), session);
        Ok(answer)
    }

    /// A session in the database of a service as the administrator.
    async fn log_in(&self, service: &str) -> Result<PgConnection, sqlx::Error> {
        let mut url = self.site.stack.postgres().admin_url().clone();
        if let Some(urls) = self.site.stack.databases().service(service) {
            url.set_path(&urls.database);
        }
        let options = PgConnectOptions::from_str(url.as_str())?.application_name(NAME);
        timely(PgConnection::connect_with(&options)).await
    }
}

async fn timely<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    tokio::time::timeout(ANSWER_MAX, asked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
