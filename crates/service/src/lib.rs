//! What every service's `main` needs and no service should write itself: options, logs, servers, health, drain, errors.
//!
//! **Guarantees.**
//! - All faults of the options are named at once, before anything starts; exit status 2 for them, 1 for a start or a run
//!   that failed, 0 after a clean drain.
//! - After SIGTERM or SIGINT the service says that it is not serving, finishes the calls in flight, runs the drain steps
//!   in their order, stops the background tasks, and all of that within one deadline. A second signal ends it at once.
//! - A background task that fails, panics or ends too early ends the process with an error. Nothing fails in silence.
//! - The spans of a sampled call, and what it leads to, go to the collector that the `OTEL_…` variables name.
//! - `/metrics` tells Prometheus how calls, breakers, valves and lanes stand (docs/metrics.md).
//! - Every call has a deadline and a place among a bounded number of calls; a panic is an answer, not a broken
//!   connection; what is internal never reaches a caller, who gets an id to ask about instead.
//!
//! **Does not.** It knows no business word and no table. It authenticates nobody.
//!
//! **How to add one more service.** Flatten [`ServiceOptions`] into its options and let its `main` be
//!
//! ```no_run
//! use bowline_service::{Grpc, Service, ServiceOptions};
//! # #[derive(clap::Parser)]
//! # struct Options { #[command(flatten)] service: ServiceOptions }
//!
//! fn main() -> std::process::ExitCode {
//!     let settings = bowline_config::load(|options: Options, faults| options.service.check(faults));
//!     let log = settings.log.clone();
//!     bowline_service::launch("orders", &log, async move {
//!         let service = Service::start("orders", settings).await?;
//!         let database = service.readiness().register("database");
//!         // Connect; build the parts; hand long-running ones to service.background().spawn("relay", …).
//!         database.set_ready();
//!         service.grpc(Grpc::new(&[])).on_drain("executor", async {}).run().await
//!     })
//! }
//! ```
//!
//! A service whose work runs on lanes flattens [`ReplicaOptions`] instead, begins with [`Service::register`], and hands its
//! node to
//! [`Service::with_node`], which registers the checks "database" and "topics", serves `LaneService`, `HeardLaneService` and
//! `DeadLetterService`, and adds the node to the drain. Every service serves `StatusService`; [`Service::show_in_flight`] adds
//! the work that it leads. Calls about a key go to the replica that owns it through a
//! [`Forwarding`].

mod background;
mod body;
mod call_trace;
mod dead_letter_service;
mod error;
mod forwarding;
mod grpc;
mod guard;
mod heard_lane_service;
mod housekeeping;
mod http_server;
mod lane_service;
mod lanes;
mod launch;
mod metrics;
mod options;
mod page_token;
mod readiness;
mod service;
mod signals;
mod status;
mod status_service;
mod telemetry;
mod trace_id;
mod violations;

pub use background::Background;
pub use call_trace::call_below;
pub use error::ServiceError;
pub use forwarding::{ForwardArgs, ForwardSettings, Forwarding, Forwards, Origin};
pub use grpc::Grpc;
pub use housekeeping::{AnswersArgs, forget_answers};
pub use lanes::{
    Advertised, NodeFailed, ReplicaOptions, ReplicaSettings, command_failed, read_failed, request_id_reused,
};
pub use launch::launch;
pub use metrics::LaneMetrics;
pub use options::{
    DrainSettings, LimitSettings, ListenSettings, LogFormat, LogSettings, ServiceOptions, ServiceSettings,
};
pub use page_token::{PageTokenRefused, decode_page_token, encode_page_token};
pub use readiness::{Check, Readiness};
pub use service::Service;
pub use signals::{SignalSender, Signals};
pub use status::{ApiError, DOMAIN, ErrorKind};
pub use trace_id::TraceId;
pub use violations::{Violation, Violations};
