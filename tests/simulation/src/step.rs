//! What can happen next, and how likely it is.

use std::fmt;
use std::time::Duration;

use crate::broker::Place;
use crate::customers::Wanted;
use crate::replica::{Process, Replica};
use crate::settings::Fault;
use crate::stage::Service;
use crate::wire::CommitFault;
use crate::world::World;

/// One step. Replicas are named by their index.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// A customer asks a replica for something.
    Ask {
        customer: usize,
        wanted: Wanted,
        replica: usize,
    },
    /// A replica learns what it holds.
    Heartbeat(usize),
    /// A replica reads some records.
    Read {
        replica: usize,
        place: Place,
        count: usize,
    },
    /// An executor executes what waits.
    Execute {
        replica: usize,
        fate: Fate,
    },
    /// A relay looks for what is to be published.
    Publish(usize),
    /// The broker gets the next message of a replica.
    Deliver {
        replica: usize,
        fate: Delivery,
    },
    /// A relay notes what is published.
    Note(usize),
    /// A relay goes on behind a failed delivery.
    Recover(usize),
    /// An executor looks after gaps and the like.
    KeepHouse(usize),
    /// Payment's worker calls the provider.
    Call {
        replica: usize,
        nth: usize,
        fate: CallFate,
    },
    /// Deadlines that are due take effect.
    Expire {
        replica: usize,
    },
    /// Time passes.
    Wait(Duration),
    /// A process dies.
    Die(usize),
    /// A process is started.
    Start(usize),
    /// A replica stands still, and its partitions go to the other one.
    Pause(usize),
    /// It goes on.
    Resume(usize),
    /// A replica can no longer reach the broker, or can again.
    CutOff(usize),
    Reconnect(usize),
    /// A partition goes to the other replica.
    Rebalance {
        service: Service,
        partition: u16,
    },
    /// A message of a producer that is gone arrives after all, or does not.
    Arrive {
        arrives: bool,
    },
    /// A topic loses its first or last messages.
    Lose {
        place: Place,
        last: bool,
        count: usize,
    },
}

/// What becomes of the transaction of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) commit: Option<CommitFault>,
    /// The process dies with it.
    pub(crate) dies: bool,
}

/// What becomes of a message on its way to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Acknowledged,
    /// The broker has it twice.
    Doubled,
    /// The broker has it, and nobody hears of it.
    Unacknowledged,
    /// It does not arrive.
    Failed,
}

/// What becomes of a call to the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallFate {
    Answered,
    /// It is done, and the answer gets lost.
    Unanswered,
    /// The provider fails before it does anything.
    FailsBefore,
    /// The provider fails after it has done it.
    FailsAfter,
    /// The provider takes no requests.
    Away,
}

impl Fate {
    pub(crate) const WELL: Self = Self { commit: None, dies: false };
}

