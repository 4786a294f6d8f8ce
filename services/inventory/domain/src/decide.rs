//! What each message does in each state: the one table of inventory's part in the saga.

use bowline_kernel::{OrderId, Quantity, Sku};

use crate::{Fact, Level, Levels, Line, Lines, Message, Movement, MovementKind, Reservation, Shortage};

/// What a message led to: all of it is stored in one transaction, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The reservation to store.
    pub reservation: Reservation,
    /// Entries of the ledger, one for each SKU that moved.
    pub movements: Vec<Movement>,
    /// What to publish.
    pub fact: Fact,
}

/// Why a message cannot be what it seems. Either is a fault of a program or of stored data, never a matter of
/// timing: the message is not to be dropped, a person must look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Orders never sends this message when inventory has reported this state.
    #[error("{message} cannot follow the state {state}")]
    Impossible {
        /// The name of the reservation's state.
        state: &'static str,
        /// The name of the message.
        message: &'static str,
    },
    /// The level does not hold what the reservation says it holds.
    #[error("the level of {sku} ({level}) cannot give up the {units} units that the order holds")]
    LevelMismatch {
        /// The stock-keeping unit.
        sku: Sku,
        /// Its level.
        level: Level,
        /// The units that the order holds.
        units: i64,
    },
}

/// Decides `message` for the order, and applies its movements to `levels`.
///
/// `Ok(None)`: a repetition, or the original that comes after its compensation; there is nothing to store or to
/// publish. With `Ok(None)` and with a rejection the levels are as before.
pub fn decide(
    order_id: OrderId,
    reservation: &Reservation,
    levels: &mut Levels,
    message: &Message,
) -> Result<Option<Decision>, Rejection> {
    use Reservation::{Committed, Rejected, Released, Reserved, Restocked, Unknown};
    let impossible = || Rejection::Impossible { state: reservation.name(), message: message.name() };
    let mut shift = |kind, lines: &Lines, step| move_lines(levels, order_id, kind, lines, step);
    match message {
        Message::OrderPlaced { lines } => match reservation {
            Unknown => reserve(levels, order_id, lines).map(Some),
            // A tombstone, or the same message again.
            Rejected | Reserved { .. } | Committed { .. } | Released { .. } | Restocked { .. } => Ok(None),
        },
        Message::OrderConfirmed => match reservation {
            Reserved { lines } => {
                let movements = shift(MovementKind::Commit, lines, Step::SELL)?;
                Ok(Some(Decision {
                    reservation: Committed { lines: lines.clone() },
                    movements,
                    fact: Fact::StockCommitted { units: lines.units() },
                }))
            }
            // RestockOrder was faster: it has already put back what would be sold now.
            Committed { .. } | Restocked { .. } => Ok(None),
            // To sell nothing would leave a confirmed order without its goods.
            Unknown | Rejected | Released { .. } => Err(impossible()),
        },
        Message::ReleaseStock => match reservation {
            Reserved { lines } => {
                Ok(Some(released(shift(MovementKind::Release, lines, Step::UNRESERVE)?, lines.units())))
            }
            // The cancellation overtook OrderPlaced, or crossed StockRejected on its way.
            Unknown | Rejected => Ok(Some(released(Vec::new(), 0))),
            Released { .. } => Ok(None),
            Committed { .. } | Restocked { .. } => Err(impossible()),
        },
        Message::RestockOrder => match reservation {
            Committed { lines } => {
                Ok(Some(restocked(shift(MovementKind::Restock, lines, Step::UNSELL)?, lines.units())))
            }
            // RestockOrder overtook OrderConfirmed.
            Reserved { lines } => {
                Ok(Some(restocked(shift(MovementKind::Restock, lines, Step::UNRESERVE)?, lines.units())))
            }
            // Orders confirms only what inventory has reserved, so this needs a loss of data here. An unknown order
            // holds nothing: the zero answer is true, lets the saga end, and the tombstone keeps it true.
            Unknown => Ok(Some(restocked(Vec::new(), 0))),
            Restocked { .. } => Ok(None),
            // Inventory itself reported that nothing is held, so the order cannot have been confirmed.
            Rejected | Released { .. } => Err(impossible()),
        },
    }
}

/// What one unit does when it moves: -1, 0 or 1 for each part of the level.
#[derive(Clone, Copy)]
struct Step {
    available: i64,
    reserved: i64,
    sold: i64,
}

impl Step {
    const RESERVE: Self = Self { available: -1, reserved: 1, sold: 0 };
    const SELL: Self = Self { available: 0, reserved: -1, sold: 1 };
    const UNRESERVE: Self = Self { available: 1, reserved: -1, sold: 0 };
    const UNSELL: Self = Self { available: 1, reserved: 0, sold: -1 };
}

/// Reserves every line, or none and says what was missing.
fn reserve(levels: &mut Levels, order_id: OrderId, lines: &Lines) -> Result<Decision, Rejection> {
    let shortages: Vec<_> = lines.iter().filter_map(|line| shortage(levels, line)).collect();
    if !shortages.is_empty() {
        let fact = Fact::StockRejected { shortages };
        return Ok(Decision { reservation: Reservation::Rejected, movements: Vec::new(), fact });
    }
    let movements = move_lines(levels, order_id, MovementKind::Reservation, lines, Step::RESERVE)?;
    Ok(Decision {
        reservation: Reservation::Reserved { lines: lines.clone() },
        movements,
        fact: Fact::StockReserved { lines: lines.clone() },
    })
}

fn shortage(levels: &Levels, line: &Line) -> Option<Shortage> {
    let missing = line.quantity.units() - levels.get(&line.sku).available();
    let missing = u32::try_from(missing).ok().and_then(Quantity::new)?;
    Some(Shortage { sku: line.sku.clone(), missing })
}

fn released(movements: Vec<Movement>, units: u64) -> Decision {
    Decision { reservation: Reservation::Released { units }, movements, fact: Fact::StockReleased { units } }
}

fn restocked(movements: Vec<Movement>, units: u64) -> Decision {
    Decision {
        reservation: Reservation::Restocked { units },
        movements,
        fact: Fact::StockRestocked { units },
    }
}

/// Moves the units of every line by `step`. All lines are checked before the first is moved; as no SKU stands in two
/// lines, each check holds until its line is moved.
fn move_lines(
    levels: &mut Levels,
    order_id: OrderId,
    kind: MovementKind,
    lines: &Lines,
    step: Step,
) -> Result<Vec<Movement>, Rejection> {
    let movement = |line: &Line| {
        let units = line.quantity.units();
        let movement = Movement {
            sku: line.sku.clone(),
            kind,
            available_delta: step.available * units,
            reserved_delta: step.reserved * units,
            sold_delta: step.sold * units,
            order_id: Some(order_id),
            reason: None,
        };
        match levels.preview(&movement) {
            Some(_) => Ok(movement),
            None => {
                Err(Rejection::LevelMismatch { sku: line.sku.clone(), level: levels.get(&line.sku), units })
            }
        }
    };
    let movements = lines.iter().map(movement).collect::<Result<Vec<_>, _>>()?;
    for movement in &movements {
        levels.apply(movement).expect("every line was checked and no SKU stands in two");
    }
    Ok(movements)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
