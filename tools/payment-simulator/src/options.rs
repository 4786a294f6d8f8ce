//! What a simulator is started with.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::switches::Switches;

/// What a simulator is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder of the books. Made if it is not there; one simulator at a time.
    pub data_dir: PathBuf,
    /// Whether an answer waits until the disk has it. Without, answers still survive the death of the process, but
    /// not that of the machine.
    pub sync: bool,
    /// How long a shutdown waits for requests under way before it cuts them off.
    pub drain_timeout: Duration,
    /// The faults to play from the start.
    pub switches: Switches,
}

/// All that is wrong with the options given, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionFaults(pub(crate) Vec<String>);

impl Options {
    /// A well-behaved provider on a free local port, with its books in this folder.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            data_dir: data_dir.into(),
            sync: true,
            drain_timeout: Duration::from_secs(10),
            switches: Switches::default(),
        }
    }
}

impl fmt::Display for OptionFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot start with these options:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for OptionFaults {}
