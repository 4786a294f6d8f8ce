//! Where a process can be made to die, and which mechanisms can be broken: for `bowline prove`.
//!
//! **What it is.** [`reached`] stands at the places between two effects where a crash is worst; [`arm`] makes the process
//! die the next time it comes to one. [`is_broken`] stands where a guarantee is kept; a build for proving can be told to
//! leave it out, to show that the proof would notice.
//!
//! **Guarantees.** Without the feature `armed` nothing of it is there: [`ARMED`] is false, [`reached`] is empty, [`arm`]
//! refuses, and [`is_broken`] is false at compile time. Releases are built without it.
//!
//! **Does not.** It knows nothing of what happens at its places.
//!
//! **How to add one more.** A variant of [`Point`] or [`Sabotage`] with its name, and the call where it belongs.

mod points;
mod sabotage;

pub use points::{Point, arm, reached};
pub use sabotage::{Sabotage, is_broken};

/// Whether this build can be made to die and to do wrong.
pub const ARMED: bool = cfg!(feature = "armed");

/// A name that nothing has here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    name: String,
    known: Vec<&'static str>,
}

impl std::fmt::Display for UnknownName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} is not known: one of {}", self.name, self.known.join(", "))
    }
}

impl std::error::Error for UnknownName {}
