//! What holds for any messages in any order, repeats included.

use std::collections::{BTreeMap, BTreeSet};

use bowline_kernel::Sku;
use proptest::prelude::*;

use super::*;
use crate::{AdjustStock, Adjustment};

const SKUS: [&str; 3] = ["A", "B", "C"];
const ORDERS: usize = 6;

/// One step of a history: something about order number `.0`, or an adjustment.
#[derive(Debug, Clone)]
enum Step {
    Order(usize, Message),
    Adjust(Adjustment),
}

/// Inventory as its database would hold it.
#[derive(Debug, Default, PartialEq)]
struct Books {
    rows: BTreeMap<Sku, (i64, i64, i64)>,
    movements: Vec<Movement>,
    reservations: BTreeMap<usize, Reservation>,
    facts: Vec<(usize, Fact)>,
}

impl Books {
    /// Decides `steps` in order in one batch and writes what changed. Returns what was refused.
    fn batch(&mut self, steps: &[Step]) -> Vec<Rejection> {
        let mut refused = Vec::new();
        let loaded = self.rows.iter().map(|(sku, (a, r, s))| {
            (sku.clone(), Level::new(*a, *r, *s).expect("a stored level is a level"))
        });
        let mut levels = Levels::new(loaded);
        for step in steps {
            match step {
                Step::Adjust(adjustment) => {
                    let command = AdjustStock::new(vec![adjustment.clone()], "").unwrap();
                    self.movements.extend(levels.adjust(&command).unwrap_or_default());
                }
                Step::Order(number, message) => {
                    let reservation = self.reservations.entry(*number).or_default();
                    match decide(order_id(*number), reservation, &mut levels, message) {
                        Ok(Some(decision)) => {
                            *reservation = decision.reservation;
                            self.movements.extend(decision.movements);
                            self.facts.push((*number, decision.fact));
                        }
                        Ok(None) => {}
                        Err(rejection) => refused.push(rejection),
                    }
                }
            }
        }
        for change in levels.changes() {
            let level = change.after;
            self.rows.insert(change.sku, (level.available(), level.reserved(), level.sold()));
        }
        refused
    }

    /// How often an order was reserved or rejected, committed, released, restocked.
    fn count_facts(&self, number: usize) -> [usize; 4] {
        let mut counts = [0; 4];
        for (_, fact) in self.facts.iter().filter(|(order, _)| *order == number) {
            counts[match fact {
                Fact::StockReserved { .. } | Fact::StockRejected { .. } => 0,
                Fact::StockCommitted { .. } => 1,
                Fact::StockReleased { .. } => 2,
                Fact::StockRestocked { .. } => 3,
            }] += 1;
        }
        counts
    }

    /// The sum of all movements for each SKU that has any effect left.
    fn ledger(&self) -> BTreeMap<Sku, (i64, i64, i64)> {
        let mut sums = BTreeMap::<Sku, (i64, i64, i64)>::new();
        for movement in &self.movements {
            let sum = sums.entry(movement.sku.clone()).or_default();
            sum.0 += movement.available_delta;
            sum.1 += movement.reserved_delta;
            sum.2 += movement.sold_delta;
        }
        sums
    }

    /// What the reservations say is reserved and sold.
    fn held(&self) -> BTreeMap<Sku, (i64, i64)> {
        let mut held = BTreeMap::<Sku, (i64, i64)>::new();
        for reservation in self.reservations.values() {
            let sold = matches!(reservation, Reservation::Committed { .. });
            for line in reservation.lines().into_iter().flatten() {
                let units = held.entry(line.sku.clone()).or_default();
                if sold { units.1 += line.quantity.units() } else { units.0 += line.quantity.units() }
            }
        }
        held
    }
}

fn order_id(number: usize) -> OrderId {
    format!("00000000-0000-7000-8000-{number:012}").parse().unwrap()
}

fn lines() -> impl Strategy<Value = Lines> {
    prop::collection::btree_map(prop::sample::select(&SKUS[..]), 1_u32..6, 1..=SKUS.len()).prop_map(|units| {
        let line = |(sku, units): (&str, u32)| Line {
            sku: sku.parse().unwrap(),
            quantity: Quantity::new(units).unwrap(),
        };
        Lines::new(units.into_iter().map(line).collect()).unwrap()
    })
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        3 => lines().prop_map(|lines| Message::OrderPlaced { lines }),
        2 => Just(Message::OrderConfirmed),
        2 => Just(Message::ReleaseStock),
        2 => Just(Message::RestockOrder),
    ]
}

fn adjustment() -> impl Strategy<Value = Adjustment> {
    (prop::sample::select(&SKUS[..]), prop_oneof![-8_i64..0, 1_i64..20])
        .prop_map(|(sku, delta)| Adjustment { sku: sku.parse().unwrap(), delta })
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..ORDERS, message()).prop_map(|(number, message)| Step::Order(number, message)),
        1 => adjustment().prop_map(Step::Adjust),
    ];
    prop::collection::vec(step, 0..80)
}

/// How a saga goes, seen from inventory.
#[derive(Debug, Clone, Copy)]
enum Saga {
    Confirmed,
    Cancelled,
    CaptureFailed,
}

