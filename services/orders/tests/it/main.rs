//! The orders service on a real PostgreSQL, with the roles of production: its transaction on its own, and the whole
//! service behind gRPC with a catalogue that speaks the real protocol.

mod cancelling;
mod catalogue;
mod delivery;
mod idempotency;
mod options;
mod outage;
mod placing;
mod pricing;
mod reactions;
mod reading;
mod running;
mod stage;
