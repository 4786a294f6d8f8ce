//! A PostgreSQL of one's own with a streaming replica, for tests that lose it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use bowline_dev_stack::databases::prepare_group_roles;
use bowline_dev_stack::ports::Ports;
use bowline_dev_stack::process_table::ProcessTable;
use bowline_dev_stack::{Postgres, PostgresOptions, ServiceDatabaseUrls};
use url::Url;

use crate::ServiceDatabase;

/// Few: a test has one service on it.
const CONNECTIONS_MAX: u32 = 60;

/// How long they outlive a test process that was killed.
const IDLE_SECONDS: u32 = 10;

/// A primary and its standby, stopped by [`Replicated::stop`]. After a test that fails they stop by themselves, because
/// their folder is gone.
#[derive(Debug)]
pub struct Replicated {
    primary: Postgres,
    standby: Postgres,
    // Removed last.
    _folder: tempfile::TempDir,
}

impl Replicated {
    /// Starts both; the standby follows asynchronously.
    pub async fn start() -> Self {
        let open = std::fs::Permissions::from_mode(0o711);
        let folder = tempfile::Builder::new().permissions(open).tempdir().expect("a temporary folder");
        let table = Arc::new(ProcessTable::create(folder.path()).expect("a table of processes"));
        let users = folder.path().join("users");
        std::fs::create_dir(&users).expect("our folder");
        std::fs::write(users.join(std::process::id().to_string()), "").expect("our folder");
        bowline_dev_stack::leave_guardian(&table, folder.path(), IDLE_SECONDS).expect("a guardian");
        let ports = Ports::new(None);
        let primary = Postgres::start(&options(folder.path(), "primary", &ports), &table).await;
        let primary = primary.expect("the primary starts");
        prepare_group_roles(primary.admin_url()).await.expect("a superuser may make roles");
        let standby = primary.start_standby(&options(folder.path(), "standby", &ports), &table).await;
        Self { primary, standby: standby.expect("the standby starts"), _folder: folder }
    }

    /// The database of a service on the primary.
    pub async fn service_database(&self, service: &str) -> ServiceDatabase {
        ServiceDatabase::create_on(self.primary.admin_url(), service).await
    }

    /// Waits until the standby has everything that is committed.
    pub async fn catches_up(&self) {
        self.standby.catches_up_with(&self.primary).await.expect("the standby follows");
    }

    /// What is committed from here on does not reach the standby.
    pub async fn cut_off(&self) {
        self.standby.stop_following().await.expect("the standby can be told");
    }

    /// Kills the primary and promotes the standby.
    pub async fn fail_over(&self) {
        self.primary.server().kill().await.expect("it is ours");
        self.standby.promote().await.expect("the standby takes over");
    }

    /// Where a service finds its database on the standby.
    pub fn on_standby(&self, urls: &ServiceDatabaseUrls) -> ServiceDatabaseUrls {
        let moved = |url: &str| {
            let mut url = Url::parse(url).expect("it was used before");
            url.set_port(self.standby.admin_url().port()).expect("it has a host");
            url.to_string()
        };
        ServiceDatabaseUrls {
            database: urls.database.clone(),
            runtime: moved(&urls.runtime),
            owner: moved(&urls.owner),
            auditor: moved(&urls.auditor),
        }
    }

    /// Stops both.
    pub async fn stop(self) {
        self.primary.server().stop().await;
        self.standby.server().stop().await;
    }
}

fn options(folder: &Path, name: &str, ports: &Ports) -> PostgresOptions {
    PostgresOptions {
        folder: folder.join(name),
        port: ports.next("PostgreSQL").expect("a free port"),
        connections_max: CONNECTIONS_MAX,
        supervised: false,
    }
}
