//! The rules of an order: every decision, the stored form of every event, and reports in any order.

mod deadlines;
mod decisions;
mod given;
mod golden;
mod interleavings;
