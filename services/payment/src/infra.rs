//! What lies outside: the table of open operations, and the payment provider.

pub mod operations;
pub mod provider;
