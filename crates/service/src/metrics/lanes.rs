use std::fmt;

use bowline_database::Database;
use bowline_messaging::{
    Backlog, Batches, Failovers, Healed, HeldUp, Node, Owned, Rotated, Troubles, Waiting,
};
use bowline_metrics::{Distribution, Metric, Source, Telling};
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

const LAG: Metric = Metric::gauge(
    "bowline_consumer_lag_messages",
    "Records of a partition that this replica has not applied, at the last look",
);
const LAG_AGE: Metric = Metric::gauge(
    "bowline_consumer_lag_seconds",
    "For how long the first of them has waited, 0 if there is none",
);
const UNPUBLISHED: Metric = Metric::gauge(
    "bowline_outbox_unpublished_messages",
    "Messages of a lane that are committed and not noted as published, at the last look",
);
const UNPUBLISHED_AGE: Metric = Metric::gauge(
    "bowline_outbox_oldest_unpublished_seconds",
    "How old the first of them is, 0 if there is none",
);
const BATCH_TIME: Distribution = Distribution {
    name: "bowline_batch_duration_seconds",
    help: "How long batches took from their beginning to their commit, trying again included",
};
const BATCH_SIZE: Distribution =
    Distribution { name: "bowline_batch_operations", help: "Messages and commands in a batch" };
const SNAPSHOT: Metric = Metric::gauge(
    "bowline_database_oldest_snapshot_transactions",
    "How many transactions ago the oldest snapshot was taken that the database still has to serve, at the last look",
);
const LENT: Metric = Metric::gauge(
    "bowline_database_connections_lent",
    "Connections of a pool that are in use: work for batches and publishing, reads for callers and checks",
);
const MOST: Metric = Metric::gauge("bowline_database_connections_max", "Connections that a pool may have");

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
    /// What is not done yet.
    pub backlog: watch::Receiver<Backlog>,
    /// What is done at a time.
    pub batches: Batches,
    /// The connections, by what they are for.
    pub pools: [(&'static str, Database); 2],
}

impl LaneMetrics {
    /// Those of a running node, whose service reads on connections of its own.
    pub fn of<C, R>(node: &Node<C, R>, reads: Database) -> Self {
        Self {
            owned: node.owned(),
            troubles: node.troubles(),
            healed: node.healed(),
            failovers: node.failovers(),
            rotated: node.rotated(),
            backlog: node.backlog(),
            batches: node.batches(),
            pools: [("work", node.database()), ("reads", reads)],
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
        )?;
        let backlog = self.backlog.borrow().clone();
        tell_waiting(to, LAG, LAG_AGE, &backlog.unapplied)?;
        tell_waiting(to, UNPUBLISHED, UNPUBLISHED_AGE, &backlog.unpublished)?;
        to.one(SNAPSHOT, backlog.oldest_snapshot)?;
        to.distributions(BATCH_TIME, [([], &self.batches.durations)])?;
        to.distributions(BATCH_SIZE, [([], &self.batches.sizes)])?;
        let pools = || self.pools.iter().map(|(pool, database)| ([("pool", *pool)], database.pool_use()));
        to.all(LENT, pools().map(|(labels, pool)| (labels, pool.lent)))?;
        to.all(MOST, pools().map(|(labels, pool)| (labels, pool.most)))
    }
}

/// Tells of each partition how much waits there, and for how long the first of it.
fn tell_waiting(to: &mut Telling<'_>, count: Metric, age: Metric, waiting: &[Waiting]) -> fmt::Result {
    let partitions: Vec<String> = waiting.iter().map(|waiting| waiting.partition.to_string()).collect();
    let labelled = || {
        waiting.iter().zip(&partitions).map(|(waiting, partition)| {
            ([("topic", waiting.topic.as_str()), ("partition", partition.as_str())], waiting)
        })
    };
    to.all(count, labelled().map(|(labels, waiting)| (labels, waiting.count)))?;
    to.all(age, labelled().map(|(labels, waiting)| (labels, waiting.age.as_secs_f64())))
}
