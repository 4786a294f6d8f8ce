//! Stock as people read it.

use bowline_contracts::inventory::v1::{Movement, StockLevel};
use bowline_kernel::{Clock as _, SystemClock};

use crate::tables::{listed, table, when, words};

/// The column of what a movement was for.
const ABOUT: &str = "order or reason";

pub(super) fn levels(levels: &[StockLevel]) -> String {
    let mut table = table(&["sku", "available", "reserved", "sold"]);
    for StockLevel { sku, available, reserved, sold } in levels {
        table.add_row([sku.clone(), available.to_string(), reserved.to_string(), sold.to_string()]);
    }
    listed(table, &[], "sku")
}

/// What has led to a level. `here` finds the same stack again.
pub(super) fn movements(movements: &[Movement], here: &str) -> String {
    if movements.is_empty() {
        return format!("nothing has moved yet; `bowline stock adjust SKU=+UNITS{here}` adds units\n");
    }
    let now = SystemClock.now();
    let mut table = table(&["at UTC", "what", "available", "reserved", "sold", ABOUT]);
    for movement in movements {
        let about = if movement.order_id.is_empty() { &movement.reason } else { &movement.order_id };
        table.add_row([
            when(movement.record_time.as_ref(), now),
            words(movement.kind().as_str_name(), "MOVEMENT_KIND_"),
            change(movement.available_delta),
            change(movement.reserved_delta),
            change(movement.sold_delta),
            about.clone(),
        ]);
    }
    listed(table, &["what"], ABOUT)
}

fn change(delta: i64) -> String {
    if delta == 0 { String::new() } else { format!("{delta:+}") }
}
