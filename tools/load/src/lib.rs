//! Replays a retailer's invoices against the services.
//!
//! **What it is.** [`retail`] reads a file of invoices into a [`plan::Plan`]; [`generator`] enters its catalogue and
//! stock, places its orders over gRPC and follows every saga to its end; [`compare`](mod@compare) holds what the
//! services said against what the file says; [`report`] tells machines and people.
//!
//! **Guarantees.** Same file, same plan: nothing in it depends on time or chance. A file with one bad line is refused
//! as a whole. An order is placed once however often its call is repeated, because every try carries the same
//! request id. A replay always ends: with an outcome, or with an error that names what is stuck.
//!
//! **Does not.** It looks into no database and talks to no broker: the caller brings the stream of events and what the
//! services' books say. It draws no progress bar; [`generator::Progress`] can be read at any time.
//!
//! **How to replay another kind of file.** Add a module beside [`retail`] that makes a [`plan::Plan`] of it.

pub mod compare;
pub mod generator;
pub mod plan;
pub mod report;
pub mod retail;
