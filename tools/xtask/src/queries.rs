//! The cache of checked queries: the `.sqlx` folder of the workspace.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use bowline_dev_stack::databases::prepare_group_roles;
use bowline_dev_stack::process_table::ProcessTable;
use bowline_dev_stack::{Postgres, PostgresOptions, ports};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use url::Url;

/// A crate with statements that are checked.
struct Checked {
    folder: PathBuf,
    package: String,
    /// The variable that tells the macros of this crate where its database is.
    variable: String,
    schema: String,
}

/// Checks every statement; writes the caches, or compares them when `check` is set.
pub(crate) async fn run(check: bool, postgres_url: Option<Url>) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let crates = crates_with_sql(&root)?;
    // The server may run as another user, who has to get through.
    let folder = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o711)).tempdir()?;
    let (server, url) = if let Some(url) = postgres_url {
        (None, url)
    } else {
        let server = start(folder.path()).await?;
        let url = server.admin_url().clone();
        (Some(server), url)
    };
    let outcome = prepare_all(&root, &crates, &url, check).await;
    if let Some(server) = server {
        server.server().stop().await;
    }
    outcome
}

async fn start(folder: &Path) -> anyhow::Result<Postgres> {
    let table = Arc::new(ProcessTable::create(folder)?);
    let port = ports::Ports::new(None).next("PostgreSQL")?;
    let folder = folder.join("postgres");
    let options = PostgresOptions { folder, port, connections_max: 50, supervised: false };
    Ok(Postgres::start(&options, &table).await?)
}

fn crates_with_sql(root: &Path) -> anyhow::Result<Vec<Checked>> {
    let mut crates = Vec::new();
    for group in ["crates", "services", "examples"] {
        for entry in fs::read_dir(root.join(group))? {
            let folder = entry?.path();
            if let Ok(settings) = fs::read_to_string(folder.join("sqlx.toml")) {
                let name =
                    folder.file_name().and_then(|name| name.to_str()).context("folders have plain names")?;
                crates.push(Checked {
                    package: format!("bowline-{name}"),
                    variable: quoted(&settings, "database-url-var")?,
                    schema: quoted(&settings, "create-schemas")?,
                    folder,
                });
            }
        }
    }
    Ok(crates)
}

/// The first text in quotation marks behind `name`.
fn quoted(settings: &str, name: &str) -> anyhow::Result<String> {
    settings
        .lines()
        .find(|line| line.trim_start().starts_with(name))
        .and_then(|line| line.split('"').nth(1))
        .map(str::to_owned)
        .with_context(|| format!("sqlx.toml has no {name}"))
}

async fn prepare_all(root: &Path, crates: &[Checked], url: &Url, check: bool) -> anyhow::Result<()> {
    prepare_group_roles(url).await?;
    let mut variables = Vec::new();
    for checked in crates {
        variables.push((checked.variable.clone(), database(checked, url).await?));
    }
    let fresh = tempfile::tempdir()?;
    statements(root, crates, &variables, fresh.path())?;
    let cache = root.join(".sqlx");
    if read(fresh.path())? == read(&cache)? {
        return Ok(());
    }
    ensure!(!check, "run `cargo xtask queries`: the .sqlx folder is stale");
    replace(fresh.path(), &cache)
}

/// A new database with the crate's own migrations.
async fn database(checked: &Checked, url: &Url) -> anyhow::Result<String> {
    let name = format!("check_{}", checked.schema);
    let mut admin = PgConnection::connect(url.as_str()).await?;
    for statement in
        [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")]
    {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut admin).await?;
    }
    admin.close().await?;
    let mut url = url.clone();
    url.set_path(&name);
    let mut owner = PgConnection::connect(url.as_str()).await?;
    let schema = format!("CREATE SCHEMA IF NOT EXISTS {}", checked.schema);
    sqlx::raw_sql(AssertSqlSafe(schema)).execute(&mut owner).await?;
    let mut migrations: Vec<PathBuf> = fs::read_dir(checked.folder.join("migrations"))?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    migrations.sort();
    for migration in migrations {
        let sql = fs::read_to_string(&migration)?;
        let applied = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut owner).await;
        applied.with_context(|| format!("{} cannot be applied", migration.display()))?;
    }
    owner.close().await?;
    Ok(url.into())
}

/// Compiles the crates against their databases; their macros write what they learn to `cache`.
fn statements(
    root: &Path,
    crates: &[Checked],
    variables: &[(String, String)],
    cache: &Path,
) -> anyhow::Result<()> {
    for checked in crates {
        // The macros run again only if the crate is compiled again.
        let library = checked.folder.join("src/lib.rs");
        fs::File::options().append(true).open(&library)?.set_modified(std::time::SystemTime::now())?;
    }
    let status = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["check", "--quiet"])
        .args(crates.iter().flat_map(|checked| ["--package", &checked.package]))
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", cache)
        .envs(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .status()?;
    ensure!(status.success(), "the statements cannot be checked");
    Ok(())
}

fn read(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    let Ok(entries) = fs::read_dir(folder) else { return Ok(files) };
    for entry in entries {
        let entry = entry?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path())?);
    }
    Ok(files)
}

fn replace(fresh: &Path, cache: &Path) -> anyhow::Result<()> {
    if cache.exists() {
        fs::remove_dir_all(cache)?;
    }
    fs::create_dir_all(cache)?;
    for (name, text) in read(fresh)? {
        fs::write(cache.join(name), text)?;
    }
    Ok(())
}
