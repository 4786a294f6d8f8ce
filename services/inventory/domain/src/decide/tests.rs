//! Every (state, message) pair, as given / when / then.

use bowline_kernel::Sku;

use super::*;
use crate::LevelChange;

fn order_id() -> OrderId {
    "0192f0c1-7e2a-7bbb-8ccc-0123456789ab".parse().unwrap()
}

fn sku(name: &str) -> Sku {
    name.parse().unwrap()
}

fn lines(lines: &[(&str, u32)]) -> Lines {
    let line =
        |(name, units): &(&str, u32)| Line { sku: sku(name), quantity: Quantity::new(*units).unwrap() };
    Lines::new(lines.iter().map(line).collect()).unwrap()
}

/// The order of all these tests: 2 of A and 3 of B.
fn wanted() -> Lines {
    lines(&[("A", 2), ("B", 3)])
}

fn placed() -> Message {
    Message::OrderPlaced { lines: wanted() }
}

fn reserved() -> Reservation {
    Reservation::Reserved { lines: wanted() }
}

fn committed() -> Reservation {
    Reservation::Committed { lines: wanted() }
}

const RELEASED: Reservation = Reservation::Released { units: 5 };
const TOMBSTONE: Reservation = Reservation::Released { units: 0 };
const RESTOCKED: Reservation = Reservation::Restocked { units: 5 };

struct Given {
    reservation: Reservation,
    levels: Levels,
}

struct Outcome {
    levels: Levels,
    result: Result<Option<Decision>, Rejection>,
}

/// An order in `reservation`, with levels of 10 units in every part for A and B.
fn given(reservation: Reservation) -> Given {
    let ten = Level::new(10, 10, 10).unwrap();
    given_levels(reservation, [(sku("A"), ten), (sku("B"), ten)])
}

fn given_levels(reservation: Reservation, levels: impl IntoIterator<Item = (Sku, Level)>) -> Given {
    Given { reservation, levels: Levels::new(levels) }
}

impl Given {
    fn when(mut self, message: &Message) -> Outcome {
        let result = decide(order_id(), &self.reservation, &mut self.levels, message);
        Outcome { levels: self.levels, result }
    }
}

impl Outcome {
    /// A decision whose movements have `kind` and move 2 of A and 3 of B by `step`.
    #[track_caller]
    fn then_moved(self, reservation: Reservation, kind: MovementKind, step: [i64; 3], fact: Fact) {
        let decision = self.result.unwrap().expect("there is something to do");
        assert_eq!((decision.reservation, decision.fact), (reservation, fact));
        let movement = |name: &str, units: i64| Movement {
            sku: sku(name),
            kind,
            available_delta: step[0] * units,
            reserved_delta: step[1] * units,
            sold_delta: step[2] * units,
            order_id: Some(order_id()),
            reason: None,
        };
        assert_eq!(decision.movements, [movement("A", 2), movement("B", 3)]);
        for (name, units) in [("A", 2), ("B", 3)] {
            let [available, reserved, sold] = step.map(|delta| 10 + delta * units);
            assert_eq!(self.levels.get(&sku(name)), Level::new(available, reserved, sold).unwrap());
        }
    }

    /// A decision that moves nothing.
    #[track_caller]
    fn then_only(self, reservation: Reservation, fact: Fact) {
        assert_eq!(self.levels.changes(), []);
        assert_eq!(self.result, Ok(Some(Decision { reservation, movements: vec![], fact })));
    }

    #[track_caller]
    fn then_nothing(self) {
        assert_eq!(self.levels.changes(), []);
        assert_eq!(self.result, Ok(None));
    }

    #[track_caller]
    fn then_impossible(self, state: &'static str, message: &'static str) {
        assert_eq!(self.levels.changes(), []);
        assert_eq!(self.result, Err(Rejection::Impossible { state, message }));
    }
}

#[test]
fn order_placed() {
    let fact = Fact::StockReserved { lines: wanted() };
    given(Reservation::Unknown).when(&placed()).then_moved(
        reserved(),
        MovementKind::Reservation,
        [-1, 1, 0],
        fact,
    );
    for known in [Reservation::Rejected, reserved(), committed(), RELEASED, TOMBSTONE, RESTOCKED] {
        given(known).when(&placed()).then_nothing();
    }
}

#[test]
fn order_confirmed() {
    let message = Message::OrderConfirmed;
    let fact = Fact::StockCommitted { units: 5 };
    given(reserved()).when(&message).then_moved(committed(), MovementKind::Commit, [0, -1, 1], fact);
    given(committed()).when(&message).then_nothing();
    given(RESTOCKED).when(&message).then_nothing();
    given(Reservation::Unknown).when(&message).then_impossible("unknown", "OrderConfirmed");
    given(Reservation::Rejected).when(&message).then_impossible("rejected", "OrderConfirmed");
    given(RELEASED).when(&message).then_impossible("released", "OrderConfirmed");
    given(TOMBSTONE).when(&message).then_impossible("released", "OrderConfirmed");
}

