//! What is simulated, and what goes wrong in it.

use clap::ValueEnum;

/// How large a run is, and what may go wrong.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Orders that are placed.
    pub orders: usize,
    /// Steps before the faults cease.
    pub steps: usize,
    /// What may go wrong.
    pub faults: Vec<Fault>,
    /// A mechanism that is taken away, to see that it is missed.
    pub sabotage: Option<Sabotage>,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// Replicas die before or after a commit, or between two steps, and are started again.
    Crash,
    /// The answer to a commit does not arrive; it took effect, or not.
    Commit,
    /// Messages come twice: an acknowledgement is lost, or the broker keeps one more.
    Duplicate,
    /// Messages stay on their way while others overtake them.
    Delay,
    /// Replicas cannot reach the broker for a while.
    Partition,
    /// Replicas stand still, lose their partitions, and go on with what they remember.
    Pause,
    /// Topics lose their first or last messages.
    Loss,
    /// The provider fails before or after it has done what it was asked, is away, or its answers get lost.
    Provider,
}

/// A mechanism that is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sabotage {
    /// Consumers apply what lies on a topic as it lies there, whatever its sequence.
    NoWatermark,
    /// The database answers commits and forgets some of them, so that messages are published that no transaction wrote.
    ForgottenCommit,
    /// Payment does not hear `VoidPayment`.
    ForgottenVoid,
    /// Nobody asks sources for what topics have lost.
    NoHealing,
}

impl Settings {
    /// Every fault, and as many orders as get into each other's way.
    pub fn stormy() -> Self {
        Self { orders: 5, steps: 220, faults: Fault::value_variants().to_vec(), sabotage: None }
    }

    /// The flags of the program that lead to these settings.
    pub(crate) fn flags(&self) -> String {
        let name = |value: &dyn Fn() -> Option<clap::builder::PossibleValue>| {
            value().map(|value| value.get_name().to_owned()).unwrap_or_default()
        };
        let faults: Vec<String> =
            self.faults.iter().map(|fault| name(&|| fault.to_possible_value())).collect();
        let faults = if self.faults.is_empty() {
            " --no-faults".to_owned()
        } else if self.faults == Fault::value_variants() {
            String::new()
        } else {
            format!(" --faults {}", faults.join(","))
        };
        let sabotage =
            self.sabotage.map(|sabotage| format!(" --break {}", name(&|| sabotage.to_possible_value())));
        let size = format!(" --orders {} --steps {}", self.orders, self.steps);
        size + &faults + &sabotage.unwrap_or_default()
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }
}
