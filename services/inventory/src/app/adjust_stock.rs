//! `AdjustStock`: change available units, all adjustments or none.

use bowline_contracts::inventory::v1::{AdjustStockResponse, StockLevel};
use bowline_idempotency::{Answer, Outcome};
use bowline_inventory_domain::{AdjustStock, AdjustmentRejection, Level};
use bowline_kernel::{IdSource, Sku};
use prost::Message as _;

use super::Reply;
use super::refusal::Refusal;
use super::working_set::WorkingSet;

/// Decides against the levels as the batch has left them so far. A SKU that is missing in the catalogue is an error of
/// form, which is not remembered: the caller may add the product and send the same request again.
pub(crate) fn decide(command: &AdjustStock, work: &mut WorkingSet, ids: &dyn IdSource) -> Reply {
    let missing = |(place, sku)| (!work.is_in_catalogue(sku)).then_some(place);
    let missing: Vec<usize> = command.skus().enumerate().filter_map(missing).collect();
    if !missing.is_empty() {
        return Reply::NotInCatalogue(missing);
    }
    Reply::Answered(match work.adjust(command, ids) {
        Ok(()) => {
            let levels = command.skus().map(|sku| stock_level(sku, work.level(sku))).collect();
            let bytes = AdjustStockResponse { levels }.encode_to_vec();
            Answer { outcome: Outcome::Accepted, bytes }
        }
        Err(rejection) => Answer { outcome: Outcome::Refused, bytes: refusal(&rejection).to_bytes() },
    })
}

/// A level as protobuf writes it.
pub(crate) fn stock_level(sku: &Sku, level: Level) -> StockLevel {
    StockLevel {
        sku: sku.as_str().to_owned(),
        available: level.available(),
        reserved: level.reserved(),
        sold: level.sold(),
    }
}

fn refusal(rejection: &AdjustmentRejection) -> Refusal {
    let (reason, sku, available, delta) = match rejection {
        AdjustmentRejection::WouldGoNegative { sku, available, delta } => {
            ("INSUFFICIENT_STOCK", sku, available, delta)
        }
        AdjustmentRejection::Overflow { sku, available, delta } => ("STOCK_OVERFLOW", sku, available, delta),
    };
    Refusal::new(reason, rejection.to_string())
        .with("sku", sku)
        .with("available", available)
        .with("delta", delta)
}
