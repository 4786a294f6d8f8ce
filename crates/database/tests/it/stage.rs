//! A database of its own for each test, with a table to write to.

use std::time::Duration;

use bowline_database::{ConnectOptions, Database, Profile};
use bowline_test_support::TestDatabase;

/// Ends a run that hangs; no test is right or wrong by it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A database, gone with this value.
pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
}

impl Stage {
    pub(crate) async fn new(name: &str) -> Self {
        let stage = Self { database: TestDatabase::create(name).await };
        let pool = stage.open(Profile::Query, 1);
        sqlx::raw_sql("CREATE TABLE notes (note integer PRIMARY KEY)")
            .execute(&mut *pool.acquire().await.unwrap())
            .await
            .unwrap();
        stage
    }

    pub(crate) fn options(&self, profile: Profile, connections_max: u32) -> ConnectOptions {
        ConnectOptions {
            url: self.database.url().to_owned(),
            application: "it",
            connections_max,
            acquire_timeout: PATIENCE,
            profile,
        }
    }

    pub(crate) fn open(&self, profile: Profile, connections_max: u32) -> Database {
        Database::open(&self.options(profile, connections_max)).unwrap()
    }
}

pub(crate) async fn notes(database: &Database) -> Vec<i32> {
    sqlx::query_scalar("SELECT note FROM notes ORDER BY note")
        .fetch_all(&mut *database.acquire().await.unwrap())
        .await
        .unwrap()
}
