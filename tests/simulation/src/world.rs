//! The world of one run: replicas, broker, provider, customers, and who holds what.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bowline_contracts::events::Published as _;
use bowline_contracts::payment::v1::VoidPayment;
use bowline_contracts::topics::PARTITIONS;
use bowline_idempotency::{Fingerprint, Request};
use bowline_inventory::{Action, Inventory};
use bowline_inventory_domain::{AdjustStock, Adjustment, Product};
use bowline_kernel::{Currency, IdSource as _, ManualClock, Money, RequestId, SequentialIds};
use bowline_messaging::{Answer, Batch, HandedOver, Handler as _, Owned};
use bowline_model::saga::Replay;
use bowline_orders::app::execute::Orders;
use bowline_orders::app::reply::Reply;
use bowline_orders_domain::DeadlineLimits;
use bowline_payment::app::execute::{HandlerParts, PaymentHandler};
use bowline_payment::infra::provider::{Provider, ProviderSettings};
use bowline_payment::worker::intents;
use bowline_payment_simulator::{Options, Simulator};
use bowline_projection::config::WatchSettings;
use bowline_projection::{Projector, ReadModel, Watches};
use chrono::{DateTime, TimeDelta};
use tempfile::TempDir;

use crate::broker::Broker;
use crate::chance::Chance;
use crate::customers::{Customer, PRICE, PRODUCTS};
use crate::desk::Desk;
use crate::follower::Follower;
use crate::replica::{Process, Replica};
use crate::settings::{Sabotage, Settings};
use crate::stage::{Service, Stage};
use crate::trace::Trace;
use crate::witness::Witness;

/// Replicas of every service.
pub(crate) const REPLICAS: usize = 2;
/// How long orders may be pending; the clock of a run goes so far now and then.
const LIMITS: DeadlineLimits = DeadlineLimits {
    stock: Some(TimeDelta::seconds(15)),
    payment: Some(TimeDelta::seconds(15)),
    saga: Some(TimeDelta::seconds(25)),
};

/// Everything that a run consists of.
pub(crate) struct World<'a> {
    pub(crate) stage: &'a mut Stage,
    pub(crate) settings: &'a Settings,
    pub(crate) chance: Chance,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ids: Arc<SequentialIds>,
    pub(crate) broker: Broker,
    pub(crate) replicas: Vec<Replica>,
    /// The leases: who holds a partition of a service, by index, and under which epoch.
    pub(crate) leases: BTreeMap<(Service, u16), (usize, i64)>,
    /// The partitions that the orders of this run fall into.
    pub(crate) partitions: Vec<u16>,
    /// Messages of producers that are gone, still on their way.
    pub(crate) adrift: Vec<HandedOver>,
    pub(crate) customers: Vec<Customer>,
    pub(crate) simulator: Simulator,
    pub(crate) provider: Provider,
    pub(crate) trace: Trace,
    pub(crate) follower: Follower,
    /// Deadlines that executors were told of.
    pub(crate) expiring: Vec<Answer<Reply>>,
    epoch: i64,
    _books: TempDir,
}

impl<'a> World<'a> {
    /// A world in which nothing has happened yet, with stock, and with every replica running.
    pub(crate) async fn new(stage: &'a mut Stage, settings: &'a Settings, seed: u64) -> anyhow::Result<Self> {
        stage.empty().await.context("the databases cannot be emptied")?;
        let mut chance = Chance::of_seed(seed);
        let ids = Arc::new(SequentialIds::default());
        let books = tempfile::tempdir()?;
        let simulator = Simulator::start(Options { sync: false, ..Options::new(books.path()) }).await?;
        let provider = Provider::new(&ProviderSettings {
            url: simulator.url().parse()?,
            timeout: Duration::from_mins(10),
            concurrency: 1,
        })?;
        let first = chance.below(usize::from(PARTITIONS));
        let second = (first + 1 + chance.below(usize::from(PARTITIONS) - 1)) % usize::from(PARTITIONS);
        let mut partitions: Vec<u16> =
            [first, second].iter().filter_map(|partition| u16::try_from(*partition).ok()).collect();
        partitions.sort_unstable();
        let customers =
            (1..=settings.orders).map(|number| Customer::new(number, &mut chance, &ids)).collect();
        let replicas = Service::ALL
            .iter()
            .flat_map(|service| (0..REPLICAS).map(|number| Replica::new(*service, number)))
            .collect();
        let shelves = PRODUCTS.map(|(sku, units)| (sku.parse().expect("it is a SKU"), units));
        let mut world = Self {
            stage,
            settings,
            chance,
            clock: Arc::new(ManualClock::at(DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default())),
            ids,
            broker: Broker::new(settings.sabotage == Some(Sabotage::NoWatermark)),
            replicas,
            leases: BTreeMap::new(),
            partitions,
            adrift: Vec::new(),
            customers,
            simulator,
            provider,
            trace: Trace::default(),
            follower: Follower::new(Replay::new(shelves)),
            expiring: Vec::new(),
            epoch: 0,
            _books: books,
        };
        if settings.sabotage == Some(Sabotage::ForgottenVoid) {
            let payment = world.replicas.iter_mut().filter(|replica| replica.service == Service::Payment);
            payment.for_each(|replica| replica.deaf_to = Some(VoidPayment::TYPE));
        }
        world.fill_the_shelves().await?;
        for index in 0..world.replicas.len() {
            world.start(index)?;
        }
        for service in Service::ALL {
            for (nth, partition) in world.partitions.clone().into_iter().enumerate() {
                world.grant(service, partition, service as usize * REPLICAS + nth % REPLICAS);
            }
        }
        Ok(world)
    }

