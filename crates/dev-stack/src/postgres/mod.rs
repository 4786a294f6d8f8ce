//! A PostgreSQL server: given by URL, or started from the machine's programs in a data folder of ours.

pub(crate) mod programs;
mod settings;
mod standby;
mod survey;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::process::Command;
use url::Url;

use crate::account::{Account, check_reachable, make_folder, write_private};
use crate::error::{Error, FileContext as _, Result};
use crate::process::{Process, ProcessSpec, last_lines};
use crate::process_table::{ProcessTable, StopSignal};
use crate::secrets::random_text;
use crate::server::Server;
use programs::Programs;
pub use survey::{ServerSurvey, survey};

const LOOK_AGAIN: Duration = Duration::from_millis(25);
const STOP_MAX: Duration = Duration::from_secs(20);
/// A connection refused for the reason given by SQLSTATE 28000 or 28P01 never gets better by waiting.
const LOGIN_REFUSED: [&str; 2] = ["28000", "28P01"];
const NAME: &str = "postgres";
const WHAT: &str = "PostgreSQL";

/// How to run the local server.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Data, password and log; made when missing.
    pub folder: PathBuf,
    /// Where it listens, on 127.0.0.1 only.
    pub port: u16,
    /// `max_connections`.
    pub connections_max: u32,
    /// Whether it is started again when it dies.
    pub supervised: bool,
}

/// A PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    admin_url: Url,
    socket_folder: Option<PathBuf>,
    server: Server,
}

impl Postgres {
    /// Uses a server that somebody else runs; logs in once to be sure.
    pub async fn given(admin_url: &str) -> Result<Self> {
        let url = parse_url(admin_url, "--postgres-url")?;
        probe(&url).await?;
        Ok(Self { admin_url: url, socket_folder: None, server: Server::given(WHAT) })
    }

    /// Starts a server of ours, making its data folder first if there is none, and waits until it answers.
    pub async fn start(options: &PostgresOptions, table: &Arc<ProcessTable>) -> Result<Self> {
        let (programs, account) = prepare(&options.folder)?;
        let password_file = options.folder.join("superuser");
        let data = options.folder.join("data");
        let password = match data_version(&data)? {
            None => initialise(&programs, &options.folder, &password_file, account.as_ref()).await?,
            Some(found) => {
                check_data_version(&options.folder, found, programs.major)?;
                std::fs::read_to_string(&password_file).on("read", &password_file)?
            }
        };
        // Boxed, because many wait for it and what they keep meanwhile adds up.
        Box::pin(Self::run(NAME, programs, account, &password, options, table)).await
    }

    /// Runs a server on the data of its folder and waits until it answers.
    async fn run(
        name: &'static str,
        programs: Programs,
        account: Option<Account>,
        password: &str,
        options: &PostgresOptions,
        table: &Arc<ProcessTable>,
    ) -> Result<Self> {
        crate::ports::check_free(options.port, WHAT)?;
        let (run, data) = (options.folder.join("run"), options.folder.join("data"));
        let sockets = settings::socket_folder(&run);
        let mut spec = ProcessSpec::new(name, programs.postgres, options.folder.join("postgres.log"));
        spec.args = settings::arguments(&data, sockets, options.port, options.connections_max);
        spec.stop_signal = StopSignal::Interrupt;
        spec.stop_grace = STOP_MAX;
        spec.restart = options.supervised;
        spec.account = account;
        let url = format!("postgres://postgres:{password}@127.0.0.1:{}/postgres", options.port);
        let this = Self {
            admin_url: parse_url(&url, "the URL of the local server")?,
            socket_folder: sockets.map(Path::to_owned),
            server: Server::ours(WHAT, Process::new(spec, table.clone())),
        };
        if let Err(error) = this.start_again().await {
            this.server.process()?.stop_with(StopSignal::Quit).await;
            return Err(error);
        }
        Ok(this)
    }

    /// The superuser's URL, or the one that was given. It holds the password.
    pub fn admin_url(&self) -> &Url {
        &self.admin_url
    }

    /// The folder of the unix socket of our own server; `None` when its path is too long or the server was given.
    pub fn socket_folder(&self) -> Option<&Path> {
        self.socket_folder.as_deref()
    }

    /// What it runs as. [`Server::stop`] is a fast shutdown: open transactions are rolled back.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Starts our server after [`Server::stop`] or [`Server::kill`] and waits until it answers.
    pub async fn start_again(&self) -> Result<()> {
        self.server.process()?.start().await?;
        self.wait_ready().await
    }

    /// Stops our server without a checkpoint, as a power cut would, and starts it again: it recovers from its log.
    pub async fn restart_immediately(&self) -> Result<()> {
        self.server.process()?.stop_with(StopSignal::Quit).await;
        self.start_again().await
    }

