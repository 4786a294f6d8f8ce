//! Exploring the model and saying what was found.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use stateright::{Checker as _, HasDiscoveries, Model as _};

use super::{Action, Lanes, Property};

/// What an exploration has found.
#[derive(Debug)]
pub struct Exploration {
    /// How many different states were reached.
    pub states: usize,
    /// How many steps were taken between them.
    pub steps: usize,
    /// The length of the longest run without repetition, from state to state.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// What was found of each property that has something to show.
    pub findings: Vec<Finding>,
}

/// A run that ends in a state of interest: one that violates an invariant, or one where something happens that must.
#[derive(Debug)]
pub struct Finding {
    /// What it is a run for.
    pub property: Property,
    /// The run; with one thread no shorter one leads to such a state.
    pub run: Vec<Action>,
}

impl Lanes {
    /// Explores everything within the bounds, breadth first, or until a violation of one of `until` is found.
    pub fn explore(&self, threads: usize, until: &[Property]) -> Exploration {
        let began = Instant::now();
        let wanted: BTreeSet<&'static str> = until.iter().map(|property| property.text()).collect();
        let finish = if wanted.is_empty() { HasDiscoveries::All } else { HasDiscoveries::AnyOf(wanted) };
        let checker = self.clone().checker().threads(threads).finish_when(finish).spawn_bfs().join();
        let findings = checker.discoveries().into_iter().filter_map(|(name, path)| {
            let property = Property::ALL.into_iter().find(|property| property.text() == name)?;
            Some(Finding { property, run: path.into_actions() })
        });
        Exploration {
            states: checker.unique_state_count(),
            steps: checker.state_count(),
            depth: checker.max_depth(),
            findings: findings.collect(),
            took: began.elapsed(),
        }
    }
}

impl Exploration {
    /// The run that was found for a property.
    pub fn run(&self, property: Property) -> Option<&[Action]> {
        self.findings.iter().find(|finding| finding.property == property).map(|finding| &*finding.run)
    }

    /// The invariants that are violated.
    pub fn violated(&self) -> Vec<Property> {
        let invariants = Property::ALL.into_iter().filter(|property| property.is_invariant());
        invariants.filter(|property| self.run(*property).is_some()).collect()
    }
}
