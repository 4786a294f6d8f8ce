//! What can go wrong on a machine that is not ours. Each message names the mend.

use std::path::PathBuf;

/// Why a part of the local stack cannot be started, found or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No PostgreSQL server programs of any version were found.
    #[error(
        "PostgreSQL 15 or newer is not on this machine: install it (Debian: apt-get install postgresql) or give --postgres-url"
    )]
    PostgresMissing,
    /// PostgreSQL is here, but too old.
    #[error(
        "PostgreSQL {found} on this machine is too old: install PostgreSQL 15 or newer (packages for older systems: https://www.postgresql.org/download) or give --postgres-url"
    )]
    PostgresTooOld {
        /// The newest version found.
        found: String,
    },
    /// The data folder was made by another major version.
    #[error(
        "the data in {} belongs to PostgreSQL {found}, but the server here is {have}: remove the folder to start afresh, or install PostgreSQL {found}",
        folder.display()
    )]
    PostgresDataVersion {
        /// The PostgreSQL folder of the stack.
        folder: PathBuf,
        /// Major version of the data.
        found: String,
        /// Major version of the server programs.
        have: u32,
    },
    /// The server answers, but refuses the login.
    #[error("PostgreSQL at {address} refuses the user {user}: correct the name or the password in the URL")]
    PostgresLogin {
        /// Host and port.
        address: String,
        /// The user of the URL.
        user: String,
        /// What the server said.
        #[source]
        source: sqlx::Error,
    },
    /// No server answers at the address.
    #[error("PostgreSQL does not answer at {address}: start it, or correct the URL")]
    PostgresUnreachable {
        /// Host and port.
        address: String,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
    /// A statement that sets up roles or databases failed.
    #[error("PostgreSQL refused to {action}: the given user must be allowed to create roles and databases")]
    PostgresStatement {
        /// What was tried, as a verb phrase.
        action: String,
        /// What the server said.
        #[source]
        source: sqlx::Error,
    },
    /// A connection URL cannot be read.
    #[error("{what} is not a valid URL: expected postgres://user:password@host:port/database")]
    Url {
        /// Which option is meant.
        what: &'static str,
    },
    /// A prefix for database names that PostgreSQL would have to quote.
    #[error(
        "the database prefix {prefix:?} is not usable: lower-case letters, digits and _ only, a letter first, 30 at most"
    )]
    Prefix {
        /// The prefix given.
        prefix: String,
    },
    /// No Java, or one that is too old.
    #[error(
        "Java 17 or newer is not on this machine{}: install it (Debian: apt-get install default-jre-headless) or give --kafka",
        found.as_ref().map(|version| format!(" (found {version})")).unwrap_or_default()
    )]
    JavaMissing {
        /// The version found, if any.
        found: Option<String>,
    },
    /// No Maven to fetch Kafka with.
    #[error(
        "Maven is not on this machine and Kafka is not fetched yet: install it (Debian: apt-get install maven) or give --kafka"
    )]
    MavenMissing,
    /// Maven could not fetch Kafka.
    #[error(
        "Maven could not fetch Apache Kafka: check the network or the mirror in ~/.m2/settings.xml, or give --kafka; it said:\n{said}"
    )]
    MavenFailed {
        /// The last lines of Maven's output.
        said: String,
    },
    /// No broker answers.
    #[error("Kafka does not answer at {brokers}: start it, or correct the address")]
    KafkaUnreachable {
        /// The address list.
        brokers: String,
    },
    /// A port is in use by someone else.
    #[error(
        "port {port} for {what} is taken: stop the program that listens there, or give another --port-base"
    )]
    PortTaken {
        /// The port.
        port: u16,
        /// Who wanted it.
        what: String,
    },
    /// A port that this user may not listen on.
    #[error("port {port} for {what} may not be used by this user: give a --port-base of 1024 or more")]
    PortForbidden {
        /// The port.
        port: u16,
        /// Who wanted it.
        what: String,
    },
    /// A port is used by a connection, or by one that has just ended.
    #[error(
        "port {port} for {what} is held by a connection of this machine: wait a minute, or give a --port-base below 30000, where none is"
    )]
    PortHeld {
        /// The port.
        port: u16,
        /// Who wanted it.
        what: String,
    },
    /// The run of ports does not fit below the highest port.
    #[error("--port-base {base} leaves no room for {count} ports: give a lower one")]
    PortBase {
        /// The first port.
        base: u16,
        /// How many are needed.
        count: u16,
    },
    /// No free port was found.
    #[error("no free port for {what}: close some programs, or give --port-base")]
    NoPort {
        /// Who wanted it.
        what: String,
    },
    /// Another process uses the stack folder.
    #[error(
        "a stack runs in {}{}: stop it with `bowline down`, or give another folder with --data-dir",
        folder.display(), owner.map(|pid| format!(", started by process {pid}")).unwrap_or_default()
    )]
    FolderBusy {
        /// The stack folder.
        folder: PathBuf,
        /// The process that runs it, if that is known.
        owner: Option<u32>,
    },
    /// The stack belongs to somebody else.
    #[error("process {pid}, which runs the stack in {}, belongs to another user: stop it as that user", folder.display())]
    OwnerForeign {
        /// The stack folder.
        folder: PathBuf,
        /// The process.
        pid: u32,
    },
    /// Data that is to go is in use.
    #[error("{by} uses {}: stop it first; nothing was removed", folder.display())]
    DataInUse {
        /// The folder.
        folder: PathBuf,
        /// Who uses it.
        by: String,
    },
    /// A folder on the way is closed for the user that the servers run as.
    #[error(
        "the user {user} cannot enter {}, but the servers run as that user: give another folder with --stack-dir, or chmod o+x it",
        folder.display()
    )]
    FolderClosed {
        /// The first folder on the way that is closed.
        folder: PathBuf,
        /// The unprivileged user.
        user: String,
    },
    /// A folder that we would use belongs to somebody else.
    #[error("{} belongs to another user: remove it, or set another TMPDIR", folder.display())]
    FolderForeign {
        /// The folder.
        folder: PathBuf,
    },
    /// Neither a home folder nor an explicit folder is known.
    #[error("no home folder is known: set HOME, or give --stack-dir and --cache-dir")]
    NoHome,
    /// We are root and there is nobody else to be.
    #[error(
        "PostgreSQL refuses to run as root and this machine has neither a user postgres nor nobody: run bowline as an ordinary user"
    )]
    NoAccount,
    /// A one-off program (initdb, the storage formatter) failed.
    #[error("{program} failed ({status}); it said:\n{said}")]
    Program {
        /// Its name.
        program: String,
        /// Exit status.
        status: String,
        /// The last lines of its output.
        said: String,
    },
    /// A program cannot be started at all.
    #[error("{} cannot be started: check that the file exists and may be executed", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A process ended before it was ready.
    #[error("{name} ended before it was ready ({status}); its log {} ends with:\n{tail}", log.display())]
    DiedEarly {
        /// Name of the process.
        name: String,
        /// Exit status.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// A process runs, but does not become ready.
    #[error("{name} was not ready after {seconds} s; its log {} ends with:\n{tail}", log.display())]
    NotReady {
        /// Name of the process.
        name: String,
        /// How long we waited.
        seconds: u64,
        /// Its log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// No process of that name is supervised.
    #[error("no process named {name} was started")]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// A process of that name is supervised already.
    #[error("a process named {name} was started already")]
    Duplicate {
        /// The name asked for.
        name: String,
    },
    /// A verb was used on a server that somebody else runs.
    #[error("{what} was given by address, so it cannot be started or stopped from here")]
    NotOurs {
        /// The server.
        what: &'static str,
    },
    /// No stack runs in the folder.
    #[error("no stack runs in {}", folder.display())]
    NotRunning {
        /// The stack folder.
        folder: PathBuf,
    },
    /// A file of ours cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// A verb phrase.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Turns an I/O error into [`Error::File`].
pub(crate) trait FileContext<T> {
    fn on(self, action: &'static str, path: &std::path::Path) -> Result<T>;
}

impl<T> FileContext<T> for std::io::Result<T> {
    fn on(self, action: &'static str, path: &std::path::Path) -> Result<T> {
        self.map_err(|source| Error::File { action, path: path.to_owned(), source })
    }
}
