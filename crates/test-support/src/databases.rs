//! A database for one test.

use std::time::Duration;

use bowline_dev_stack::databases::AUDITOR;
use bowline_dev_stack::secrets::{Secrets, random_text};
use bowline_dev_stack::{Databases, Error, ServiceDatabaseUrls};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use url::Url;

use crate::eventually;
use crate::shared::stack;

/// A name of PostgreSQL has at most 63 bytes; the rest is for what makes it unique.
const NAME_MAX: usize = 24;
/// Ends a run that hangs.
const LOGIN_WITHIN: Duration = Duration::from_mins(1);

/// An empty database that belongs to the superuser, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    admin_url: Url,
    name: String,
    url: String,
}

impl TestDatabase {
    /// Makes a database whose name begins like `name` and is unique.
    pub async fn create(name: &str) -> Self {
        let admin_url = admin_url().await;
        let name = unique(name);
        let mut admin =
            PgConnection::connect(admin_url.as_str()).await.expect("the shared PostgreSQL answers");
        // template0 is never connected to, so that parallel tests do not wait for each other's template.
        let statement = format!("CREATE DATABASE {name} TEMPLATE template0");
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut admin)
            .await
            .expect("a superuser may make a database");
        let _closed = admin.close().await;
        let mut url = admin_url.clone();
        url.set_path(&name);
        Self { admin_url, name, url: url.into() }
    }

    /// The database, as the superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server's maintenance database, as the superuser.
    pub fn admin_url(&self) -> &str {
        self.admin_url.as_str()
    }
}

impl Drop for TestDatabase {
    /// Drops the database, whoever is connected. Should it fail, the database goes with the stack.
    fn drop(&mut self) {
        let (url, statement) =
            (self.admin_url.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        apart(async move {
            if let Ok(mut admin) = PgConnection::connect(url.as_str()).await {
                let _best_effort = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut admin).await;
            }
        });
    }
}

/// The database of a service with the roles of production: an owner for migrations, a runtime role, the auditor.
#[derive(Debug)]
pub struct ServiceDatabase {
    databases: Databases,
    service: String,
}

impl ServiceDatabase {
    /// Makes a database and roles for `service`, under a prefix that no other test has.
    pub async fn create(service: &str) -> Self {
        Self::create_on(&admin_url().await, service).await
    }

    /// As [`ServiceDatabase::create`], on the server of this superuser.
    pub(crate) async fn create_on(admin_url: &Url, service: &str) -> Self {
        let prefix = format!("{}_", unique("t"));
        // A busy machine may take longer for a login than the server waits for it.
        let databases =
            eventually(
                "the server lets a superuser in",
                LOGIN_WITHIN,
                async || match Databases::prepare_some(admin_url, &prefix, &[service], &secrets(admin_url))
                    .await
                {
                    Err(Error::PostgresUnreachable { .. }) => None,
                    prepared => Some(prepared.expect("a superuser may make roles and databases")),
                },
            )
            .await;
        Self { databases, service: service.to_owned() }
    }

    /// The options that give it to a service, which makes its own tables.
    pub fn options(&self) -> [&str; 4] {
        let urls = self.urls();
        ["--database-url", &urls.runtime, "--migrations-database-url", &urls.owner]
    }

    /// The URLs of runtime role, owner and auditor.
    pub fn urls(&self) -> &ServiceDatabaseUrls {
        self.databases.service(&self.service).expect("it was prepared")
    }
}

impl Drop for ServiceDatabase {
    /// Drops the database and its two roles. Should it fail, they go with the stack.
    fn drop(&mut self) {
        let databases = self.databases.clone();
        apart(async move {
            let _best_effort = databases.drop_all().await;
        });
    }
}

/// The auditor is one role for all databases: its password must be the same in every test process, whoever sets it. So
/// it is made from what all of them know.
fn secrets(admin_url: &Url) -> Secrets {
    let known = admin_url.password().unwrap_or_default();
    let password = known.chars().filter(char::is_ascii_alphanumeric).collect::<String>() + "auditor";
    Secrets::ephemeral([(AUDITOR.to_owned(), password)])
}

async fn admin_url() -> Url {
    Url::parse(&stack().await.postgres_url).expect("the stack's URL was used before")
}

fn unique(name: &str) -> String {
    let plain = |character: char| {
        if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '_' }
    };
    let name: String = name.chars().take(NAME_MAX).map(plain).collect();
    format!("t_{name}_{}", random_text(10))
}

/// Runs something on a thread of its own. `drop` cannot await, and must not block either: what the test's own runtime
/// has begun would stand still, and with it a login that the server waits for.
fn apart(work: impl Future<Output = ()> + Send + 'static) {
    std::thread::spawn(move || {
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
            runtime.block_on(work);
        }
    });
}
