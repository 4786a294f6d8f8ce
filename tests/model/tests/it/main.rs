//! Every state within the bounds of CI, and what happens when a mechanism is taken away.
#![expect(clippy::print_stdout, reason = "how many states there were is what a run is for")]

mod lanes;
mod saga;
mod trace;