impl World<'_> {
    /// Draws the next step.
    pub(crate) fn draw(&mut self) -> Step {
        let mut choices = Vec::new();
        for index in 0..self.replicas.len() {
            self.choices_of(index, &mut choices);
        }
        self.choices_of_the_world(&mut choices);
        let wait = [20, 20, 120, 250, 600, 1_500, 6_000][self.chance.below(7)];
        choices.push((10, Step::Wait(Duration::from_millis(wait))));
        self.chance.weighted(choices).expect("time can always pass")
    }

    fn choices_of(&mut self, index: usize, choices: &mut Vec<(usize, Step)>) {
        let held = self.held(index);
        let has = |fault| self.settings.has(fault);
        let (crash, partition, pause) = (has(Fault::Crash), has(Fault::Partition), has(Fault::Pause));
        let replica = &self.replicas[index];
        if replica.process.is_none() {
            choices.push((12, Step::Start(index)));
            return;
        }
        if replica.paused {
            choices.push((6, Step::Resume(index)));
            return;
        }
        if replica.owned != held {
            choices.push((24, Step::Heartbeat(index)));
        }
        if !replica.cut_off {
            for place in replica.readable(&self.broker) {
                let count = 1 + self.chance.below(4);
                choices.push((20, Step::Read { replica: index, place, count }));
            }
        }
        if self.replicas[index].process.as_mut().is_some_and(|process| process.part().waiting() > 0) {
            let fate = self.fate();
            choices.push((40, Step::Execute { replica: index, fate }));
        }
        let replica = &mut self.replicas[index];
        choices.push((if replica.unpublished { 28 } else { 1 }, Step::Publish(index)));
        if !replica.in_flight.is_empty() && !replica.cut_off {
            let fate = self.delivery();
            choices.push((32, Step::Deliver { replica: index, fate }));
        }
        let replica = &mut self.replicas[index];
        if replica.unnoted {
            choices.push((6, Step::Note(index)));
        }
        if replica.part().has_failed() {
            choices.push((20, Step::Recover(index)));
        }
        choices.push((1, Step::KeepHouse(index)));
        let busy = Self::busy(replica);
        if busy > 0 {
            let (nth, fate) = (self.chance.below(busy), self.call_fate());
            choices.push((28, Step::Call { replica: index, nth, fate }));
        }
        let faults = [
            (crash, Step::Die(index)),
            (pause, Step::Pause(index)),
            (partition && !self.replicas[index].cut_off, Step::CutOff(index)),
        ];
        choices.extend(faults.into_iter().filter(|(may, _)| *may).map(|(_, step)| (1, step)));
        if self.replicas[index].cut_off {
            choices.push((8, Step::Reconnect(index)));
        }
    }

    fn choices_of_the_world(&mut self, choices: &mut Vec<(usize, Step)>) {
        let active: Vec<usize> = (0..2).filter(|index| self.replicas[*index].is_active()).collect();
        if !active.is_empty() {
            for customer in 0..self.customers.len() {
                let Some(wanted) = self.customers[customer].wants() else { continue };
                let weight = if self.customers[customer].waits_for(wanted) { 2 } else { 10 };
                let replica = *self.chance.pick(&active);
                choices.push((weight, Step::Ask { customer, wanted, replica }));
            }
            choices.push((2, Step::Expire { replica: *self.chance.pick(&active) }));
        }
        if !self.adrift.is_empty() {
            let arrives = self.chance.percent(60);
            choices.push((6, Step::Arrive { arrives }));
        }
        if self.settings.has(Fault::Pause) || self.settings.has(Fault::Crash) {
            let service = *self.chance.pick(&Service::ALL);
            let partition = *self.chance.pick(&self.partitions);
            choices.push((6, Step::Rebalance { service, partition }));
        }
        let places = self.broker.places();
        if self.settings.has(Fault::Loss) && !places.is_empty() {
            let place = *self.chance.pick(&places);
            let (last, count) = (self.chance.percent(70), 1 + self.chance.below(3));
            choices.push((3, Step::Lose { place, last, count }));
        }
    }

    pub(crate) fn busy(replica: &Replica) -> usize {
        match &replica.process {
            Some(Process::Payment(_, desk)) => desk.busy(),
            Some(Process::Orders(_) | Process::Inventory(_) | Process::Projection(_)) | None => 0,
        }
    }

    fn fate(&mut self) -> Fate {
        if self.settings.sabotage == Some(crate::settings::Sabotage::ForgottenCommit)
            && self.chance.percent(5)
        {
            return Fate { commit: Some(CommitFault::Forgotten), dies: false };
        }
        let dies = self.settings.has(Fault::Crash) && self.chance.percent(6);
        let fails = dies || (self.settings.has(Fault::Commit) && self.chance.percent(18));
        let commit = if self.chance.percent(50) { CommitFault::Cut } else { CommitFault::Unanswered };
        Fate { commit: fails.then_some(commit), dies }
    }

    fn delivery(&mut self) -> Delivery {
        if !self.settings.has(Fault::Duplicate) {
            return Delivery::Acknowledged;
        }
        match self.chance.below(100) {
            0..=3 => Delivery::Doubled,
            4..=8 => Delivery::Unacknowledged,
            9..=12 => Delivery::Failed,
            _ => Delivery::Acknowledged,
        }
    }

    fn call_fate(&mut self) -> CallFate {
        if !self.settings.has(Fault::Provider) {
            return CallFate::Answered;
        }
        match self.chance.below(100) {
            0..=9 => CallFate::Unanswered,
            10..=15 => CallFate::FailsBefore,
            16..=23 => CallFate::FailsAfter,
            24..=27 => CallFate::Away,
            _ => CallFate::Answered,
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.commit {
            None => {}
            Some(CommitFault::Cut) => f.write_str(", cut off before the commit")?,
            Some(CommitFault::Unanswered) => f.write_str(", cut off behind the commit")?,
            Some(CommitFault::Forgotten) => f.write_str(", its commit is forgotten")?,
        }
        if self.dies { f.write_str(", and dies") } else { Ok(()) }
    }
}
