//! Which fault happens when, to what, for how long: a pure function of a seed and of what there is.

mod rules;
#[cfg(test)]
mod tests;

use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng as _, SeedableRng as _};

use crate::kind::Kind;
use crate::target::{Target, Terrain};
use rules::Occupied;

/// The shortest and the longest time from the beginning of a fault to that of the next.
const GAP_MS: (u64, u64) = (300, 1_500);

/// What a schedule depends on, and nothing else.
#[derive(Debug, Clone)]
pub struct ScheduleOptions {
    /// What all draws depend on.
    pub seed: u64,
    /// When the last fault has ended.
    pub duration: Duration,
    /// The kinds that may happen.
    pub kinds: Vec<Kind>,
    /// How long a replica that says nothing keeps its leases.
    pub lease_ttl: Duration,
}

/// One fault that is to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its number, from 1.
    pub number: u32,
    /// When it begins.
    pub at: Duration,
    /// How long it lasts; zero for what happens at once.
    pub length: Duration,
    /// What happens.
    pub kind: Kind,
    /// To what.
    pub target: Target,
}

/// Draws the faults, in the order in which they begin.
///
/// A service keeps a process that nothing happens to as long as it has more than one, and PostgreSQL and Kafka are not
/// both away: a fault keeps what it happens to for its length and for the time that recovering from it takes, and what is
/// kept is not drawn again. The same options and the same terrain give the same faults.
pub fn schedule(options: &ScheduleOptions, terrain: &Terrain) -> Vec<Planned> {
    let mut draw = Draw(Xoshiro256PlusPlus::seed_from_u64(options.seed));
    let mut occupied = Occupied::new(terrain);
    let mut planned: Vec<Planned> = Vec::new();
    let mut at = Duration::ZERO;
    loop {
        at += Duration::from_millis(draw.between(GAP_MS));
        if at >= options.duration {
            return planned;
        }
        let Some((kind, target)) = choose(options, terrain, &occupied, at, &mut draw) else { continue };
        let length = draw.between(rules::length_ms(kind, options.lease_ttl));
        let length = Duration::from_millis(length).min(options.duration.saturating_sub(at));
        occupied.take(kind, &target, at, length);
        let number = u32::try_from(planned.len()).map_or(u32::MAX, |before| before + 1);
        planned.push(Planned { number, at, length, kind, target });
    }
}

/// A kind by its weight among those that can happen now, and one of its free targets.
fn choose(
    options: &ScheduleOptions,
    terrain: &Terrain,
    occupied: &Occupied<'_>,
    at: Duration,
    draw: &mut Draw,
) -> Option<(Kind, Target)> {
    let mut possible = Vec::new();
    for &kind in &options.kinds {
        // One that would have to be cut short would not be what its name says.
        let (shortest, _) = rules::length_ms(kind, options.lease_ttl);
        if at + Duration::from_millis(shortest) > options.duration {
            continue;
        }
        let mut targets = rules::targets(kind, terrain);
        targets.retain(|target| occupied.is_free(target, at));
        if !targets.is_empty() {
            possible.push((kind, targets));
        }
    }
    let weights = possible.iter().map(|(kind, _)| rules::weight(*kind)).sum();
    let mut drawn = draw.below(weights)?;
    for (kind, mut targets) in possible {
        let weight = rules::weight(kind);
        if drawn < weight {
            let chosen = draw.below(targets.len() as u64)?;
            return Some((kind, targets.swap_remove(usize::try_from(chosen).ok()?)));
        }
        drawn -= weight;
    }
    None
}

/// Draws by an algorithm that is named, so that a seed means the same everywhere.
struct Draw(Xoshiro256PlusPlus);

impl Draw {
    /// A number below `bound`; `None` if there is none.
    fn below(&mut self, bound: u64) -> Option<u64> {
        // Lemire's multiplication; that some numbers come more often by one in 2^64 / bound is no matter here.
        let product = u128::from(self.0.next_u64()) * u128::from(bound);
        (bound > 0).then(|| u64::try_from(product >> 64).expect("the upper half of 128 bits"))
    }

    /// A number from the first to the second, both included.
    fn between(&mut self, (least, most): (u64, u64)) -> u64 {
        least + self.below(most.saturating_sub(least) + 1).unwrap_or_default()
    }
}
