//! Options of a process: flags and environment variables, checked all at once, secrets kept.
//!
//! **What it is.** A clap field of type [`Given<T>`] never fails to parse. It remembers what was given and why that is
//! no `T`. A `check` function then takes the values out through [`Faults`], which collects every fault and names
//! flag, variable, what was given and what is expected, so that one start shows them all.
//!
//! **What it guarantees.** No secret reaches a message: [`Secret`] and [`DatabaseUrl`] hide their text in `Debug`,
//! `Display` and in every fault, and the help never prints the value of an environment variable.
//!
//! **What it does not.** Unknown flags and missing values of flags remain clap's own errors. There is no file of
//! options.
//!
//! **How to add an option.** Add a documented field to the group, `Option<Given<T>>` if it has no default, and take it
//! in the group's `check`, all takes before the first `?`:
//!
//! ```
//! use bowline_config::{Faults, Given};
//! use std::time::Duration;
//!
//! #[derive(clap::Parser)]
//! struct Options {
//!     /// How long one attempt may take.
//!     #[arg(long, env = "ATTEMPT_TIMEOUT", default_value = "2s")]
//!     attempt_timeout: Given<Duration>,
//!     /// How many attempts are made.
//!     #[arg(long, env = "ATTEMPTS_MAX", default_value = "3")]
//!     attempts_max: Given<u32>,
//! }
//!
//! struct Settings { attempt_timeout: Duration, attempts_max: u32 }
//!
//! impl Options {
//!     fn check(self, faults: &mut Faults) -> Option<Settings> {
//!         let attempt_timeout = faults.take("attempt-timeout", self.attempt_timeout);
//!         let attempts_max = faults.within("attempts-max", self.attempts_max, 1..=100);
//!         Some(Settings { attempt_timeout: attempt_timeout?, attempts_max: attempts_max? })
//!     }
//! }
//!
//! let settings = bowline_config::parse_from(["demo", "--attempts-max", "5"], Options::check).expect("valid");
//! assert_eq!(settings.attempts_max, 5);
//! assert_eq!(settings.attempt_timeout, Duration::from_secs(2));
//! ```

mod faults;
mod load;
mod secret;
mod setting;

pub use faults::{Fault, Faults};
pub use load::{Refused, load, parse_from};
pub use secret::{DatabaseUrl, Secret};
pub use setting::{ByteSize, Given, Growth, List, Ratio, Setting};
