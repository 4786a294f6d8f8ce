//! Events of inventory: what became of the units of an order.

use bowline_contracts::events::InventoryEvent;
use bowline_contracts::inventory::v1::SkuQuantity;
use bowline_projection_domain::{PublicEvent, Shortage};

use super::{Unreadable, fields};

pub(super) fn read(event: InventoryEvent) -> Result<PublicEvent, Unreadable> {
    Ok(match event {
        InventoryEvent::Reserved(reserved) => PublicEvent::StockReserved {
            units: reserved.lines.iter().map(|line| u64::from(line.quantity)).sum(),
            lines: u32::try_from(reserved.lines.len()).unwrap_or(u32::MAX),
            reserved_at: fields::time("reserved_time", reserved.reserved_time)?,
        },
        InventoryEvent::Rejected(rejected) => PublicEvent::StockRejected {
            shortages: rejected.shortages.iter().map(shortage).collect::<Result<_, _>>()?,
            rejected_at: fields::time("rejected_time", rejected.rejected_time)?,
        },
        InventoryEvent::Committed(committed) => PublicEvent::StockCommitted {
            units: committed.units,
            committed_at: fields::time("committed_time", committed.committed_time)?,
        },
        InventoryEvent::Released(released) => PublicEvent::StockReleased {
            units: released.units,
            released_at: fields::time("released_time", released.released_time)?,
        },
        InventoryEvent::Restocked(restocked) => PublicEvent::StockRestocked {
            units: restocked.units,
            restocked_at: fields::time("restocked_time", restocked.restocked_time)?,
        },
    })
}

fn shortage(shortage: &SkuQuantity) -> Result<Shortage, Unreadable> {
    Ok(Shortage {
        sku: fields::id("shortages.sku", &shortage.sku)?,
        missing: fields::quantity("shortages.quantity", shortage.quantity)?,
    })
}
