//! The gRPC services: checks of form, and the mapping to and from the words of the domain.

mod answers;
mod catalog_service;
mod inventory_service;
mod products;

pub(crate) use catalog_service::CatalogApi;
pub(crate) use inventory_service::InventoryApi;