    /// Waits until the server answers a login.
    pub async fn wait_ready(&self) -> Result<()> {
        let answers = async {
            loop {
                match probe(&self.admin_url).await {
                    Err(Error::PostgresUnreachable { .. }) => tokio::time::sleep(LOOK_AGAIN).await,
                    other => return other,
                }
            }
        };
        self.server.wait_ready(answers).await
    }
}

/// Fails if there are no usable server programs on this machine.
pub(crate) fn check_present() -> Result<()> {
    Programs::find().map(|_| ())
}

/// Finds the programs and whom they run as, and makes the folders of a server.
fn prepare(folder: &Path) -> Result<(Programs, Option<Account>)> {
    let programs = Programs::find()?;
    let account = Account::for_servers()?;
    make_folder(folder, 0o755, None)?;
    check_reachable(folder, account.as_ref())?;
    // Sockets lie in a folder that the server's user may write, the password in one that it may not.
    make_folder(&folder.join("run"), 0o755, account.as_ref())?;
    Ok((programs, account))
}

/// Logs in and out.
async fn probe(url: &Url) -> Result<()> {
    match PgConnection::connect(url.as_str()).await {
        Ok(connection) => {
            let _closed = connection.close().await;
            Ok(())
        }
        Err(source) => Err(classify(url, source)),
    }
}

/// Tells a refused login from a server that is not there (or not yet).
pub(crate) fn classify(url: &Url, source: sqlx::Error) -> Error {
    let address = format!("{}:{}", url.host_str().unwrap_or("localhost"), url.port().unwrap_or(5432));
    let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
    if code.is_some_and(|code| LOGIN_REFUSED.contains(&&*code)) {
        return Error::PostgresLogin { address, user: url.username().to_owned(), source };
    }
    Error::PostgresUnreachable { address, source }
}

pub(crate) fn parse_url(text: &str, what: &'static str) -> Result<Url> {
    let url = Url::parse(text).map_err(|_| Error::Url { what })?;
    let ours = matches!(url.scheme(), "postgres" | "postgresql") && url.host_str().is_some();
    if ours { Ok(url) } else { Err(Error::Url { what }) }
}

/// Fails if data of version `found` in `folder` is not for a server of version `have`.
pub(crate) fn check_data_version(folder: &Path, found: String, have: u32) -> Result<()> {
    if found == have.to_string() {
        return Ok(());
    }
    Err(Error::PostgresDataVersion { folder: folder.to_owned(), found, have })
}

/// The major version of a complete data folder; `None` if there is none.
pub(crate) fn data_version(data: &Path) -> Result<Option<String>> {
    let path = data.join("PG_VERSION");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).on("read", &path),
    }
}

/// Makes the data folder under another name and moves it into place when it is complete.
async fn initialise(
    programs: &Programs,
    folder: &Path,
    password_file: &Path,
    account: Option<&Account>,
) -> Result<String> {
    let (fresh, handed) = (folder.join("run/data.new"), folder.join("run/password"));
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).on("remove", &fresh)?;
    }
    let password = random_text(32);
    write_private(password_file, password.as_bytes(), None)?;
    write_private(&handed, password.as_bytes(), account)?;
    let mut command = Command::new(&programs.initdb);
    command.arg("--pgdata").arg(&fresh).arg("--pwfile").arg(&handed);
    command.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]);
    let made = finish(command, "initdb", &programs.initdb, account).await;
    std::fs::remove_file(&handed).on("remove", &handed)?;
    made?;
    let data = folder.join("data");
    std::fs::rename(&fresh, &data).on("move into place", &data)?;
    Ok(password)
}

/// Runs a program of PostgreSQL to its end, as the servers' user.
async fn finish(mut command: Command, name: &str, program: &Path, account: Option<&Account>) -> Result<()> {
    command.current_dir("/").stdin(std::process::Stdio::null()).kill_on_drop(true);
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    let out = command.output().await;
    let out = out.map_err(|source| Error::Spawn { program: program.to_owned(), source })?;
    if out.status.success() {
        return Ok(());
    }
    let said = format!("{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    Err(Error::Program { program: name.to_owned(), status: out.status.to_string(), said: last_lines(&said) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_another_kind_is_refused() {
        for text in ["", "localhost:5432", "mysql://a@b/c", "postgres:///x"] {
            let error = parse_url(text, "--postgres-url").expect_err(text);
            assert!(error.to_string().starts_with("--postgres-url is not a valid URL"), "{error}");
        }
        parse_url("postgresql://a:b@localhost/postgres", "--postgres-url").expect("a plain URL");
    }

    #[tokio::test]
    async fn nobody_at_the_address_is_said_without_the_password() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let error = Postgres::given(&format!("postgres://me:secret@127.0.0.1:{port}/postgres"))
            .await
            .expect_err("nobody");
        assert_eq!(
            error.to_string(),
            format!("PostgreSQL does not answer at 127.0.0.1:{port}: start it, or correct the URL")
        );
    }
}
