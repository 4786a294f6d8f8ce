//! The SQL of the read model.

pub(crate) mod order_lists;
pub(crate) mod order_views;
pub(crate) mod row;
pub(crate) mod timeline;
