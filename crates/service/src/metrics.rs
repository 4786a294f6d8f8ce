//! What every service tells Prometheus under `/metrics`.

mod dependencies;
mod lanes;

pub(crate) use self::dependencies::Dependencies;
pub use self::lanes::LaneMetrics;
