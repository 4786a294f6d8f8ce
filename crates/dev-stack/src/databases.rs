//! Databases and roles: a database per service, that only its own roles and the auditor may enter.
//!
//! Everything here may run again at any time; it then only sets the passwords once more.

use std::collections::BTreeMap;
use std::fmt;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use url::Url;

use crate::error::{Error, Result};
use crate::postgres::classify;
use crate::secrets::Secrets;

/// The SQL that makes the two group roles; for a deployment of one's own.
pub const GROUP_ROLES_SQL: &str = include_str!("../sql/roles.sql");
/// The services that own a database.
pub const SERVICES: [&str; 4] = ["orders", "inventory", "payment", "projection"];
/// The login role that may read every database.
pub const AUDITOR: &str = "bowline_auditor";
/// What the names of databases begin with unless told otherwise.
pub const DEFAULT_PREFIX: &str = "bowline_";

const PREFIX_LENGTH_MAX: usize = 30;
/// Any number will do as long as all starters use the same: two of them must not make a role at once.
const ADVISORY_LOCK: i64 = 0x0062_6f77_6c69_6e65;

/// How to reach one service's database. The URLs hold passwords, so `Debug` shows the name alone.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ServiceDatabaseUrls {
    /// Name of the database, and of the runtime role.
    pub database: String,
    /// As the runtime role: for `--database-url`.
    pub runtime: String,
    /// As the owner, who runs migrations: for `--migrations-database-url`.
    pub owner: String,
    /// As the auditor, who only reads.
    pub auditor: String,
}

impl fmt::Debug for ServiceDatabaseUrls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ServiceDatabaseUrls").field("database", &self.database).finish_non_exhaustive()
    }
}

/// The databases of all services under one prefix.
#[derive(Debug, Clone)]
pub struct Databases {
    admin_url: Url,
    by_service: BTreeMap<String, ServiceDatabaseUrls>,
}

impl Databases {
    /// Makes the databases and roles that are missing, for every service of [`SERVICES`].
    pub async fn prepare(admin_url: &Url, prefix: &str, secrets: &Secrets) -> Result<Self> {
        Self::prepare_some(admin_url, prefix, &SERVICES, secrets).await
    }

    /// Makes the databases and roles that are missing, for some services.
    pub async fn prepare_some(
        admin_url: &Url,
        prefix: &str,
        services: &[&str],
        secrets: &Secrets,
    ) -> Result<Self> {
        check_prefix(prefix)?;
        let mut admin = Admin::connect(admin_url).await?;
        admin.group_roles().await?;
        let auditor_password = secrets.password(AUDITOR)?;
        admin.login_role(AUDITOR, &auditor_password, Some("bowline_auditor_role")).await?;
        let mut by_service = BTreeMap::new();
        for service in services {
            let database = format!("{prefix}{service}");
            let owner = format!("{database}_owner");
            let (owner_password, password) = (secrets.password(&owner)?, secrets.password(&database)?);
            admin.login_role(&owner, &owner_password, None).await?;
            admin.login_role(&database, &password, Some("bowline_service")).await?;
            let url = |role: &str, password: &str| service_url(admin_url, role, password, &database);
            let urls = ServiceDatabaseUrls {
                runtime: url(&database, &password),
                owner: url(&owner, &owner_password),
                auditor: url(AUDITOR, &auditor_password),
                database,
            };
            by_service.insert((*service).to_owned(), urls);
        }
        admin.unlock().await?;
        for ServiceDatabaseUrls { database, .. } in by_service.values() {
            admin.database(database, &format!("{database}_owner")).await?;
        }
        admin.close().await;
        Ok(Self { admin_url: admin_url.clone(), by_service })
    }

    /// The URLs of one service.
    pub fn service(&self, service: &str) -> Option<&ServiceDatabaseUrls> {
        self.by_service.get(service)
    }

    /// The URLs of all services, by name.
    pub fn all(&self) -> &BTreeMap<String, ServiceDatabaseUrls> {
        &self.by_service
    }

    /// Drops the databases, with whoever is connected, and their roles.
    pub async fn drop_all(&self) -> Result<()> {
        let mut admin = Admin::connect(&self.admin_url).await?;
        admin.unlock().await?;
        for ServiceDatabaseUrls { database, .. } in self.by_service.values() {
            let action = format!("drop the database {database}");
            admin.run(&action, format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")).await?;
            admin.run(&action, format!("DROP ROLE IF EXISTS {database}, {database}_owner")).await?;
        }
        admin.close().await;
        Ok(())
    }
}

/// Makes the two group roles where they are missing.
pub async fn prepare_group_roles(admin_url: &Url) -> Result<()> {
    let mut admin = Admin::connect(admin_url).await?;
    admin.group_roles().await?;
    admin.close().await;
    Ok(())
}

/// A connection that may make roles and databases, one starter at a time.
struct Admin {
    connection: PgConnection,
}

impl Admin {
    async fn connect(url: &Url) -> Result<Self> {
        let connection = PgConnection::connect(url.as_str()).await.map_err(|source| classify(url, source))?;
        let mut admin = Self { connection };
        admin.run("lock", format!("SELECT pg_advisory_lock({ADVISORY_LOCK})")).await?;
        Ok(admin)
    }

