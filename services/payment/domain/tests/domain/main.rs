//! The rules of a payment: every decision, the stored form of every event and state, and whole sagas in any order.

mod decisions;
mod given;
mod golden;
mod messages;
mod saga;
mod snapshots;
mod world;
