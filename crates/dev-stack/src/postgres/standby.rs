//! A server that follows another one by streaming replication, and takes over from it.

use std::sync::Arc;

use sqlx::{Connection as _, PgConnection};
use tokio::process::Command;

use super::{LOOK_AGAIN, Postgres, PostgresOptions, classify, finish, prepare};
use crate::account::write_private;
use crate::error::{FileContext as _, Result};
use crate::process_table::ProcessTable;

const NAME: &str = "postgres-standby";

impl Postgres {
    /// Starts a standby of this server, made from a backup of it, in an empty folder, and waits until it answers reads. It
    /// follows asynchronously: what is committed here may not have reached it yet.
    pub async fn start_standby(&self, options: &PostgresOptions, table: &Arc<ProcessTable>) -> Result<Self> {
        let (programs, account) = prepare(&options.folder)?;
        let fresh = options.folder.join("run/data.new");
        let password = self.admin_url.password().unwrap_or_default().to_owned();
        write_private(&options.folder.join("superuser"), password.as_bytes(), None)?;
        let mut command = Command::new(&programs.basebackup);
        command.arg("--pgdata").arg(&fresh);
        command.args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast"]);
        command.args(["--host", self.admin_url.host_str().unwrap_or_default()]);
        command.args(["--port", &self.admin_url.port().unwrap_or(5432).to_string()]);
        command.args(["--username", self.admin_url.username()]).env("PGPASSWORD", &password);
        finish(command, "pg_basebackup", &programs.basebackup, account.as_ref()).await?;
        let data = options.folder.join("data");
        std::fs::rename(&fresh, &data).on("move into place", &data)?;
        Self::run(NAME, programs, account, &password, options, table).await
    }

    /// Waits until this standby has everything that `primary` has committed so far.
    pub async fn catches_up_with(&self, primary: &Self) -> Result<()> {
        let written: String = primary.ask("SELECT pg_current_wal_lsn()::text").await?;
        self.wait_until(&format!("SELECT pg_last_wal_replay_lsn() >= '{written}'::pg_lsn")).await
    }

    /// Cuts this standby off: what its primary commits from here on does not reach it.
    pub async fn stop_following(&self) -> Result<()> {
        self.tell("ALTER SYSTEM SET primary_conninfo = ''").await?;
        self.tell("SELECT pg_reload_conf()").await?;
        self.wait_until("SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)").await
    }

    /// Makes this standby a primary, on a timeline of its own, and waits until it takes writes.
    pub async fn promote(&self) -> Result<()> {
        self.tell("SELECT pg_promote(wait => true)").await?;
        self.wait_until("SELECT NOT pg_is_in_recovery()").await
    }

    async fn wait_until(&self, question: &str) -> Result<()> {
        let waiting = async {
            while !self.ask::<bool>(question).await? {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Ok(())
        };
        self.server.wait_ready(waiting).await
    }

    async fn ask<T>(&self, question: &str) -> Result<T>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        let asked = async {
            let mut connection = PgConnection::connect(self.admin_url.as_str()).await?;
            sqlx::query_scalar(sqlx::AssertSqlSafe(question)).fetch_one(&mut connection).await
        };
        asked.await.map_err(|source| classify(&self.admin_url, source))
    }

    async fn tell(&self, statement: &str) -> Result<()> {
        let told = async {
            let mut connection = PgConnection::connect(self.admin_url.as_str()).await?;
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await
        };
        told.await.map(|_| ()).map_err(|source: sqlx::Error| classify(&self.admin_url, source))
    }
}
