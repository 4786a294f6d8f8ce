//! A run over everything that can happen within bounds.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use stateright::report::{ReportData, ReportDiscovery, Reporter};
use stateright::{Checker, Expectation, HasDiscoveries, Model};

use super::bounds::Bounds;
use super::model::{Action, SagaModel};

/// What a run has found.
#[derive(Debug)]
pub struct Report {
    /// Different states.
    pub states: usize,
    /// States reached, each time counted.
    pub reached: usize,
    /// The most actions from a beginning to a state that was first seen that way.
    pub depth: usize,
    /// How long it took.
    pub elapsed: Duration,
    /// Properties that hold in all these states, and situations that were seen.
    pub confirmed: Vec<&'static str>,
    /// Properties that do not hold. The run ends with the first.
    pub violations: Vec<Violation>,
    /// Situations that must be possible and were not seen.
    pub unseen: Vec<&'static str>,
}

/// How a property comes not to hold.
#[derive(Debug)]
pub struct Violation {
    /// The property.
    pub property: &'static str,
    /// What happened, from the beginning.
    pub actions: Vec<Action>,
    /// Where it led.
    pub world: String,
}

/// Visits every state within `bounds`, or goes on until a property does not hold. `progress` is told now and then how many
/// different states there are so far.
pub fn explore(bounds: Bounds, threads: NonZeroUsize, progress: impl FnMut(usize) + Send) -> Report {
    let started = Instant::now();
    let model = SagaModel { bounds };
    let checker = model.checker().threads(threads.get()).finish_when(HasDiscoveries::AnyFailures).spawn_bfs();
    let checker = checker.join_and_report(&mut Progress(progress));
    let mut report = Report {
        states: checker.unique_state_count(),
        reached: checker.state_count(),
        depth: checker.max_depth(),
        elapsed: started.elapsed(),
        confirmed: Vec::new(),
        violations: Vec::new(),
        unseen: Vec::new(),
    };
    let mut discoveries = checker.discoveries();
    for property in checker.model().properties() {
        let name = property.name;
        match (property.expectation, discoveries.remove(name)) {
            (Expectation::Sometimes, None) => report.unseen.push(name),
            (Expectation::Sometimes, Some(_)) | (Expectation::Always | Expectation::Eventually, None) => {
                report.confirmed.push(name);
            }
            (Expectation::Always | Expectation::Eventually, Some(path)) => {
                let world = path.last_state().to_string();
                report.violations.push(Violation { property: name, actions: path.into_actions(), world });
            }
        }
    }
    report
}

struct Progress<P>(P);

impl<P: FnMut(usize)> Reporter<SagaModel> for Progress<P> {
    fn report_checking(&mut self, data: ReportData) {
        if !data.done {
            (self.0)(data.unique_states);
        }
    }

    fn report_discoveries(&mut self, _: &SagaModel, _: BTreeMap<&'static str, ReportDiscovery<SagaModel>>) {}

    fn delay(&self) -> Duration {
        Duration::from_millis(500)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.confirmed {
            writeln!(f, " ✓  {name}")?;
        }
        for name in &self.unseen {
            writeln!(f, " ✗  never seen: {name}")?;
        }
        for violation in &self.violations {
            writeln!(f, " ✗  {}", violation.property)?;
            for action in &violation.actions {
                writeln!(f, "      {action:?}")?;
            }
            write!(f, "{}", violation.world)?;
        }
        let Self { states, reached, depth, elapsed, .. } = self;
        write!(f, "{states} states ({reached} reached, {depth} deep) in {:.1} s", elapsed.as_secs_f64())
    }
}
