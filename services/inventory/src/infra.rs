//! The SQL of this service: one array statement for a whole batch.

mod catalogue;
mod error;
mod ledger;
mod levels;
mod reservations;

pub(crate) use catalogue::{StoredProduct, find_products, list_products, upsert_products};
pub(crate) use error::Error;
pub(crate) use ledger::{Entry, Page, Writes, list_movements, write};
pub(crate) use levels::{find_level, lock_levels};
pub(crate) use reservations::load_reservations;
