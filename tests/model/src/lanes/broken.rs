//! Mechanisms that can be taken away.

use clap::ValueEnum;

/// A mechanism that does not work as designed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Broken {
    /// Writers take their sequences before the commit, without holding the heads; relays read whatever lies above.
    NumberBeforeCommit,
    /// A message is offered to the relay before its commit is confirmed.
    OfferBeforeCommit,
    /// After a failover sequences are given out again under the incarnation of those that were lost.
    ReuseIncarnation,
    /// A lane is noted as published as far as it was handed to the producer.
    NoteBeforeAcknowledged,
    /// A new owner goes on at the head of the lane instead of behind what is noted as published.
    TakeOverAtHead,
    /// After a failed delivery the relay goes on behind what it had handed to the producer.
    RebuildBehindFailed,
    /// A relay that lives through a failover goes on as if its counters were still those of the database.
    IgnoreFailover,
    /// Heads of quiet lanes are not announced.
    AnnounceNothing,
    /// Nobody asks the source for what is missing.
    NeverAskSource,
    /// The consumer's transaction does not compare the watermark.
    SkipWatermark,
    /// The consumer applies what comes behind a gap, as if the missing message had been put aside.
    SkipGap,
    /// The consumer goes on in any history.
    AcceptAnyIncarnation,
    /// The consumer goes on in any child of the history that it knows, also when it has applied what that has forgotten.
    AcceptAnyChild,
    /// The consumer stops in front of any history that is new to it, also when nothing was lost.
    AcceptNoIncarnation,
    /// The position follows what was read, not what was applied.
    PositionAtRead,
}
