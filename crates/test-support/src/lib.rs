//! What tests stand on: one real PostgreSQL and one real Kafka on this machine, shared by all test binaries.
//!
//! [`stack`] starts them when nobody has, and finds them otherwise. They outlive the test process and go by themselves
//! when no test process has lived for two minutes. `BOWLINE_TEST_POSTGRES_URL` and `BOWLINE_TEST_KAFKA` name others to use.
//!
//! - A database of one's own: [`TestDatabase::create`], or [`ServiceDatabase::create`] with the roles of production.
//! - A server of one's own with a streaming replica, to be failed over: [`Replicated`].
//! - Topics of one's own: [`namespace`].
//! - Messages as they come in: [`message`]; a service that says them on real lanes: [`Speaker`].
//! - The service that is tested, in the process of the test: [`Running`].
//! - The workspace's programs: [`binary`] and [`binaries`]; as a proof runs them: [`programs_for_proving`].
//! - A collector that keeps the spans that it is sent: [`Collector`].
//! - Waiting for what happens elsewhere: [`eventually`].
//! - What `docs/metrics.md` lists, and what is exported: [`metrics_page`].
//!
//! Tests share the servers: they must not stop them. A test that does starts a `bowline_dev_stack::Stack` of its own.
//! Everything here panics with a clear message when the machine lacks something, because a test can do nothing else.

mod binaries;
mod collector;
mod databases;
mod eventually;
mod message;
pub mod metrics_page;
mod replicated;
mod running;
mod shared;
mod speaker;

pub use binaries::{binaries, binary, programs_for_proving};
pub use bowline_dev_stack::ServiceDatabaseUrls;
pub use collector::{Collected, Collector};
pub use databases::{ServiceDatabase, TestDatabase};
pub use eventually::eventually;
pub use message::message;
pub use replicated::Replicated;
pub use running::Running;
pub use shared::{TestStack, stack};
pub use speaker::Speaker;

/// A topic namespace that no other test has: a prefix such as `t-4f9k2m7x.`.
pub fn namespace() -> String {
    format!("t-{}.", bowline_dev_stack::secrets::random_text(10))
}

/// The variables that a developer may set for tests. Tests have no command line, so clap cannot read them.
#[expect(clippy::disallowed_methods, reason = "tests have no command line through which options could come")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
