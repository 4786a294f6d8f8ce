//! The payment provider behind an anti-corruption layer: its words, states and amounts end here.
//!
//! [`Provider::send`] tells it an operation under its idempotency key, [`Provider::ask`] asks what became of it. Both
//! answer with an [`Outcome`] only when the provider has decided for good, and about exactly the operation that was
//! meant; everything else is a [`Trouble`], which says whether the operation may have taken effect.
//!
//! | ours | theirs |
//! |---|---|
//! | authorise, capture, void | hold, settle, release |
//! | provider reference | charge id |
//! | order id | merchant reference |
//! | minor units | decimals |

mod amount;
mod client;
mod mapping;
mod spans;
mod trouble;
mod wire;

pub use client::{Provider, ProviderSettings};
pub use trouble::{Remedy, Trouble};
