//! The orders service on a real PostgreSQL, with the roles of production: its transaction on its own, and the whole
//! service behind gRPC with a catalogue that speaks the real protocol.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod cancelling;
mod catalogue;
mod conflicts;
mod deadlines;
mod delivery;
mod expiring;
mod forwarding;
mod idempotency;
mod neighbours;
mod options;
mod outage;
mod owner;
mod placing;
mod pricing;
mod reactions;
mod reading;
mod running;
mod stage;
mod status;