/// A saga's messages in an order in which they may reach inventory, perhaps all of them twice. Orders confirms and
/// restocks only what was reserved; everything else may overtake.
fn saga() -> impl Strategy<Value = Vec<Message>> {
    let kind = prop::sample::select(&[Saga::Confirmed, Saga::Cancelled, Saga::CaptureFailed][..]);
    (kind, lines(), any::<bool>(), 1_usize..=2).prop_map(|(kind, lines, overtaken, times)| {
        let placed = Message::OrderPlaced { lines };
        let messages = match (kind, overtaken) {
            (Saga::Confirmed, _) => vec![placed, Message::OrderConfirmed],
            (Saga::Cancelled, false) => vec![placed, Message::ReleaseStock],
            (Saga::Cancelled, true) => vec![Message::ReleaseStock, placed],
            (Saga::CaptureFailed, false) => vec![placed, Message::OrderConfirmed, Message::RestockOrder],
            (Saga::CaptureFailed, true) => vec![placed, Message::RestockOrder, Message::OrderConfirmed],
        };
        (0..times).flat_map(|_| messages.clone()).collect()
    })
}

/// The messages of several sagas, each in its own order, with the number of its order.
fn interleaved_sagas() -> impl Strategy<Value = Vec<(usize, Message)>> {
    prop::collection::vec(saga(), 1..ORDERS)
        .prop_flat_map(|sagas| {
            let turns: Vec<usize> =
                sagas.iter().enumerate().flat_map(|(number, saga)| vec![number; saga.len()]).collect();
            (Just(sagas), Just(turns).prop_shuffle())
        })
        .prop_map(|(sagas, turns)| {
            let mut sagas: Vec<_> = sagas.into_iter().map(Vec::into_iter).collect();
            turns.into_iter().filter_map(|number| Some((number, sagas[number].next()?))).collect()
        })
}

proptest! {
    #[test]
    fn levels_are_the_sum_of_movements_and_nothing_is_lost(steps in history()) {
        let mut books = Books::default();
        for step in &steps {
            books.batch(std::slice::from_ref(step));
            let negative = |&(a, r, s): &(i64, i64, i64)| a < 0 || r < 0 || s < 0;
            prop_assert!(!books.rows.values().any(negative));
        }
        for (sku, sums) in books.ledger() {
            prop_assert_eq!(books.rows.get(&sku).copied().unwrap_or_default(), sums);
            let adjusted: i64 = books
                .movements
                .iter()
                .filter(|m| m.sku == sku && m.kind == MovementKind::Adjustment)
                .map(|m| m.available_delta)
                .sum();
            prop_assert_eq!(sums.0 + sums.1 + sums.2, adjusted, "units appear and go by adjustments alone");
            prop_assert_eq!((sums.1, sums.2), books.held().get(&sku).copied().unwrap_or_default());
        }
    }

    #[test]
    fn a_batch_decides_as_one_by_one_does(steps in history()) {
        let mut together = Books::default();
        together.batch(&steps);
        let mut one_by_one = Books::default();
        for step in &steps {
            one_by_one.batch(std::slice::from_ref(step));
        }
        // A row that a batch leaves as it found it is not written, so a SKU may have a row of zeroes in one only.
        for books in [&mut together, &mut one_by_one] {
            books.rows.retain(|_, level| *level != (0, 0, 0));
        }
        prop_assert_eq!(together, one_by_one);
    }

    #[test]
    fn commands_are_answered_exactly_once(steps in history()) {
        let mut books = Books::default();
        let (mut releases, mut restocks) = (BTreeSet::new(), BTreeSet::new());
        for step in &steps {
            let accepted = books.batch(std::slice::from_ref(step)).is_empty();
            match step {
                Step::Order(number, Message::ReleaseStock) if accepted => releases.insert(*number),
                Step::Order(number, Message::RestockOrder) if accepted => restocks.insert(*number),
                Step::Order(..) | Step::Adjust(_) => false,
            };
        }
        for number in 0..ORDERS {
            let [outcomes, commits, released, restocked] = books.count_facts(number);
            prop_assert!(outcomes <= 1 && commits <= 1);
            prop_assert_eq!(released, usize::from(releases.contains(&number)));
            prop_assert_eq!(restocked, usize::from(restocks.contains(&number)));
        }
    }

    #[test]
    fn sagas_end_in_stock_sold_or_all_back(sagas in interleaved_sagas()) {
        let mut books = Books::default();
        for name in SKUS {
            // Plenty, so that every order is reserved and no message of a saga may be called impossible.
            books.batch(&[Step::Adjust(Adjustment { sku: name.parse().unwrap(), delta: 1_000 })]);
        }
        for (number, message) in &sagas {
            let refused = books.batch(&[Step::Order(*number, message.clone())]);
            prop_assert_eq!(refused, []);
        }
        for (number, reservation) in &books.reservations {
            let told = |wanted: &Message| sagas.contains(&(*number, wanted.clone()));
            let expected = if told(&Message::RestockOrder) {
                "restocked"
            } else if told(&Message::OrderConfirmed) {
                "committed"
            } else {
                "released"
            };
            prop_assert_eq!(reservation.name(), expected);
        }
        prop_assert!(books.rows.values().all(|(_, reserved, _)| *reserved == 0), "nothing stays reserved");
    }
}
