//! What a step does.

use std::fmt::Write as _;

use anyhow::Context as _;
use bowline_kernel::{Clock as _, OrderId};
use bowline_messaging::HandedOver;
use bowline_orders::app::command::{Command, Expiry};
use bowline_payment_simulator::{Rate, Switches};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::customers::Wanted;
use crate::desk::AnswerFate;
use crate::replica::Process;
use crate::settings::Fault;
use crate::stage::Service;
use crate::step::{CallFate, Delivery, Fate, Step};
use crate::wire::CommitFault;
use crate::witness::{number, short};
use crate::world::World;

impl World<'_> {
    /// Takes a step and writes it down; false when nothing came of it.
    pub(crate) async fn perform(&mut self, step: Step) -> anyhow::Result<bool> {
        let touched = touched(&step);
        // Its commit is not answered, and there.
        let took_effect =
            matches!(step, Step::Execute { fate: Fate { commit: Some(CommitFault::Unanswered), .. }, .. });
        let mut said = self.act(step).await?;
        if let Some(index) = touched.filter(|index| self.replicas[*index].is_active()) {
            self.settle(index);
        }
        let mut heard = String::new();
        for replica in &self.replicas {
            let (words, attempts) = replica.seen.take();
            heard += &words;
            for attempt in attempts.iter().filter(|attempt| attempt.committed.is_some() || took_effect) {
                self.follower.follow(replica.service, attempt);
            }
        }
        for customer in &mut self.customers {
            heard += &customer.listen();
        }
        let happened = said.is_some() || !heard.is_empty();
        if happened {
            let said = said.get_or_insert_default();
            *said += &heard;
            self.trace.add(std::mem::take(said));
        }
        Ok(happened)
    }

    /// What came of a step, in words.
    async fn act(&mut self, step: Step) -> anyhow::Result<Option<String>> {
        Ok(match step {
            Step::Ask { customer, wanted, replica } => self.ask(customer, wanted, replica),
            Step::Heartbeat(index) => Some(self.heartbeat(index).await?),
            Step::Read { replica, place, count } => {
                let name = self.replicas[replica].name();
                let read = self.replicas[replica].read(&self.broker, place, count);
                (!read.is_empty()).then(|| format!("{name} reads {}/{}:{read}", place.0, place.1))
            }
            Step::Execute { replica, fate } => self.execute(replica, fate).await,
            Step::Publish(index) => self.publish(index).await,
            Step::Deliver { replica, fate } => {
                let message = self.replicas[replica].in_flight.pop_front();
                message.map(|message| self.deliver(replica, &message, fate))
            }
            Step::Note(index) => {
                self.replicas[index].unnoted = false;
                self.replicas[index].part().note().await;
                None
            }
            Step::Recover(index) => {
                let replica = &mut self.replicas[index];
                self.adrift.extend(std::mem::take(&mut replica.in_flight));
                replica.part().recover().await;
                replica.unpublished = true;
                Some(format!("{} goes on behind a failed delivery", replica.name()))
            }
            Step::KeepHouse(index) => {
                self.replicas[index].part().keep_house().await;
                self.reload(index).await?;
                None
            }
            Step::Call { replica, nth, fate } => Some(self.call(replica, nth, fate).await?),
            Step::Expire { replica } => self.expire(replica).await?,
            Step::Wait(time) => {
                self.advance(time).await;
                Some(format!("{} ms pass", time.as_millis()))
            }
            Step::Die(index) => Some(self.die(index)),
            Step::Start(index) => {
                self.start(index)?;
                for (service, partition) in self.leases.clone().into_keys() {
                    if self.leases[&(service, partition)].0 == index {
                        self.grant(service, partition, index);
                    }
                }
                Some(format!("{} starts", self.replicas[index].name()))
            }
            Step::Pause(index) => Some(self.pause(index)),
            Step::Resume(index) => {
                self.replicas[index].paused = false;
                Some(format!("{} goes on", self.replicas[index].name()))
            }
            Step::CutOff(index) => {
                self.replicas[index].cut_off = true;
                Some(format!("{} is cut off from the broker", self.replicas[index].name()))
            }
            Step::Reconnect(index) => {
                self.replicas[index].cut_off = false;
                Some(format!("{} reaches the broker again", self.replicas[index].name()))
            }
            Step::Rebalance { service, partition } => self.rebalance(service, partition),
            Step::Arrive { arrives } => {
                let message = self.adrift.remove(0);
                if arrives {
                    self.broker.append(&message);
                }
                Some(format!("{} of a former producer: arrives {arrives}", words(&message)))
            }
            Step::Lose { place, last, count } => {
                let lost = if last {
                    self.broker.lose_last(place, count)
                } else {
                    self.broker.lose_first(place, count)
                };
                let which = if last { "last" } else { "first" };
                Some(format!("{}/{} loses its {which} {lost}", place.0, place.1))
            }
        })
    }

    /// What a process has asked for meanwhile.
    fn settle(&mut self, index: usize) {
        let replica = &mut self.replicas[index];
        replica.follow(&self.broker);
        let owned = replica.owned.clone();
        if let Some(Process::Payment(stepper, desk)) = &mut replica.process {
            desk.take_in(&owned);
            desk.settle(stepper);
        }
    }

    fn ask(&mut self, customer: usize, wanted: Wanted, replica: usize) -> Option<String> {
        let now = self.clock.now();
        let request = self.customers[customer].request(wanted, &self.ids, &self.partitions, now);
        let name = self.replicas[replica].name();
        let Some(Process::Orders(stepper)) = &self.replicas[replica].process else { return None };
        let answer = stepper.submit(request).ok()?;
        self.customers[customer].asked(wanted, answer);
        Some(format!("customer {} asks {name}: {wanted:?}", customer + 1))
    }

    async fn heartbeat(&mut self, index: usize) -> anyhow::Result<String> {
        let held = self.held(index);
        let replica = &mut self.replicas[index];
        replica.owned.clone_from(&held);
        replica.unpublished = true;
        replica.part().own(held.clone()).await;
        self.reload(index).await?;
        let partitions: Vec<u16> = held.into_keys().collect();
        Ok(format!("{} holds {partitions:?}", self.replicas[index].name()))
    }

    /// Payment's worker looks at the table of open operations.
    async fn reload(&mut self, index: usize) -> anyhow::Result<()> {
        let replica = &mut self.replicas[index];
        if let Some(Process::Payment(_, desk)) = &mut replica.process {
            let connection: &mut PgConnection = &mut self.stage.base(Service::Payment).owner;
            desk.reload(connection, &replica.owned).await.context("open operations cannot be read")?;
        }
        Ok(())
    }

    async fn execute(&mut self, index: usize, fate: Fate) -> Option<String> {
        let service = self.replicas[index].service;
        self.stage.base(service).wire.arm(fate.commit);
        let replica = &mut self.replicas[index];
        let name = replica.name();
        replica.unpublished = true;
        let executed = replica.part().execute().await;
        self.stage.base(service).wire.arm(None);
        if fate.dies {
            self.die(index);
        }
        executed.then(|| format!("{name} executes{fate}"))
    }

    async fn publish(&mut self, index: usize) -> Option<String> {
        let replica = &mut self.replicas[index];
        replica.unpublished = false;
        replica.part().publish().await;
        let before = replica.in_flight.len();
        replica.follow(&self.broker);
        if replica.in_flight.len() == before {
            return None;
        }
        let mut said = format!("{} publishes", replica.name());
        for message in replica.in_flight.iter().skip(before) {
            let _ = write!(said, " {}", words(message));
        }
        if !self.settings.has(Fault::Delay) && !self.replicas[index].cut_off {
            while let Some(message) = self.replicas[index].in_flight.pop_front() {
                self.deliver(index, &message, Delivery::Acknowledged);
            }
        }
        Some(said)
    }

    fn deliver(&mut self, index: usize, message: &HandedOver, fate: Delivery) -> String {
        if fate != Delivery::Failed {
            self.broker.append(message);
        }
        match fate {
            Delivery::Acknowledged => message.acknowledge(),
            Delivery::Doubled => {
                self.broker.append(message);
                message.acknowledge();
            }
            Delivery::Unacknowledged | Delivery::Failed => message.fail(),
        }
        self.replicas[index].unnoted = true;
        format!("{} from {}: {fate:?}", words(message), self.replicas[index].name())
    }

    async fn call(&mut self, index: usize, nth: usize, fate: CallFate) -> anyhow::Result<String> {
        let always = Rate::try_from(1.0).context("all is a rate")?;
        let switches = match fate {
            CallFate::Answered | CallFate::Unanswered => Switches::default(),
            CallFate::FailsBefore => Switches { error_rate: always, ..Switches::default() },
            CallFate::FailsAfter => Switches { error_after_rate: always, ..Switches::default() },
            CallFate::Away => Switches { down: true, ..Switches::default() },
        };
        self.simulator.set_switches(switches);
        let heard = if fate == CallFate::Unanswered { AnswerFate::Lost } else { AnswerFate::Heard };
        let name = self.replicas[index].name();
        let Some(Process::Payment(_, desk)) = &mut self.replicas[index].process else {
            return Ok(String::new());
        };
        let said = desk.call(nth, &self.provider, heard).await;
        self.simulator.set_switches(Switches::default());
        Ok(format!("{name} calls the provider, {fate:?}: {said}"))
    }

    async fn expire(&mut self, index: usize) -> anyhow::Result<Option<String>> {
        self.expiring.retain_mut(|answer| {
            matches!(answer.try_recv(), Err(tokio::sync::oneshot::error::TryRecvError::Empty))
        });
        let due: Vec<(Uuid, i32)> = sqlx::query_as(
            "SELECT order_id, fence FROM orders.deadlines WHERE due_at <= $1 ORDER BY due_at, order_id",
        )
        .bind::<DateTime<Utc>>(self.clock.now())
        .fetch_all(&mut self.stage.base(Service::Orders).owner)
        .await?;
        let Some(Process::Orders(stepper)) = &self.replicas[index].process else { return Ok(None) };
        let mut said = String::new();
        for (order_id, fence) in due {
            let expiry =
                Expiry { order_id: OrderId::new(order_id), fence: fence.cast_unsigned(), traceparent: None };
            if let Ok(answer) = stepper.submit(Command::Expire(expiry)) {
                self.expiring.push(answer);
                let _ = write!(said, " {}", number(order_id));
            }
        }
        Ok((!said.is_empty()).then(|| format!("deadlines are due:{said}")))
    }

    fn die(&mut self, index: usize) -> String {
        let on_their_way = self.replicas[index].die();
        self.adrift.extend(on_their_way);
        if self.chance.percent(50) {
            self.move_all(index);
        }
        format!("{} dies", self.replicas[index].name())
    }

    fn pause(&mut self, index: usize) -> String {
        self.replicas[index].paused = true;
        self.move_all(index);
        format!("{} stands still", self.replicas[index].name())
    }

    /// The partner takes over, if it is there.
    fn move_all(&mut self, index: usize) {
        let partner = Self::partner(index);
        if self.replicas[partner].is_active() {
            let service = self.replicas[index].service;
            for partition in self.held(index).into_keys() {
                self.grant(service, partition, partner);
            }
        }
    }

    fn rebalance(&mut self, service: Service, partition: u16) -> Option<String> {
        let (holder, _) = self.leases[&(service, partition)];
        let partner = Self::partner(holder);
        if !self.replicas[partner].is_active() {
            return None;
        }
        self.grant(service, partition, partner);
        Some(format!("{} is to hold {partition}", self.replicas[partner].name()))
    }
}

/// The replica that a step is about, when its process has something to do in it.
fn touched(step: &Step) -> Option<usize> {
    match step {
        Step::Ask { replica, .. }
        | Step::Read { replica, .. }
        | Step::Execute { replica, .. }
        | Step::Deliver { replica, .. }
        | Step::Call { replica, .. }
        | Step::Expire { replica } => Some(*replica),
        Step::Heartbeat(index)
        | Step::Publish(index)
        | Step::Note(index)
        | Step::Recover(index)
        | Step::KeepHouse(index)
        | Step::Start(index)
        | Step::Resume(index) => Some(*index),
        Step::Wait(_)
        | Step::Die(_)
        | Step::Pause(_)
        | Step::CutOff(_)
        | Step::Reconnect(_)
        | Step::Rebalance { .. }
        | Step::Arrive { .. }
        | Step::Lose { .. } => None,
    }
}

fn words(message: &HandedOver) -> String {
    let (kind, sequence) = (short(&message.envelope.message_type), message.envelope.sequence);
    format!("{}/{}#{sequence} {kind}", message.topic, message.partition)
}
