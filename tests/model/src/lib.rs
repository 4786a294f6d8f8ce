//! Models that are explored without a gap: every state that can be reached within stated bounds is visited, and every
//! property is checked in each of them.
//!
//! **Guarantees.** What the saga's model decides is decided by the real domain crates; it adds only the world around them:
//! lanes, crashes, the provider. The lanes' model is the protocol of `messaging` written down again, small. A run that ends without a violation has seen every interleaving within its bounds.
//!
//! **Does not.** Nothing outside of the bounds is said: more orders, other stock. SQL, Kafka and codecs are not part of
//! it; the services' own tests and `tests/e2e` have them.
//!
//! What services were seen to do can be held against the saga's model step by step ([`saga::Replay`]), which
//! `tests/simulation` does; so can what they were seen to publish ([`saga::explain`]), which `tools/prove` does.
//!
//! **How to add one more model.** A module here that implements `stateright::Model`, with tests that break what it
//! stands for and see it found, and a subcommand in `main.rs`.

pub mod lanes;
pub mod saga;
