use std::fmt;

use bowline_messaging::{Failovers, Healed, HeldUp, Node, Owned, Rotated, Troubles};
use bowline_metrics::{Metric, Source, Telling};
use tokio::sync::watch;

const PARTITIONS: Metric = Metric::gauge("bowline_partitions_owned", "Partitions that this replica works on");
const STOPPED: Metric = Metric::gauge(
    "bowline_lanes_stopped",
    "Lanes and partitions held by this replica that do not move until somebody mends them",
);
const WAITING: Metric = Metric::gauge(
    "bowline_lanes_waiting",
    "Lanes held by this replica that wait for a missing message or for the history of their source",
);
const PARKED: Metric =
    Metric::gauge("bowline_parked_keys", "Keys held by this replica whose messages wait for an operator");
const HEALED_GAPS: Metric = Metric::counter(
    "bowline_healed_gaps_total",
    "Gaps in topics that were filled by their sources and applied",
);
const HEALED_MESSAGES: Metric = Metric::counter(
    "bowline_healed_messages_total",
    "Messages that topics had lost, that their sources have brought and that were applied",
);
const FAILOVERS: Metric = Metric::counter(
    "bowline_lane_failovers_total",
    "Failovers of a source, by whether the lane went on by itself or stopped because something applied was lost",
);
const SLOTS: Metric = Metric::counter(
    "bowline_outbox_slots_emptied_total",
    "Slots of the outbox that this replica has emptied",
);
const BYTES: Metric = Metric::counter(
    "bowline_outbox_freed_bytes_total",
    "Bytes of disk that emptying slots of the outbox gave back",
);
const HELD_UP: Metric = Metric::gauge(
    "bowline_outbox_rotation_held_up",
    "1 for what keeps the oldest slot of the outbox from being emptied although it is time, else 0",
);

/// What the lanes of a node tell.
#[derive(Debug, Clone)]
pub struct LaneMetrics {
    /// The partitions that are worked on.
    pub owned: watch::Receiver<Owned>,
    /// Lanes that do not move.
    pub troubles: watch::Receiver<Troubles>,
    /// What topics had lost.
    pub healed: watch::Receiver<Healed>,
    /// Failovers of sources.
    pub failovers: watch::Receiver<Failovers>,
    /// Rotation of the outbox.
    pub rotated: watch::Receiver<Rotated>,
}

impl LaneMetrics {
    /// Those of a running node.
    pub fn of<C, R>(node: &Node<C, R>) -> Self {
        Self {
            owned: node.owned(),
            troubles: node.troubles(),
            healed: node.healed(),
            failovers: node.failovers(),
            rotated: node.rotated(),
        }
    }
}

impl Source for LaneMetrics {
    fn tell(&self, to: &mut Telling<'_>) -> fmt::Result {
        to.one(PARTITIONS, self.owned.borrow().len())?;
        let (stopped, waiting, parked) = {
            let troubles = self.troubles.borrow();
            (troubles.stopped.len(), troubles.gaps.len(), troubles.parked_keys)
        };
        to.one(STOPPED, stopped)?;
        to.one(WAITING, waiting)?;
        to.one(PARKED, parked)?;
        let healed = *self.healed.borrow();
        to.one(HEALED_GAPS, healed.gaps)?;
        to.one(HEALED_MESSAGES, healed.messages)?;
        let failovers = *self.failovers.borrow();
        to.all(
            FAILOVERS,
            [([("outcome", "survived")], failovers.survived), ([("outcome", "stopped")], failovers.stopped)],
        )?;
        let rotated = *self.rotated.borrow();
        to.one(SLOTS, rotated.slots)?;
        to.one(BYTES, rotated.bytes)?;
        let held_up_by = |reason| rotated.held_up == Some(reason);
        to.all(
            HELD_UP,
            [
                ([("reason", "unpublished")], held_up_by(HeldUp::Unpublished)),
                ([("reason", "locked")], held_up_by(HeldUp::Locked)),
            ],
        )
    }
}
