use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderMap;

/// The id that joins everything that one call causes; 16 bytes, shown as 32 lower-case hexadecimal digits.
///
/// A handler finds it among the extensions of its request. It is the caller's, from `traceparent` (W3C Trace Context),
/// or else a fresh one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

/// What this process makes ids with, from a key that no other process has.
static PROCESS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
static COUNTER: AtomicU64 = AtomicU64::new(1);

impl TraceId {
    /// An id that no other call has. It is unique, not secret. All of it is random, because samplers take a share of the
    /// traces by the lower half of their ids.
    pub fn fresh() -> Self {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let [high, low] = [(count, 0_u8), (count, 1)].map(|part| u128::from(PROCESS.hash_one(part)));
        Self(high << 64 | low)
    }

    pub(crate) fn of(headers: &HeaderMap) -> Self {
        headers
            .get("traceparent")
            .and_then(|value| value.to_str().ok())
            .and_then(Self::parse)
            .unwrap_or_else(Self::fresh)
    }

    /// The first half, for names of processes.
    pub(crate) fn short(self) -> String {
        format!("{:016x}", self.0 >> 64)
    }

    fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let id =
            parts.nth(1).filter(|id| id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        let id = u128::from_str_radix(id, 16).ok()?;
        // An id of zeros is invalid by the standard.
        (id != 0).then_some(Self(id))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_id_is_kept() {
        let id =
            TraceId::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").expect("well-formed");
        assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn a_malformed_parent_gives_a_fresh_id() {
        let zeros = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        for wrong in ["", "00", "00-xyz-1-01", "00-+bf92f3577b34da6a3ce929d0e0e4736-1-01", &zeros] {
            assert_eq!(TraceId::parse(wrong), None, "{wrong}");
        }
        assert_ne!(TraceId::fresh(), TraceId::fresh());
    }
}
