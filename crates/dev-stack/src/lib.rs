//! Starts PostgreSQL and Kafka on this machine, without containers, and keeps service processes running beside them.
//!
//! It is what `bowline demo`, `bowline up` and the tests stand on. It guarantees:
//! - **Nothing is left behind.** [`Stack::stop`] stops services, then servers. If this process ends in any other way,
//!   SIGKILL included, a guardian process stops them; should that be killed too, the next start in the same folder does.
//!   A process is signalled only if it is still the one that was started.
//! - **Anybody may end it.** The folder's lock names the process that runs the stack; [`Owner::stop`] ends it in order from
//!   another process, [`sweep`] what a dead one has left, and [`remove_data`] what they kept.
//! - **Data is durable.** PostgreSQL runs with `fsync` and `synchronous_commit` on.
//! - **Only this machine gets in.** Servers listen on 127.0.0.1, PostgreSQL asks for random passwords that lie in files
//!   for their owner alone, and as root the servers run as an unprivileged user.
//! - **Trouble is one sentence with its mend.** See [`Error`].
//!
//! It does not survive a broken disk, and its Kafka is one node: a deployment brings servers of its own.
//!
//! To add a server: a module with `given`, `start`, `server`, `wait_ready` like [`postgres`], a line in [`stack`] for each
//! of them, and a variant of [`Error`] for every reason why it may be missing.

mod account;
mod data;
pub mod databases;
mod error;
pub mod folders;
mod guardian;
pub mod kafka;
pub mod machine;
mod owner;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod process_table;
pub mod secrets;
pub mod server;
pub mod services;
pub mod stack;

pub use data::remove_data;
pub use databases::{Databases, ServiceDatabaseUrls};
pub use error::{Error, Result};
pub use folders::{Folders, Surroundings};
pub use guardian::leave_guardian;
pub use kafka::{Kafka, KafkaOptions};
pub use owner::{Owner, sweep, wait_until_gone};
pub use postgres::{Postgres, PostgresOptions};
pub use process::{Ending, ProcessSpec};
pub use server::Server;
pub use services::{Running, Supervisor};
pub use stack::{Stack, StackDescription, StackOptions};
