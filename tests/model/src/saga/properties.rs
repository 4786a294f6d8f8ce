//! What always holds, and what must be seen to happen, or the model would be empty.

use bowline_inventory_domain::Reservation;
use bowline_kernel::Quantity;
use bowline_orders_domain::{CancelReason, Status};
use bowline_payment_domain::{Phase, Status as PaymentStatus};
use stateright::Property;

use super::lane::Lane;
use super::message::Message;
use super::model::SagaModel;
use super::world::{Fault, Saga, World};

type Check = fn(&SagaModel, &World) -> bool;

/// The numbers are those of "What always holds" in ARCHITECTURE.md.
const ALWAYS: [(&str, Check); 10] = [
    ("no message and no outcome is impossible where it arrives (4)", |_, world| {
        !matches!(world.fault, Some(Fault::Impossible { .. }))
    }),
    ("a compensation is answered once at the most (5)", |_, world| every(world, answered_once)),
    ("no unit is lost, and movements add up to the level (6)", |_, world| {
        world.stock.iter().all(super::stock::Stock::is_conserved)
    }),
    ("what is reserved and sold is what orders hold (6)", |_, world| held_by_orders(world)),
    ("an order's total is held once at the most (7)", |_, world| every(world, held_once)),
    ("money is taken for confirmed orders alone, and once (7)", |_, world| every(world, taken_once)),
    ("an order ends in one way", |_, world| every(world, ends_once)),
    ("a finished order agrees with stock and money (5, 7)", |_, world| every(world, agrees)),
    ("when nobody has anything to do, every order is finished", |_, world| at_rest_all_finished(world)),
    ("every step that is not a fault leads on", |_, world| world.fault != Some(Fault::Backwards)),
];

const SOMETIMES: [(&str, Check); 9] = [
    ("an order is confirmed", |_, world| some_ends(world, Status::Confirmed)),
    ("an order is out of stock", |_, world| some_ends(world, cancelled(CancelReason::OutOfStock))),
    ("a payment is declined", |_, world| some_ends(world, cancelled(CancelReason::PaymentDeclined))),
    ("a customer cancels", |_, world| some_ends(world, cancelled(CancelReason::Customer))),
    ("a deadline passes", |_, world| some_ends(world, cancelled(CancelReason::Deadline))),
    ("a capture is refused", |_, world| some_ends(world, cancelled(CancelReason::CaptureFailed))),
    ("a void waits for the authorisation", |_, world| {
        some(world, |saga| matches!(saga.payment.phase(), Phase::Authorizing { void_asked: true, .. }))
    }),
    ("a release overtakes the order", |_, world| {
        some(world, |saga| {
            matches!(saga.reservation, Reservation::Released { .. })
                && saga.lane(Lane::OrdersToInventory).watermark() == 0
        })
    }),
    ("a restock overtakes the confirmation", |_, world| {
        some(world, |saga| {
            matches!(saga.reservation, Reservation::Restocked { .. })
                && saga.lane(Lane::OrdersToInventory).next().is_some()
        })
    }),
];

pub(crate) fn all() -> Vec<Property<SagaModel>> {
    let always = ALWAYS.iter().map(|(name, check)| Property::always(name, *check));
    always.chain(SOMETIMES.iter().map(|(name, check)| Property::sometimes(name, *check))).collect()
}

/// What should always hold, and does not in this world.
pub(crate) fn violated(model: SagaModel, world: &World) -> Vec<&'static str> {
    ALWAYS.iter().filter(|(_, holds)| !holds(&model, world)).map(|(name, _)| *name).collect()
}

fn every(world: &World, holds: fn(&Saga) -> bool) -> bool {
    world.sagas.iter().all(|saga| holds(saga))
}

fn some(world: &World, holds: fn(&Saga) -> bool) -> bool {
    world.sagas.iter().any(|saga| holds(saga))
}

const fn cancelled(reason: CancelReason) -> Status {
    Status::Cancelled(reason)
}

fn some_ends(world: &World, status: Status) -> bool {
    world.sagas.iter().any(|saga| saga.order.is_finished() && saga.order.status() == Some(status))
}

fn answered_once(saga: &Saga) -> bool {
    let stock =
        saga.lane(Lane::InventoryToOrders).messages().iter().filter(|message| {
            matches!(message, Message::StockReleased { .. } | Message::StockRestocked { .. })
        });
    let money = saga.lane(Lane::PaymentToOrders).messages().iter();
    let money = money.filter(|message| matches!(message, Message::PaymentVoided { .. }));
    stock.count() <= 1 && money.count() <= 1
}

fn held_by_orders(world: &World) -> bool {
    world.stock.iter().all(|stock| {
        let (mut reserved, mut sold) = (0, 0);
        for saga in &world.sagas {
            let units = |lines: &bowline_inventory_domain::Lines| -> i64 {
                let lines = lines.iter().filter(|line| line.sku == stock.sku);
                lines.map(|line| Quantity::units(line.quantity)).sum()
            };
            match &saga.reservation {
                Reservation::Reserved { lines } => reserved += units(lines),
                Reservation::Committed { lines } => sold += units(lines),
                Reservation::Unknown
                | Reservation::Rejected
                | Reservation::Released { .. }
                | Reservation::Restocked { .. } => {}
            }
        }
        (reserved, sold) == (stock.level.reserved(), stock.level.sold())
    })
}

fn held_once(saga: &Saga) -> bool {
    let provider = &saga.provider;
    [0, saga.total.minor].contains(&provider.held) && provider.taken + provider.let_go <= provider.held
}

fn taken_once(saga: &Saga) -> bool {
    match saga.provider.taken {
        0 => true,
        taken => taken == saga.total.minor && saga.order.status() == Some(Status::Confirmed),
    }
}

fn ends_once(saga: &Saga) -> bool {
    saga.ends.len() == usize::from(saga.order.is_finished())
}

/// Stock, payment's books and the provider's books are what the end of the order says.
fn agrees(saga: &Saga) -> bool {
    if !saga.order.is_finished() {
        return true;
    }
    let (total, provider, payment) = (saga.total.minor, &saga.provider, &saga.payment);
    let own = [payment.authorized(), payment.captured(), payment.voided()]
        .map(|amount| amount.map_or(0, |amount| amount.minor));
    let books = [provider.held, provider.taken, provider.let_go];
    let stock = &saga.reservation;
    let fits = match saga.order.status() {
        None | Some(Status::Pending) => false,
        Some(Status::Confirmed) => {
            books == [total, total, 0] && matches!(stock, Reservation::Committed { .. })
        }
        Some(Status::Cancelled(reason)) => {
            let nothing_left = books[0] == books[2] && books[1] == 0;
            nothing_left
                && match reason {
                    CancelReason::OutOfStock => *stock == Reservation::Rejected && payment.status().is_none(),
                    CancelReason::PaymentDeclined => {
                        matches!(stock, Reservation::Released { .. })
                            && payment.status() == Some(PaymentStatus::Declined)
                    }
                    CancelReason::Customer | CancelReason::Deadline => {
                        matches!(stock, Reservation::Released { .. })
                            && payment.status() == Some(PaymentStatus::Voided)
                    }
                    CancelReason::CaptureFailed => {
                        matches!(stock, Reservation::Restocked { .. })
                            && payment.status() == Some(PaymentStatus::Voided)
                    }
                }
        }
    };
    fits && own == books
}

fn at_rest_all_finished(world: &World) -> bool {
    let mut steps = Vec::new();
    SagaModel::steps(world, &mut steps);
    world.fault.is_some() || !steps.is_empty() || world.sagas.iter().all(|saga| saga.order.is_finished())
}
