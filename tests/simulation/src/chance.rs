//! Chance: everything that is not decided is drawn from one seeded generator.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// The one generator of a run.
#[derive(Debug)]
pub(crate) struct Chance(StdRng);

impl Chance {
    pub(crate) fn of_seed(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// A number below `limit`, which is above zero.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let scaled = (u128::from(self.0.next_u64()) * limit as u128) >> 64;
        usize::try_from(scaled).expect("it is below a usize")
    }

    /// True in `percent` of a hundred cases.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.below(among.len())]
    }

    /// One of the things, by weight.
    pub(crate) fn weighted<T>(&mut self, among: Vec<(usize, T)>) -> Option<T> {
        let total: usize = among.iter().map(|(weight, _)| weight).sum();
        let mut drawn = if total == 0 { return None } else { self.below(total) };
        for (weight, thing) in among {
            if drawn < weight {
                return Some(thing);
            }
            drawn -= weight;
        }
        None
    }
}
