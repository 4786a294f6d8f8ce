//! One replica of a service: its process, if it lives, and its end of the broker.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use async_trait::async_trait;
use bowline_inventory::Inventory;
use bowline_messaging::{Ask, HandedOver, Handler, Heard, Owned, Read, Reading, Stepper};
use bowline_orders::app::execute::Orders;
use bowline_payment::app::execute::PaymentHandler;
use bowline_projection::Projector;

use crate::broker::{Broker, Place};
use crate::desk::Desk;
use crate::stage::Service;
use crate::witness::{Seen, Witness};

/// What every process does, whatever its service.
#[async_trait]
pub(crate) trait Part: Send {
    async fn own(&mut self, owned: Owned);
    async fn execute(&mut self) -> bool;
    async fn keep_house(&mut self);
    async fn publish(&mut self);
    async fn note(&mut self);
    async fn recover(&mut self);
    fn hear(&mut self, heard: Heard);
    fn waiting(&self) -> usize;
    fn stopped(&self) -> Vec<String>;
    fn has_failed(&self) -> bool;
    fn asked(&mut self) -> Vec<Ask>;
    fn handed_over(&mut self) -> Vec<HandedOver>;
}

#[async_trait]
impl<H: Handler> Part for Stepper<H> {
    async fn own(&mut self, owned: Owned) {
        Stepper::own(self, owned).await;
    }
    async fn execute(&mut self) -> bool {
        Stepper::execute(self).await
    }
    async fn keep_house(&mut self) {
        Stepper::keep_house(self).await;
    }
    async fn publish(&mut self) {
        Stepper::publish(self).await;
    }
    async fn note(&mut self) {
        Stepper::note(self).await;
    }
    async fn recover(&mut self) {
        Stepper::recover(self).await;
    }
    fn hear(&mut self, heard: Heard) {
        Stepper::hear(self, heard);
    }
    fn waiting(&self) -> usize {
        Stepper::waiting(self)
    }
    fn stopped(&self) -> Vec<String> {
        Stepper::stopped(self)
    }
    fn has_failed(&self) -> bool {
        Stepper::has_failed(self)
    }
    fn asked(&mut self) -> Vec<Ask> {
        Stepper::asked(self)
    }
    fn handed_over(&mut self) -> Vec<HandedOver> {
        Stepper::handed_over(self)
    }
}

/// A process.
pub(crate) enum Process {
    Orders(Box<Stepper<Witness<Orders>>>),
    Inventory(Box<Stepper<Witness<Inventory>>>),
    Payment(Box<Stepper<Witness<PaymentHandler>>>, Desk),
    Projection(Box<Stepper<Witness<Projector>>>),
}

impl Process {
    pub(crate) fn part(&mut self) -> &mut dyn Part {
        match self {
            Self::Orders(stepper) => &mut **stepper,
            Self::Inventory(stepper) => &mut **stepper,
            Self::Payment(stepper, _) => &mut **stepper,
            Self::Projection(stepper) => &mut **stepper,
        }
    }
}

/// A place for a process.
#[expect(clippy::struct_excessive_bools, reason = "each is true or not whatever the others are")]
pub(crate) struct Replica {
    pub(crate) service: Service,
    pub(crate) number: usize,
    /// `None` while it is dead.
    pub(crate) process: Option<Process>,
    /// It stands still.
    pub(crate) paused: bool,
    /// It cannot reach the broker.
    pub(crate) cut_off: bool,
    /// What it takes itself for the holder of.
    pub(crate) owned: Owned,
    /// Something may be to publish, or to be noted as published.
    pub(crate) unpublished: bool,
    pub(crate) unnoted: bool,
    /// Messages on their way to the broker.
    pub(crate) in_flight: VecDeque<HandedOver>,
    pub(crate) seen: Seen,
    /// A type of messages that it takes for one that it does not know.
    pub(crate) deaf_to: Option<&'static str>,
    reading: BTreeMap<Place, Reading>,
}

impl Replica {
    pub(crate) fn new(service: Service, number: usize) -> Self {
        Self {
            service,
            number,
            process: None,
            paused: false,
            cut_off: false,
            owned: Owned::new(),
            unpublished: false,
            unnoted: false,
            in_flight: VecDeque::new(),
            seen: Seen::default(),
            deaf_to: None,
            reading: BTreeMap::new(),
        }
    }

    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.service.name(), self.number)
    }

    pub(crate) fn is_active(&self) -> bool {
        self.process.is_some() && !self.paused
    }

    /// The process; only of a replica that [`Self::is_active`].
    pub(crate) fn part(&mut self) -> &mut dyn Part {
        self.process.as_mut().expect("steps are drawn for processes that live").part()
    }

    /// Everything in memory is gone. What was on its way to the broker may still arrive.
    pub(crate) fn die(&mut self) -> VecDeque<HandedOver> {
        self.process = None;
        self.paused = false;
        self.cut_off = false;
        self.owned.clear();
        self.reading.clear();
        std::mem::take(&mut self.in_flight)
    }

    /// Follows what the process has asked of its broker, which is at hand unless the replica is cut off.
    pub(crate) fn follow(&mut self, broker: &Broker) {
        loop {
            let asked = self.part().asked();
            if asked.is_empty() {
                break;
            }
            for ask in asked {
                match ask {
                    Ask::Read(at) => {
                        self.reading.insert((at.topic.name, at.partition), at);
                    }
                    Ask::Leave(topic, partition) => {
                        self.reading.remove(&(topic.name, partition));
                    }
                    Ask::Measure(topic, partition) => {
                        let place = (topic.name, partition);
                        if let Some(at) = self.reading.get(&place).copied().filter(|_| !self.cut_off) {
                            let (low, high) = broker.extent(place);
                            self.part().hear(Heard { at, read: Read::Extent { low, high } });
                        }
                    }
                }
            }
        }
        let handed_over = self.part().handed_over();
        self.in_flight.extend(handed_over);
    }

    /// Where there is something to read.
    pub(crate) fn readable(&self, broker: &Broker) -> Vec<Place> {
        let something = |(place, at): &(&Place, &Reading)| broker.read(**place, at.offset).is_some();
        self.reading.iter().filter(something).map(|(place, _)| *place).collect()
    }

    /// Reads up to `count` records of a place; returns what was read, in words.
    pub(crate) fn read(&mut self, broker: &Broker, place: Place, count: usize) -> String {
        let mut said = String::new();
        for _ in 0..count {
            let Some(at) = self.reading.get(&place).copied() else { break };
            let Some((offset, mut read)) = broker.read(place, at.offset) else { break };
            match &mut read {
                Read::Message { envelope, .. } => {
                    if self.deaf_to == Some(envelope.message_type.as_str()) {
                        envelope.message_type += "Unheard";
                    }
                    let _ = write!(said, " {offset}:#{}", envelope.sequence);
                    self.reading.insert(place, Reading { offset: offset + 1, ..at });
                }
                Read::Lost { low } => {
                    let _ = write!(said, " {offset} is lost, the beginning is {low}");
                    self.reading.remove(&place);
                }
                Read::Extent { .. } => {}
            }
            self.part().hear(Heard { at: Reading { offset, ..at }, read });
            self.follow(broker);
        }
        said
    }
}
