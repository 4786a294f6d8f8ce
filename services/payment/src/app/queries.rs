//! What is read without changing anything.

pub mod get_payment;
