//! What lies outside: the catalogue, the neighbours of the saga, the table of deadlines.

pub(crate) mod catalogue;
pub(crate) mod deadlines;
pub(crate) mod neighbour;
