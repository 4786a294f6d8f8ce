//! What the service does: one file per use case.

pub mod command;
mod effects;
pub mod execute;
mod publish;
pub(crate) mod queries;
mod reactions;
pub mod reply;
pub mod sagas;
pub mod stream;
pub(crate) mod view;
