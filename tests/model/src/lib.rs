//! Models of Bowline's protocols, explored state by state: every interleaving of their steps, with every combination
//! of a bounded number of faults.

pub mod lanes;
