//! Remote parties.

pub(crate) mod catalogue;
