//! Inventory: its real decisions, and what it publishes.

use bowline_inventory_domain::{self as domain, Decision, Fact, LevelChange, Levels, Rejection};
use bowline_kernel::Sku;

use super::message::Message;
use super::stock::Stock;
use super::world::Saga;

/// A decision, with the levels and the message that come of it.
#[derive(Debug)]
pub(crate) struct Decided {
    decision: Decision,
    changes: Vec<LevelChange>,
    published: Message,
}

/// What `reaction`, which `message` stands for, leads to, if anything.
pub(crate) fn decide(
    saga: &Saga,
    stock: &[Stock],
    message: &Message,
    reaction: Option<domain::Message>,
) -> Result<Option<Decided>, Rejection> {
    let Some(reaction) = reaction else { return Ok(None) };
    let mut levels = Levels::new(stock.iter().map(|stock| (stock.sku.clone(), stock.level)));
    let decision = domain::decide(saga.order_id, &saga.reservation, &mut levels, &reaction)?;
    Ok(decision.map(|decision| {
        let published = publish(&decision.fact, message);
        Decided { decision, changes: levels.changes(), published }
    }))
}

/// Keeps what was decided and returns what is published with it.
pub(crate) fn store(saga: &mut Saga, stock: &mut [Stock], decided: Decided) -> Vec<Message> {
    saga.reservation = decided.decision.reservation;
    for movement in &decided.decision.movements {
        find(stock, &movement.sku).enter(movement);
    }
    for change in &decided.changes {
        find(stock, &change.sku).level = change.after;
    }
    vec![decided.published]
}

fn find<'a>(stock: &'a mut [Stock], sku: &Sku) -> &'a mut Stock {
    stock.iter_mut().find(|stock| stock.sku == *sku).expect("every SKU that is ordered has a level")
}

/// The original is `services/inventory/src/app/publish.rs`; `cause` carries what `StockReserved` repeats.
fn publish(fact: &Fact, cause: &Message) -> Message {
    match *fact {
        Fact::StockReserved { .. } => {
            let Message::OrderPlaced { total, payment_token, .. } = cause else {
                unreachable!("only OrderPlaced reserves, and it carries what is repeated")
            };
            Message::StockReserved { total: *total, payment_token: payment_token.clone() }
        }
        Fact::StockRejected { .. } => Message::StockRejected,
        Fact::StockCommitted { units } => Message::StockCommitted { units },
        Fact::StockReleased { units } => Message::StockReleased { units },
        Fact::StockRestocked { units } => Message::StockRestocked { units },
    }
}
