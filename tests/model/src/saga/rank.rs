//! How far the world is: every step that is not a fault leads to a higher rank.

use super::lane::Inbox;
use super::payment::Worker;
use super::world::World;

/// Compared from the first field on. What a step may lower stands below what it raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// Messages applied.
    applied: usize,
    /// Events stored and messages published.
    written: usize,
    /// Operations that the provider has decided.
    decided: usize,
    /// How far the worker is with the open operations.
    worked: usize,
    /// Requests that have arrived.
    arrived: usize,
    /// Decisions that wait for their commit.
    begun: usize,
}

impl Rank {
    pub(crate) fn of(world: &World) -> Self {
        let mut rank = Self {
            applied: 0,
            written: 0,
            decided: 0,
            worked: 0,
            arrived: 0,
            begun: world.deciding.iter().flatten().count(),
        };
        for saga in &world.sagas {
            rank.applied += saga.lanes.iter().map(|lane| usize::from(lane.watermark())).sum::<usize>();
            rank.written += usize::from(saga.order_version) + usize::from(saga.payment_version);
            rank.written += saga.lanes.iter().map(Inbox::published).sum::<usize>();
            rank.decided += saga.provider.decisions();
            rank.worked += match saga.worker {
                Worker::Idle => 0,
                Worker::Ask => 1,
                Worker::Send => 2,
                Worker::Wait => 3,
            };
            rank.arrived += usize::from(saga.provider.asked().is_none());
        }
        rank
    }
}
