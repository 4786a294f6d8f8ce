//! A whole service on real sockets, seen by its callers, its probes and the one who stops it.

mod calls;
mod drain;
mod echo;
mod metrics;
mod options;
mod probes;
mod running;
mod status;
