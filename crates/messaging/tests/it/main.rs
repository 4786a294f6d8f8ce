//! Lanes against a real PostgreSQL and a real Kafka.
#![expect(clippy::unwrap_used, reason = "what a test prepares works, or the test has failed")]

mod backlog;
mod broker;
mod concurrency;
mod dead_letters;
mod executing;
mod failover;
mod faults;
mod gaps;
mod healing;
mod heard_lanes;
mod incarnations;
mod inputs;
mod lane_reading;
mod leases;
mod ledger;
mod numbering;
mod outage;
mod parking;
mod publishing;
mod registration;
mod rotation;
mod rotation_at_work;
mod serving;
mod stage;
mod status;
mod wiring;
