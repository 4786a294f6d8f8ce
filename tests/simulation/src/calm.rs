//! The end of a run: nothing goes wrong any more, and everything that can happen does, until nothing can.

use std::time::Duration;

use crate::step::{CallFate, Delivery, Fate, Step};
use crate::world::World;

/// Rounds after which a world that is not quiet never will be.
const ROUNDS_MAX: usize = 150;
/// Rounds in which nothing happens, before it is believed that nothing will: the sources are asked in between how far
/// they are.
const IDLE_ROUNDS: usize = 5;
/// How much time passes in a round: a little while something happens, more than what anything waits for otherwise.
const BUSY: Duration = Duration::from_millis(250);
const IDLE: Duration = Duration::from_secs(6);
/// Calls to the provider and records in a round.
const CALLS: usize = 20;
const RECORDS: usize = 64;

impl World<'_> {
    /// Goes on without faults until nothing happens; false when that does not come about.
    pub(crate) async fn calm_down(&mut self) -> anyhow::Result<bool> {
        self.trace.add("the faults cease".to_owned());
        for index in 0..self.replicas.len() {
            if self.replicas[index].process.is_none() {
                self.perform(Step::Start(index)).await?;
            }
            self.replicas[index].paused = false;
            self.replicas[index].cut_off = false;
        }
        while !self.adrift.is_empty() {
            self.perform(Step::Arrive { arrives: true }).await?;
        }
        let mut idle = 0;
        for round in 0..ROUNDS_MAX {
            // What looks for work that nobody has announced is asked at first, and when there is no other.
            let thorough = round == 0 || idle > 0;
            let mut happened = false;
            for index in 0..self.replicas.len() {
                happened |= self.turn_of(index, thorough).await?;
            }
            happened |= self.ask_for_what_is_wanted().await?;
            if thorough {
                happened |= self.perform(Step::Expire { replica: 0 }).await?;
            }
            self.advance(if happened { BUSY } else { IDLE }).await;
            idle = if happened { 0 } else { idle + 1 };
            if idle == IDLE_ROUNDS {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn turn_of(&mut self, index: usize, thorough: bool) -> anyhow::Result<bool> {
        let mut happened = false;
        if self.replicas[index].owned != self.held(index) {
            happened |= self.perform(Step::Heartbeat(index)).await?;
        }
        for place in self.replicas[index].readable(&self.broker) {
            happened |= self.perform(Step::Read { replica: index, place, count: RECORDS }).await?;
        }
        if self.replicas[index].part().waiting() > 0 {
            happened |= self.perform(Step::Execute { replica: index, fate: Fate::WELL }).await?;
        }
        if self.replicas[index].part().has_failed() {
            happened |= self.perform(Step::Recover(index)).await?;
            while !self.adrift.is_empty() {
                self.perform(Step::Arrive { arrives: false }).await?;
            }
        }
        if thorough || self.replicas[index].unpublished {
            happened |= self.perform(Step::Publish(index)).await?;
        }
        while !self.replicas[index].in_flight.is_empty() {
            let fate = Delivery::Acknowledged;
            happened |= self.perform(Step::Deliver { replica: index, fate }).await?;
        }
        if self.replicas[index].unnoted {
            self.perform(Step::Note(index)).await?;
        }
        for _ in 0..CALLS {
            if Self::busy(&self.replicas[index]) == 0 {
                break;
            }
            let call = Step::Call { replica: index, nth: 0, fate: CallFate::Answered };
            happened |= self.perform(call).await?;
        }
        if thorough {
            happened |= self.perform(Step::KeepHouse(index)).await?;
        }
        Ok(happened)
    }

    async fn ask_for_what_is_wanted(&mut self) -> anyhow::Result<bool> {
        let mut happened = false;
        for customer in 0..self.customers.len() {
            let wanted = self.customers[customer].wants();
            if let Some(wanted) = wanted.filter(|wanted| !self.customers[customer].waits_for(*wanted)) {
                happened |= self.perform(Step::Ask { customer, wanted, replica: 0 }).await?;
            }
        }
        Ok(happened)
    }
}
