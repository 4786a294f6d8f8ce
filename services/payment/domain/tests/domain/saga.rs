//! The whole choreography in memory: orders' domain, payment's domain and a plain inventory, joined by lanes that
//! keep their own order and nothing else, under every schedule that chance finds.

use bowline_orders_domain as orders;
use proptest::prelude::*;

use crate::messages::LANES;
use crate::world::{Fate, Move, World};

fn fates() -> impl Strategy<Value = Fate> {
    prop::sample::select(vec![Fate::AllIsWell, Fate::OutOfStock, Fate::Declined, Fate::CaptureRefused])
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        20 => prop::sample::select(LANES.to_vec()).prop_map(Move::Deliver),
        4 => Just(Move::Provider),
        1 => prop::sample::select(vec![orders::Canceller::Customer, orders::Canceller::Deadline])
            .prop_map(Move::Cancel),
        3 => (0_usize..12).prop_map(Move::RepeatMessage),
        1 => (0_usize..3).prop_map(Move::RepeatOutcome),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn every_saga_comes_to_one_end_and_stock_and_money_agree_with_it(
        fate in fates(),
        moves in prop::collection::vec(moves(), 0..64),
    ) {
        let mut world = World::new(fate);
        for next in &moves {
            world.play(next);
        }
        world.run_out();
        world.check();
        for index in 0..world.delivered.len() {
            world.play(&Move::RepeatMessage(index));
        }
        for index in 0..world.outcomes.len() {
            world.play(&Move::RepeatOutcome(index));
        }
        world.check();
    }
}
