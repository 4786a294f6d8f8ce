//! What this service does: commands of callers and messages of lanes, executed batch by batch, and queries.

use std::sync::Arc;

use bowline_database::Database;
use bowline_idempotency::{Answer, Request};
use bowline_inventory_domain::{AdjustStock, Product};
use bowline_kernel::{Clock, IdSource};
use bowline_messaging::{Outbox, PartitionWrites};

pub(crate) mod adjust_stock;
pub(crate) mod commands;
mod execute;
mod publish;
pub(crate) mod queries;
mod reactions;
pub(crate) mod refusal;
pub(crate) mod upsert_products;
mod working_set;

/// Executes batches. One per process: it runs one transaction at a time.
pub struct Inventory {
    database: Database,
    outbox: Outbox,
    partitions: PartitionWrites,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

/// What a caller asks for, already checked for its form.
#[derive(Debug)]
pub struct Command {
    /// Tells a repetition.
    pub request: Request,
    /// What is to be done.
    pub action: Action,
}

/// What is to be done.
#[derive(Debug)]
pub enum Action {
    /// Create or replace products; no SKU twice.
    UpsertProducts(Vec<Product>),
    /// Change available units.
    AdjustStock(AdjustStock),
}

/// What a caller gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The answer, given now or when the request came first: the response as protobuf, or a refusal.
    Answered(Answer),
    /// Adjustments at these places of the request name SKUs that are not in the catalogue. Nothing was done or stored.
    NotInCatalogue(Vec<usize>),
    /// The key belongs to another request.
    KeyReused,
}

impl std::fmt::Debug for Inventory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inventory").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

impl Inventory {
    /// An executor that writes to `database` and numbers its messages with `outbox`.
    pub fn new(database: Database, outbox: Outbox, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        Self { database, outbox, partitions: PartitionWrites::default(), clock, ids }
    }
}
