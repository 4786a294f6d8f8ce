//! What a batch works on: loaded together, changed in memory decision by decision, written together.

use std::collections::{BTreeSet, HashMap, HashSet};

use bowline_inventory_domain::{
    AdjustStock, AdjustmentRejection, Fact, Level, Levels, Lines, Movement, Reservation, decide,
};
use bowline_kernel::{IdSource, OrderId, Sku};
use bowline_messaging::{ExecuteError, Outgoing};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::reactions::Reaction;
use super::{Action, upsert_products};
use crate::infra::{self, Writes};

/// Levels and reservations of one batch, and what was decided about them so far.
#[derive(Debug)]
pub(crate) struct WorkingSet {
    /// SKUs that the batch's own commands brought into the catalogue and nobody has counted yet.
    created: HashSet<String>,
    /// Of the SKUs to adjust, those that are in the catalogue.
    catalogued: HashSet<Sku>,
    levels: Levels,
    reservations: HashMap<OrderId, Reservation>,
    changed: BTreeSet<OrderId>,
    movements: Vec<(Uuid, Movement)>,
    /// What is to be published.
    pub(crate) outgoing: Vec<Outgoing>,
}

impl WorkingSet {
    /// Writes the products, then reads the reservations, then locks the levels of every SKU that may be touched. (The
    /// products are written first because new ones bring new levels.)
    pub(crate) async fn load(
        connection: &mut PgConnection,
        actions: &[&Action],
        reactions: &[Reaction<'_>],
        now: DateTime<Utc>,
    ) -> Result<Self, infra::Error> {
        let products = upsert_products::last_of_each(actions);
        let created = infra::upsert_products(connection, &products, now).await?;
        let mut orders: Vec<Uuid> = reactions.iter().map(|reaction| reaction.order_id.uuid()).collect();
        orders.sort_unstable();
        orders.dedup();
        let reservations = infra::load_reservations(connection, &orders).await?;
        let adjusted: HashSet<&Sku> = actions.iter().flat_map(|action| adjusted_skus(action)).collect();
        let lines = reactions.iter().filter_map(|reaction| reaction.message.lines());
        let held = reservations.values().filter_map(Reservation::lines);
        let locked = infra::lock_levels(connection, &distinct(&adjusted, lines.chain(held))).await?;
        let catalogued = locked.iter().map(|(sku, _)| sku).filter(|sku| adjusted.contains(sku)).cloned();
        let catalogued = if adjusted.is_empty() { HashSet::new() } else { catalogued.collect() };
        Ok(Self {
            created,
            catalogued,
            levels: Levels::new(locked),
            reservations,
            changed: BTreeSet::new(),
            movements: Vec::new(),
            outgoing: Vec::with_capacity(reactions.len()),
        })
    }

    /// True for the first that asks about a SKU which is new in the catalogue.
    pub(crate) fn count_as_created(&mut self, sku: &Sku) -> bool {
        self.created.remove(sku.as_str())
    }

    /// True if a SKU that a command adjusts is in the catalogue.
    pub(crate) fn is_in_catalogue(&self, sku: &Sku) -> bool {
        self.catalogued.contains(sku)
    }

    /// The level after all decisions so far.
    pub(crate) fn level(&self, sku: &Sku) -> Level {
        self.levels.get(sku)
    }

    /// Changes available units, all adjustments or none.
    pub(crate) fn adjust(
        &mut self,
        command: &AdjustStock,
        ids: &dyn IdSource,
    ) -> Result<(), AdjustmentRejection> {
        let movements = self.levels.adjust(command)?;
        self.note(movements, ids);
        Ok(())
    }

    /// Decides a message; what has become true, if anything has.
    pub(crate) fn react(
        &mut self,
        reaction: &Reaction<'_>,
        ids: &dyn IdSource,
    ) -> Result<Option<Fact>, ExecuteError> {
        let known = self.reservations.get(&reaction.order_id).unwrap_or(&Reservation::Unknown);
        let decided = decide(reaction.order_id, known, &mut self.levels, &reaction.message)
            .map_err(|rejection| reaction.poison(&rejection))?;
        Ok(decided.map(|decision| {
            self.reservations.insert(reaction.order_id, decision.reservation);
            self.changed.insert(reaction.order_id);
            self.note(decision.movements, ids);
            decision.fact
        }))
    }

    /// What is to be written: one row a SKU, one a movement, one an order.
    pub(crate) fn into_writes(mut self) -> Writes {
        let reservation = |order: OrderId| Some((order, self.reservations.remove(&order)?));
        Writes {
            levels: self.levels.changes(),
            movements: self.movements,
            reservations: self.changed.into_iter().filter_map(reservation).collect(),
        }
    }

    fn note(&mut self, movements: Vec<Movement>, ids: &dyn IdSource) {
        self.movements.extend(movements.into_iter().map(|movement| (ids.next_id(), movement)));
    }
}

fn adjusted_skus(action: &Action) -> Vec<&Sku> {
    match action {
        Action::AdjustStock(command) => command.skus().collect(),
        Action::UpsertProducts(_) => Vec::new(),
    }
}

/// Every SKU that the batch may touch, once.
fn distinct<'a>(adjusted: &HashSet<&'a Sku>, orders: impl Iterator<Item = &'a Lines>) -> Vec<&'a str> {
    let ordered = orders.flatten().map(|line| line.sku.as_str());
    let mut skus: Vec<&str> = ordered.chain(adjusted.iter().map(|sku| sku.as_str())).collect();
    skus.sort_unstable();
    skus.dedup();
    skus
}
