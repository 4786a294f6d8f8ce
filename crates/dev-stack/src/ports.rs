//! Ports on 127.0.0.1: a consecutive run from a base, or any that are free.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use rand::RngExt as _;

use crate::error::{Error, Result};

/// Below the range from which systems take the ports of outgoing connections: a port found free here is not taken by
/// one of those before its server listens.
const RANGE: std::ops::Range<u16> = 15_000..30_000;
/// On this machine.
const CONNECTED_WITHIN: Duration = Duration::from_millis(500);

/// Hands out ports, none of them twice.
#[derive(Debug)]
pub struct Ports {
    given: Mutex<Given>,
}

#[derive(Debug)]
enum Given {
    From { next: u16 },
    Free { used: Vec<u16> },
}

impl Ports {
    /// `base`, `base + 1`, … in the order asked for, or free ports without a base.
    pub fn new(base: Option<u16>) -> Self {
        let given = match base {
            Some(next) => Given::From { next },
            None => Given::Free { used: Vec::new() },
        };
        Self { given: Mutex::new(given) }
    }

    /// Fails if one of the next `count` ports of a run from a base is taken, before anything is started that needs them.
    pub fn check_run(&self, count: u16) -> Result<()> {
        let given = self.given.lock().expect("no panic while the lock is held");
        let &Given::From { next: base } = &*given else { return Ok(()) };
        let Some(last) = base.checked_add(count.saturating_sub(1)) else {
            return Err(Error::PortBase { base, count });
        };
        let what = format!("a stack, which needs {base} to {last},");
        (base..=last).try_for_each(|port| check_free(port, &what))
    }

    /// The next port. `what` names its user in the error when a port of the run is taken.
    pub fn next(&self, what: &str) -> Result<u16> {
        let mut given = self.given.lock().expect("no panic while the lock is held");
        match &mut *given {
            Given::From { next } => {
                let port = *next;
                check_free(port, what)?;
                *next = next.checked_add(1).ok_or_else(|| Error::NoPort { what: what.to_owned() })?;
                Ok(port)
            }
            Given::Free { used } => {
                let port = any_free(used).ok_or_else(|| Error::NoPort { what: what.to_owned() })?;
                used.push(port);
                Ok(port)
            }
        }
    }
}

/// Fails with [`Error::PortTaken`] if somebody listens on `port`, and with [`Error::PortHeld`] if a connection has it: from
/// some port on, mostly 32768, systems give them to outgoing ones, and keep them for a minute after their end.
pub fn check_free(port: u16, what: &str) -> Result<()> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(Error::PortForbidden { port, what: what.to_owned() })
        }
        Err(_) if somebody_listens(port) => Err(Error::PortTaken { port, what: what.to_owned() }),
        Err(_) => Err(Error::PortHeld { port, what: what.to_owned() }),
    }
}

fn somebody_listens(port: u16) -> bool {
    TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), CONNECTED_WITHIN).is_ok()
}

/// Starts at a random place, so that two stacks that start at once rarely try the same port.
fn any_free(used: &[u16]) -> Option<u16> {
    let start = crate::secrets::random().random_range(RANGE);
    (start..RANGE.end)
        .chain(RANGE.start..start)
        .find(|port| !used.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_its_mend() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let error = Ports::new(Some(port)).next("PostgreSQL").expect_err("it is taken");
        assert_eq!(
            error.to_string(),
            format!(
                "port {port} for PostgreSQL is taken: stop the program that listens there, or give another --port-base"
            )
        );
    }

    #[test]
    fn a_port_that_a_connection_has_is_not_blamed_on_a_program_that_listens() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let connection = TcpStream::connect(address).expect("somebody listens");
        let port = connection.local_addr().expect("connected").port();
        let error = Ports::new(Some(port)).next("PostgreSQL").expect_err("it is in use").to_string();
        assert!(error.contains("is held by a connection"), "{error}");
    }

    #[test]
    fn a_run_is_looked_at_before_any_of_it_is_used() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let taken = listener.local_addr().expect("bound").port();
        let ports = Ports::new(Some(taken - 2));
        ports.check_run(2).expect("both are below it");
        let error = ports.check_run(4).expect_err("the third is taken").to_string();
        let (first, last) = (taken - 2, taken + 1);
        assert!(
            error.starts_with(&format!("port {taken} for a stack, which needs {first} to {last}, is taken")),
            "{error}"
        );
        assert_eq!(ports.next("PostgreSQL").expect("looking takes nothing"), taken - 2);
        let error = Ports::new(Some(65_530)).check_run(7).expect_err("there are 6").to_string();
        assert_eq!(error, "--port-base 65530 leaves no room for 7 ports: give a lower one");
        Ports::new(None).check_run(12).expect("any free ones do");
    }

    #[test]
    fn free_ports_are_never_given_twice() {
        let ports = Ports::new(None);
        let mut given: Vec<u16> = (0..50).map(|_| ports.next("a test").expect("ports are left")).collect();
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), 50);
    }
}