#[test]
fn release_stock() {
    let message = Message::ReleaseStock;
    let nothing = Fact::StockReleased { units: 0 };
    let fact = Fact::StockReleased { units: 5 };
    given(reserved()).when(&message).then_moved(RELEASED, MovementKind::Release, [1, -1, 0], fact);
    given(Reservation::Unknown).when(&message).then_only(TOMBSTONE, nothing.clone());
    given(Reservation::Rejected).when(&message).then_only(TOMBSTONE, nothing);
    given(RELEASED).when(&message).then_nothing();
    given(TOMBSTONE).when(&message).then_nothing();
    given(committed()).when(&message).then_impossible("committed", "ReleaseStock");
    given(RESTOCKED).when(&message).then_impossible("restocked", "ReleaseStock");
}

#[test]
fn restock_order() {
    let message = Message::RestockOrder;
    let fact = Fact::StockRestocked { units: 5 };
    given(committed()).when(&message).then_moved(RESTOCKED, MovementKind::Restock, [1, 0, -1], fact.clone());
    given(reserved()).when(&message).then_moved(RESTOCKED, MovementKind::Restock, [1, -1, 0], fact);
    let nothing = Fact::StockRestocked { units: 0 };
    given(Reservation::Unknown).when(&message).then_only(Reservation::Restocked { units: 0 }, nothing);
    given(RESTOCKED).when(&message).then_nothing();
    given(Reservation::Rejected).when(&message).then_impossible("rejected", "RestockOrder");
    given(RELEASED).when(&message).then_impossible("released", "RestockOrder");
    given(TOMBSTONE).when(&message).then_impossible("released", "RestockOrder");
}

#[test]
fn one_short_line_rejects_the_order_and_names_every_shortage() {
    let levels = [("A", 2), ("B", 1)].map(|(name, units)| (sku(name), Level::new(units, 5, 5).unwrap()));
    let message = Message::OrderPlaced { lines: lines(&[("NEW", 4), ("A", 2), ("B", 3)]) };
    let shortage = |name, units| Shortage { sku: sku(name), missing: Quantity::new(units).unwrap() };
    given_levels(Reservation::Unknown, levels).when(&message).then_only(
        Reservation::Rejected,
        Fact::StockRejected { shortages: vec![shortage("NEW", 4), shortage("B", 2)] },
    );
}

#[test]
fn the_last_units_can_be_reserved() {
    let levels = [("A", 2), ("B", 3)].map(|(name, units)| (sku(name), Level::new(units, 0, 0).unwrap()));
    let outcome = given_levels(Reservation::Unknown, levels).when(&placed());
    assert!(matches!(outcome.result, Ok(Some(Decision { fact: Fact::StockReserved { .. }, .. }))));
    assert_eq!(outcome.levels.get(&sku("B")), Level::new(0, 3, 0).unwrap());
}

#[test]
fn a_level_that_contradicts_the_reservation_is_reported_and_left_alone() {
    let level = Level::new(9, 1, 1).unwrap();
    for (reservation, message) in [
        (reserved(), Message::OrderConfirmed),
        (reserved(), Message::ReleaseStock),
        (reserved(), Message::RestockOrder),
        (committed(), Message::RestockOrder),
    ] {
        let enough = Level::new(0, 5, 5).unwrap();
        let outcome = given_levels(reservation, [(sku("A"), enough), (sku("B"), level)]).when(&message);
        let mismatch = Rejection::LevelMismatch { sku: sku("B"), level, units: 3 };
        assert_eq!(outcome.result, Err(mismatch));
        assert_eq!(outcome.levels.changes(), []);
    }
}

#[test]
fn many_orders_of_one_sku_are_one_row() {
    let mut levels = Levels::new([(sku("HOT"), Level::new(5, 0, 0).unwrap())]);
    let message = Message::OrderPlaced { lines: lines(&[("HOT", 2)]) };
    let outcomes = [(); 3].map(|()| {
        decide(order_id(), &Reservation::Unknown, &mut levels, &message).unwrap().unwrap().reservation.name()
    });
    assert_eq!(outcomes, ["reserved", "reserved", "rejected"]);
    let (before, after) = (Level::new(5, 0, 0).unwrap(), Level::new(1, 4, 0).unwrap());
    assert_eq!(levels.changes(), [LevelChange { sku: sku("HOT"), before, after }]);
}

#[test]
fn what_ends_where_it_began_is_not_written() {
    let mut levels = Levels::new([("A", 2), ("B", 3)].map(|(n, u)| (sku(n), Level::new(u, 0, 0).unwrap())));
    let placed = decide(order_id(), &Reservation::Unknown, &mut levels, &placed()).unwrap().unwrap();
    decide(order_id(), &placed.reservation, &mut levels, &Message::ReleaseStock).unwrap().unwrap();
    assert_eq!(levels.changes(), []);
}
