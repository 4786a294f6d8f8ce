//! What a server says about itself, for those who have to decide whether orders can be trusted to it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use url::Url;

use super::programs::MAJOR_MIN;
use super::{classify, parse_url};
use crate::error::{Error, Result};

/// A server that takes longer to answer hangs.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
/// The settings that matter.
const SETTINGS: [&str; 4] = ["fsync", "synchronous_commit", "full_page_writes", "max_connections"];

/// A server of PostgreSQL, as a role sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSurvey {
    /// Host and port.
    pub address: String,
    /// Its version.
    pub version: String,
    /// Its major version.
    pub major: u32,
    /// `fsync`, `synchronous_commit`, `full_page_writes` and `max_connections`, as they are for this role and database.
    pub settings: BTreeMap<String, String>,
    /// Whether the role may create roles and databases.
    pub may_create: bool,
}

impl ServerSurvey {
    /// The oldest major version that the services run on.
    pub const MAJOR_MIN: u32 = MAJOR_MIN;
}

/// Logs in and asks, for a few seconds at the most. `what` names the URL in the error when it is none.
pub async fn survey(url: &str, what: &'static str) -> Result<ServerSurvey> {
    let url = parse_url(url, what)?;
    let silent = |_| classify(&url, sqlx::Error::Io(ErrorKind::TimedOut.into()));
    tokio::time::timeout(ANSWERED_WITHIN, ask(&url)).await.map_err(silent)?
}

async fn ask(url: &Url) -> Result<ServerSurvey> {
    let failed = |source| classify(url, source);
    let mut connection = PgConnection::connect(url.as_str()).await.map_err(failed)?;
    let asked = |source| Error::PostgresStatement { action: "tell its settings".to_owned(), source };
    let settings: Vec<(String, String)> =
        sqlx::query_as("SELECT name, setting FROM pg_settings WHERE name = ANY($1)")
            .bind(SETTINGS)
            .fetch_all(&mut connection)
            .await
            .map_err(asked)?;
    let (version, number, may_create): (String, i32, bool) = sqlx::query_as(
        "SELECT current_setting('server_version'), current_setting('server_version_num')::int,
            rolsuper OR (rolcreaterole AND rolcreatedb) FROM pg_roles WHERE rolname = current_user",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(asked)?;
    let _closed = connection.close().await;
    Ok(ServerSurvey {
        address: format!("{}:{}", url.host_str().unwrap_or("localhost"), url.port().unwrap_or(5432)),
        version,
        major: u32::try_from(number / 10_000).unwrap_or_default(),
        settings: settings.into_iter().collect(),
        may_create,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_hangs_is_not_waited_for() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("postgres://me@{}/db", silent.local_addr().expect("it is bound"));
        let error = survey(&url, "a URL").await.expect_err("nobody answers");
        assert!(matches!(error, Error::PostgresUnreachable { .. }), "{error}");
    }
}
