//! What every service tells Prometheus under `/metrics`.

mod calls;
mod dependencies;
mod lanes;

pub(crate) use self::calls::{Call, Calls};
pub(crate) use self::dependencies::Dependencies;
pub use self::lanes::LaneMetrics;
