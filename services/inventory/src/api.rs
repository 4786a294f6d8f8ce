//! The gRPC services: checks of form, and the mapping to and from the words of the domain.

mod answers;
mod catalog_service;
mod inventory_service;
mod products;

pub use catalog_service::CatalogApi;
pub use inventory_service::InventoryApi;