    async fn fill_the_shelves(&mut self) -> anyhow::Result<()> {
        let mut inventory = self.inventory();
        let request = || {
            let key = self.ids.next_id();
            Request { key: RequestId::new(key), fingerprint: Fingerprint::of("fill", key.as_bytes()) }
        };
        let price = Money::new(PRICE, Currency::GBP);
        let product = |(sku, _): &(&str, i64)| Product::new(sku.parse().expect("a SKU"), *sku, price, "");
        let products: Result<_, _> = PRODUCTS.iter().map(product).collect();
        let products = Action::UpsertProducts(products.map_err(|faults| anyhow::anyhow!("{faults:?}"))?);
        let units =
            |(sku, delta): &(&str, i64)| Adjustment { sku: sku.parse().expect("a SKU"), delta: *delta };
        let units = AdjustStock::new(PRODUCTS.iter().map(units).collect(), "delivery")
            .map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
        let commands = vec![
            bowline_inventory::Command { request: request(), action: products },
            bowline_inventory::Command { request: request(), action: Action::AdjustStock(units) },
        ];
        inventory.execute(&Batch::of_commands(commands)).await.context("the shelves cannot be filled")?;
        Ok(())
    }

    fn inventory(&mut self) -> Inventory {
        let registered = &self.stage.base(Service::Inventory).registered;
        let (database, outbox) = (registered.database(), registered.outbox());
        Inventory::new(database, outbox, self.clock.clone(), self.ids.clone())
    }

    /// Starts the process of a replica; it holds nothing yet.
    pub(crate) fn start(&mut self, index: usize) -> anyhow::Result<()> {
        let (service, seen) = (self.replicas[index].service, self.replicas[index].seen.clone());
        let healing = self.settings.sabotage != Some(Sabotage::NoHealing)
            && self.settings.sabotage != Some(Sabotage::NoWatermark);
        let sources = if healing { self.stage.sources() } else { Vec::new() };
        let (clock, ids) = (self.clock.clone(), self.ids.clone());
        let registered = &self.stage.base(service).registered;
        let (database, outbox) = (registered.database(), registered.outbox());
        let cached_max = NonZeroUsize::MIN.saturating_add(99);
        let process = match service {
            Service::Orders => {
                let orders = Orders::new(database, outbox, clock, ids, cached_max, LIMITS);
                Process::Orders(Box::new(registered.by_hand(Witness::of(orders, seen), sources)?))
            }
            Service::Inventory => {
                let inventory = Inventory::new(database, outbox, clock, ids);
                Process::Inventory(Box::new(registered.by_hand(Witness::of(inventory, seen), sources)?))
            }
            Service::Payment => {
                let (sender, receiver) = intents();
                let payment = PaymentHandler::new(HandlerParts {
                    database,
                    outbox,
                    payments_cached_max: cached_max,
                    // Small, so that payments are read from snapshots, too.
                    snapshot_every: NonZeroU32::MIN.saturating_add(1),
                    clock,
                    ids,
                    intents: sender,
                });
                let stepper = registered.by_hand(Witness::of(payment, seen), sources)?;
                Process::Payment(Box::new(stepper), Desk::new(receiver))
            }
            Service::Projection => {
                let watching = WatchSettings { watchers_max: 1, poll: Duration::from_hours(1) };
                let watches = Watches::new(database.clone(), watching);
                let projector = Projector::new(ReadModel::new(watches), database, outbox);
                Process::Projection(Box::new(registered.by_hand(Witness::of(projector, seen), sources)?))
            }
        };
        self.replicas[index].process = Some(process);
        Ok(())
    }

    /// Gives a partition to a replica, which hears of it with its next heartbeat; so does the one that had it.
    pub(crate) fn grant(&mut self, service: Service, partition: u16, index: usize) {
        self.epoch += 1;
        self.leases.insert((service, partition), (index, self.epoch));
    }

    /// What a replica holds.
    pub(crate) fn held(&self, index: usize) -> Owned {
        let held = self.leases.iter().filter(|(_, (holder, _))| *holder == index);
        held.map(|((_, partition), (_, epoch))| (*partition, *epoch)).collect()
    }

    /// The other replica of the same service.
    pub(crate) fn partner(index: usize) -> usize {
        index ^ 1
    }

    /// Moves both clocks: the one of the services, and the one of their waiting.
    pub(crate) async fn advance(&mut self, by: Duration) {
        self.clock.advance(TimeDelta::from_std(by).unwrap_or_default());
        tokio::time::advance(by).await;
    }
}
