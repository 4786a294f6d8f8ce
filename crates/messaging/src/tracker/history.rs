//! What is known of a source's histories, and what of a lane belongs to the present one.

use std::collections::BTreeMap;

use uuid::Uuid;

/// The histories of a source, from the first to the present one, for lanes of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct History(Vec<Link>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) incarnation: Uuid,
    /// By partition: the last sequence that it has of the histories before it.
    pub(crate) starts: BTreeMap<u16, i64>,
}

impl History {
    /// `None` if there is no history at all.
    pub(crate) fn new(links: Vec<Link>) -> Option<Self> {
        (!links.is_empty()).then_some(Self(links))
    }

    /// The present history.
    pub(crate) fn current(&self) -> Uuid {
        self.0.last().expect("never made of nothing").incarnation
    }

    /// The same for one lane.
    pub(super) fn of(&self, partition: u16) -> Ancestry {
        let mut kept = i64::MAX;
        let mut ancestry = Vec::with_capacity(self.0.len());
        for link in self.0.iter().rev() {
            ancestry.push((link.incarnation, kept));
            // A lane that is not named began later: nothing of it lies in a history before.
            kept = kept.min(link.starts.get(&partition).copied().unwrap_or(0));
        }
        Ancestry(ancestry)
    }
}

/// The present history of a lane and those before it, each with the last of its sequences that the present one has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ancestry(Vec<(Uuid, i64)>);

impl Ancestry {
    pub(super) fn current(&self) -> Uuid {
        self.0[0].0
    }

    /// The last sequence given in `incarnation`, or before it, that the present history has; `None` if it does not
    /// descend from there.
    pub(super) fn kept(&self, incarnation: Uuid) -> Option<i64> {
        self.0.iter().find(|(known, _)| *known == incarnation).map(|(_, kept)| *kept)
    }
}

/// What a consumer has applied that its source does not have any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forgotten {
    /// The last sequence that both have.
    pub(crate) kept: i64,
    /// The history in which the source continues.
    pub(crate) incarnation: Uuid,
}

/// A lane that has met a history which it does not know, and applies nothing until it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doubt {
    /// The history.
    pub(super) incarnation: Uuid,
    /// The present history of the source, which has told its own and does not have that one.
    pub(super) denied_by: Option<Uuid>,
}
