//! The databases of a simulation: real ones, made once and emptied for every run.

use std::time::Duration;

use anyhow::Context as _;
use bowline_database::Migrator;
use bowline_messaging::{KafkaOptions, LaneOptions, LaneReader, NodeOptions, Registered, Wiring};
use bowline_prove::{DatabaseUrls, Ledger};
use bowline_test_support::ServiceDatabase;
use sqlx::{Connection as _, PgConnection};
use url::Url;

use crate::wire::Wire;

/// The services, in the order in which saga messages reach them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Orders,
    Inventory,
    Payment,
    Projection,
}

impl Service {
    pub(crate) const ALL: [Self; 4] = [Self::Orders, Self::Inventory, Self::Payment, Self::Projection];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Inventory => "inventory",
            Self::Payment => "payment",
            Self::Projection => "projection",
        }
    }

    fn wiring(self) -> Wiring {
        match self {
            Self::Orders => bowline_orders::bootstrap::wiring(),
            Self::Inventory => bowline_inventory::bootstrap::wiring(),
            Self::Payment => bowline_payment::bootstrap::wiring(),
            Self::Projection => bowline_projection::bootstrap::wiring(),
        }
    }

    fn migrators(self) -> Vec<(&'static str, &'static Migrator)> {
        match self {
            Self::Orders => bowline_orders::bootstrap::migrators().to_vec(),
            Self::Inventory => bowline_inventory::bootstrap::migrators().to_vec(),
            Self::Payment => bowline_payment::bootstrap::migrators().to_vec(),
            Self::Projection => bowline_projection::bootstrap::migrators().to_vec(),
        }
    }

    /// Empties what this service alone has.
    const fn emptying(self) -> &'static str {
        match self {
            Self::Orders => {
                "DELETE FROM event_store.events; DELETE FROM event_store.snapshots; DELETE FROM idempotency.keys;
                 DELETE FROM orders.deadlines"
            }
            Self::Inventory => {
                "DELETE FROM idempotency.keys; DELETE FROM inventory.movements; DELETE FROM inventory.reservations;
                 DELETE FROM inventory.levels; DELETE FROM inventory.products"
            }
            Self::Payment => {
                "DELETE FROM event_store.events; DELETE FROM event_store.snapshots; DELETE FROM payment.operations"
            }
            Self::Projection => "DELETE FROM projection.timeline; DELETE FROM projection.order_views",
        }
    }
}

/// Empties what every service has, as it is after its first registration.
const EMPTYING: &str = "
    DELETE FROM messaging.parked_messages; DELETE FROM messaging.parked_keys; DELETE FROM messaging.parking_actions;
    DELETE FROM messaging.healed_gaps; DELETE FROM messaging.outbox;
    UPDATE messaging.lane_heads SET next_sequence = 1 WHERE next_sequence <> 1;
    UPDATE messaging.published SET sequence = 0 WHERE sequence <> 0;
    UPDATE messaging.watermarks SET sequence = 0, incarnation = NULL WHERE sequence <> 0 OR incarnation IS NOT NULL;
    UPDATE messaging.positions SET next_offset = 0, topic_id = NULL WHERE next_offset <> 0 OR topic_id IS NOT NULL;
    UPDATE messaging.partitions SET writes = 0 WHERE writes <> 0";

/// The database of one service.
pub(crate) struct Base {
    pub(crate) registered: Registered,
    pub(crate) wire: Wire,
    /// As the owner of the tables, past the wire.
    pub(crate) owner: PgConnection,
    database: ServiceDatabase,
}

/// The databases of all services. One run at a time uses them.
pub(crate) struct Stage {
    bases: Vec<Base>,
    ledger: Ledger,
}

impl Stage {
    pub(crate) async fn set() -> anyhow::Result<Self> {
        let mut bases = Vec::new();
        for service in Service::ALL {
            let base = Base::set(service).await;
            bases.push(base.with_context(|| format!("the database of {} cannot be made", service.name()))?);
        }
        let ledger = Ledger::open(&urls(&bases))?;
        Ok(Self { bases, ledger })
    }

    /// The ledger of what must hold.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn base(&mut self, service: Service) -> &mut Base {
        &mut self.bases[service as usize]
    }

    /// Everything as it was before the first run.
    pub(crate) async fn empty(&mut self) -> anyhow::Result<()> {
        for service in Service::ALL {
            let owner = &mut self.base(service).owner;
            sqlx::raw_sql(service.emptying()).execute(&mut *owner).await?;
            sqlx::raw_sql(EMPTYING).execute(owner).await?;
        }
        Ok(())
    }

    /// Those who can be asked for what topics have lost.
    pub(crate) fn sources(&self) -> Vec<LaneReader> {
        self.bases.iter().map(|base| base.registered.lane_reader()).collect()
    }
}

/// Where an auditor reads.
fn urls(bases: &[Base]) -> DatabaseUrls {
    let url = |service: Service| bases[service as usize].database.urls().auditor.clone();
    DatabaseUrls {
        orders: url(Service::Orders),
        inventory: url(Service::Inventory),
        payment: url(Service::Payment),
        projection: url(Service::Projection),
    }
}

impl Base {
    async fn set(service: Service) -> anyhow::Result<Self> {
        let database = ServiceDatabase::create(service.name()).await;
        bowline_database::migrate(&database.urls().owner, &service.migrators()).await?;
        let mut url = Url::parse(&database.urls().runtime)?;
        let host = url.host_str().context("the database has no host")?;
        let wire = Wire::to(format!("{host}:{}", url.port().unwrap_or(5432))).await?;
        let _ = url.set_host(Some(&wire.address().ip().to_string()));
        let _ = url.set_port(Some(wire.address().port()));
        // The machine does not lose its power within a run: what is tested is who commits, not when the disk has it.
        url.query_pairs_mut().append_pair("options", "-c synchronous_commit=off");
        let lanes = LaneOptions {
            batch_max: 8,
            gap_heal_after: Duration::from_millis(500),
            lane_heads_every: Duration::from_secs(5),
            ..LaneOptions::default()
        };
        let options = NodeOptions {
            kafka: KafkaOptions::new(vec!["127.0.0.1:1".to_owned()], String::new()),
            lanes,
            database_url: url.into(),
            address: "http://127.0.0.1:1".to_owned(),
        };
        let registered = Registered::register(service.wiring(), options).await?;
        let owner = PgConnection::connect(&database.urls().owner).await?;
        Ok(Self { registered, wire, owner, database })
    }
}