    /// Gives back the lock: it guards what all databases share, the roles. Making a database takes long.
    async fn unlock(&mut self) -> Result<()> {
        self.run("unlock", format!("SELECT pg_advisory_unlock({ADVISORY_LOCK})")).await
    }

    /// Ends the session, which gives back the lock. Should this fail, the server ends it by itself.
    async fn close(self) {
        let _ended = self.connection.close().await;
    }

    async fn group_roles(&mut self) -> Result<()> {
        self.run("make the group roles", GROUP_ROLES_SQL.to_owned()).await
    }

    /// Names come from [`check_prefix`] and constants, passwords are letters and digits: no quoting is needed.
    async fn login_role(&mut self, role: &str, password: &str, group: Option<&str>) -> Result<()> {
        let action = format!("make the role {role}");
        if !self.exists(&action, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role).await? {
            self.run(&action, format!("CREATE ROLE {role}")).await?;
        }
        self.run(&action, format!("ALTER ROLE {role} LOGIN PASSWORD '{password}'")).await?;
        if let Some(group) = group {
            self.run(&action, format!("GRANT {group} TO {role}")).await?;
        }
        Ok(())
    }

    async fn database(&mut self, database: &str, owner: &str) -> Result<()> {
        let action = format!("make the database {database}");
        let there = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
        if !self.exists(&action, there, database).await? {
            // An administrator who is not superuser may give a database only to a role that it is a member of.
            self.run(&action, format!("GRANT {owner} TO CURRENT_USER")).await?;
            self.run(&action, format!("CREATE DATABASE {database} OWNER {owner} TEMPLATE template0")).await?;
        }
        self.run(&action, format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC")).await?;
        self.run(&action, format!("GRANT CONNECT ON DATABASE {database} TO {database}, {AUDITOR}")).await
    }

    async fn exists(&mut self, action: &str, query: &'static str, name: &str) -> Result<bool> {
        sqlx::query_scalar(query)
            .bind(name)
            .fetch_one(&mut self.connection)
            .await
            .map_err(|source| Error::PostgresStatement { action: action.to_owned(), source })
    }

    async fn run(&mut self, action: &str, statement: String) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut self.connection)
            .await
            .map(|_| ())
            .map_err(|source| Error::PostgresStatement { action: action.to_owned(), source })
    }
}

fn check_prefix(prefix: &str) -> Result<()> {
    let plain =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    let good = prefix.len() <= PREFIX_LENGTH_MAX
        && prefix.chars().all(plain)
        && prefix.starts_with(|first: char| first.is_ascii_lowercase());
    if good { Ok(()) } else { Err(Error::Prefix { prefix: prefix.to_owned() }) }
}

/// The administrator's URL with another user and database; host, port and parameters stay.
fn service_url(admin_url: &Url, role: &str, password: &str, database: &str) -> String {
    let mut url = admin_url.clone();
    url.set_username(role).expect("a URL with a host takes a user");
    url.set_password(Some(password)).expect("a URL with a host takes a password");
    url.set_path(database);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_prefixes_pass() {
        for good in ["bowline_", "warmup_", "t1_"] {
            check_prefix(good).expect(good);
        }
        for bad in ["", "1a", "A_", "a-b", "a\"", "a'; DROP", "abcdefghijklmnopqrstuvwxyz_12345"] {
            check_prefix(bad).expect_err(bad);
        }
    }

    #[test]
    fn a_service_url_keeps_where_and_how() {
        let admin =
            Url::parse("postgres://root:x%20y@db.example:6432/postgres?sslmode=require").expect("a URL");
        assert_eq!(
            service_url(&admin, "bowline_orders", "pw", "bowline_orders"),
            "postgres://bowline_orders:pw@db.example:6432/bowline_orders?sslmode=require"
        );
    }

    #[test]
    fn passwords_do_not_show_in_debug_output() {
        let urls = ServiceDatabaseUrls {
            database: "d".into(),
            runtime: "postgres://d:secret@h/d".into(),
            owner: "postgres://o:secret@h/d".into(),
            auditor: "postgres://a:secret@h/d".into(),
        };
        assert!(!format!("{urls:?}").contains("secret"));
    }
}
