//! Migrations of several owners in one database.

use sqlx::{Connection as _, PgConnection};

use crate::{Error, Migrator};

/// Applies the migrations of every `(name, migrator)` in order, on a connection of its own to `url`.
///
/// Each migrator keeps its own table of what has been applied (`sqlx.toml`), and takes PostgreSQL's advisory lock, so
/// that several replicas may start at once. The role of `url` owns what is created.
pub async fn migrate(url: &str, migrators: &[(&'static str, &Migrator)]) -> Result<(), Error> {
    let mut connection = PgConnection::connect(url).await?;
    for (name, migrator) in migrators {
        migrator
            .run(&mut connection)
            .await
            .map_err(|source| Error::Migration { name, source: Box::new(source) })?;
        tracing::debug!(name, "migrations applied");
    }
    connection.close().await?;
    Ok(())
}
